/** `flashmoe run`: one completion. Text streams to stdout, or one JSON object at the end; everything else is stderr. */
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { Reply } from "../chat/stop.ts";
import type { FlashMoE, Session, Token } from "../engine/index.ts";
import { FlashmoeError } from "../errors.ts";
import type { ModelDescription } from "../models/description.ts";
import { loadGenerationDefaults } from "../models/generation-config.ts";
import { loadTokenizer, requireTokenizer, type Tokenizer } from "../models/tokenizer.ts";
import {
  decodeSaved,
  encodeSaved,
  type PreparedPrompt,
  preparePrompt,
  type SavedConversation,
} from "./conversation.ts";
import { collect, parseTokenIds, wholeNumber } from "./flags.ts";
import { onInterrupt } from "./interrupt.ts";
import { expertBits, locateModel } from "./locate-model.ts";
import { checkTokenIds, openEngine } from "./open-engine.ts";
import { startProgress } from "./progress.ts";
import { joinPrompt, readStandardInput } from "./prompt-input.ts";
import {
  addEngineOptions,
  addModelOption,
  addOutputOptions,
  addSamplingOptions,
  type EngineFlags,
  engineOptions,
  type OutputFlags,
  type SamplingFlags,
  samplingOf,
} from "./shared-flags.ts";
import { runStatistics, statisticsLine } from "./statistics.ts";
import { createTerminal, type Terminal } from "./terminal.ts";

interface RunFlags extends EngineFlags, OutputFlags, SamplingFlags {
  model?: string;
  maxTokens?: number;
  stop?: string[];
  ignoreEos?: boolean;
  system?: string;
  raw?: boolean;
  think?: boolean;
  tokenIds?: number[];
  session?: string;
  stats?: boolean;
}

export function addRunCommand(program: Command): void {
  const command = program
    .command("run")
    .description("answer one prompt: from the argument, standard input, or both")
    .argument("[prompt]", "the prompt; text on standard input follows it after a blank line");
  addModelOption(command);
  command
    .option(
      "-n, --max-tokens <n>",
      "most tokens to generate (default: until the context is full)",
      wholeNumber(1, 2 ** 31),
    )
    .option("--system <text>", "system message of a new conversation")
    .option("--raw", "complete the text as it is, without chat template")
    .option("--think", "ask the chat template for thoughts before the answer")
    .option("--no-think", "ask the chat template for an answer without thoughts")
    .option("--token-ids <ids>", "prompt as token ids like 1,2,3; needs no tokenizer", parseTokenIds)
    .option("--stop <text>", "end the reply before this text; may be repeated", collect)
    .option("--ignore-eos", "go on after the model's end token")
    .option("--session <file>", "continue the conversation in FILE if it exists, and save it there")
    .option("--stats", "print what the run cost on stderr");
  addSamplingOptions(command);
  addEngineOptions(command);
  addOutputOptions(command);
  command.action((prompt: string | undefined, flags: RunFlags) => run(prompt, flags));
}

async function run(argument: string | undefined, flags: RunFlags): Promise<void> {
  checkCombination(argument, flags);
  const terminal = createTerminal({ quiet: flags.quiet === true });
  const text = flags.tokenIds === undefined ? joinPrompt(argument, await readStandardInput()) : null;
  const description = await locateModel(flags.model);
  const tokenizer =
    text === null
      ? await loadTokenizer(description.directory, description.shape.vocab)
      : await requireTokenizer(description.directory, description.shape.vocab);
  if (tokenizer === null && flags.stop !== undefined) {
    throw new FlashmoeError("usage", `--stop needs text, and ${description.name} has no tokenizer.`, {
      hint: "Leave --stop out, or add the tokenizer.json of the original release.",
    });
  }
  using interrupt = onInterrupt();
  const job: Job = { flags, terminal, description, tokenizer, text, signal: interrupt.signal };
  const resumed = flags.session !== undefined && existsSync(flags.session);
  // A new conversation is tokenised before the model is loaded, so that a bad prompt costs no wait.
  const prepared = resumed ? null : await prepare(job, null);
  await using model = await openEngine({
    description,
    options: engineOptions(flags),
    terminal,
    signal: interrupt.signal,
    promptTokens: prepared?.ids.length ?? 0,
  });
  const sampling = samplingOf(flags, await loadGenerationDefaults(description.directory));
  if (prepared !== null) {
    await using session = await model.createSession(sampling);
    await answer(job, model, session, prepared);
  } else {
    await using session = await model.loadSession(flags.session!, sampling);
    const saved = decodeSaved(session.user);
    if (flags.system !== undefined) {
      throw new FlashmoeError("usage", "--system cannot change a conversation that has begun.", {
        hint: "Leave it out, or start another session file.",
      });
    }
    await answer(job, model, session, await prepare(job, saved));
  }
  if (interrupt.signal.aborted) throw new FlashmoeError("cancelled", "interrupted");
}

/** What stays the same through one run. */
interface Job {
  flags: RunFlags;
  terminal: Terminal;
  description: ModelDescription;
  tokenizer: Tokenizer | null;
  /** null with --token-ids. */
  text: string | null;
  signal: AbortSignal;
}

function checkCombination(argument: string | undefined, flags: RunFlags): void {
  const refuse = (message: string, hint: string) => {
    throw new FlashmoeError("usage", message, { hint });
  };
  if (flags.tokenIds !== undefined) {
    if (argument !== undefined) refuse("--token-ids and a prompt were both given.", "Give one of them.");
    if (flags.tokenIds.length === 0) refuse("--token-ids is empty.", "Give at least one id, like 1,2,3.");
    if (flags.system !== undefined) refuse("--system needs a text prompt.", "Leave --token-ids or --system out.");
  }
  if (flags.raw && flags.system !== undefined)
    refuse("--system needs the chat template.", "Leave --raw or --system out.");
  if (flags.raw && flags.think !== undefined) refuse("--think needs the chat template.", "Leave --raw or --think out.");
  if (flags.logprobs !== undefined && !flags.json) refuse("--logprobs is part of the JSON output.", "Add --json.");
  if (flags.stop?.includes("")) refuse("--stop is empty.", "Give the text to stop at.");
}

async function prepare(job: Job, saved: SavedConversation | null): Promise<PreparedPrompt> {
  const { flags, description, tokenizer, text } = job;
  if (text === null || tokenizer === null) {
    const ids = flags.tokenIds ?? [];
    checkTokenIds(ids, description.shape.vocab, "--token-ids");
    return { ids, messages: null };
  }
  return preparePrompt(description, tokenizer, {
    text,
    system: flags.system,
    raw: flags.raw === true,
    think: flags.think,
    saved,
  });
}

async function answer(job: Job, model: FlashMoE, session: Session, prompt: PreparedPrompt): Promise<void> {
  const { flags, terminal, description, tokenizer, signal } = job;
  checkRoom(session, prompt.ids.length);
  const stopTokens = flags.ignoreEos ? [] : description.eosTokenIds;
  const reply = new Reply(tokenizer?.decoder() ?? null, {
    tokens: stopTokens,
    strings: flags.stop ?? [],
    maxTokens: flags.maxTokens ?? Number.POSITIVE_INFINITY,
  });
  const out = (text: string) => {
    if (!flags.json) terminal.write(text);
  };
  const progress = startProgress(terminal, "Reading the prompt", "tokens");
  const startedAt = performance.now();
  const tokens: Token[] = [];
  const generation = session.generate({
    prompt: prompt.ids,
    maxTokens: flags.maxTokens,
    stopTokens,
    signal,
    onProgress: ({ doneTokens, totalTokens }) => progress.update(doneTokens, totalTokens),
  });
  let firstMs = 0;
  try {
    for await (const token of generation) {
      if (tokens.length === 0) {
        progress.stop();
        firstMs = performance.now() - startedAt;
      }
      tokens.push(token);
      out(reply.push(token.id).text);
      if (reply.finishReason !== null || !terminal.open) break;
    }
  } catch (error) {
    if (!(error instanceof FlashmoeError && error.code === "cancelled")) throw error;
  } finally {
    progress.stop();
  }
  out(reply.end(signal.aborted || !terminal.open ? "cancelled" : "length").text);
  if (!flags.json && reply.text !== "" && !reply.text.endsWith("\n")) out("\n");
  const stats = runStatistics(model.plan, await model.stats(), {
    promptMs: generation.promptMs ?? firstMs,
    stepMs: tokens.slice(1).map((token) => token.stepMs),
  });
  if (flags.json) terminal.write(`${JSON.stringify(jsonResult(job, prompt.ids, reply, tokens, stats), null, 2)}\n`);
  if (flags.stats) terminal.note(statisticsLine(stats, prompt.ids.length, expertBits(description)));
  if (generation.reason === "context" && reply.stoppedBy === null) {
    terminal.note(`flashmoe: the context of ${session.context} tokens is full; raise --context for a longer reply.`);
  }
  if (flags.session !== undefined) await save(flags.session, session, prompt, reply);
}

/** The new tokens and at least one reply token must fit behind what the session holds. */
function checkRoom(session: Session, promptTokens: number): void {
  if (session.position + promptTokens <= session.context) return;
  throw new FlashmoeError(
    "usage",
    `the prompt has ${promptTokens} tokens, and the session holds ${session.position} of ${session.context} already.`,
    { hint: "Shorten the prompt, raise --context, or start another session." },
  );
}

function jsonResult(job: Job, promptIds: number[], reply: Reply, tokens: Token[], stats: unknown): unknown {
  return {
    model: job.description.name,
    prompt_tokens: promptIds,
    tokens: reply.tokens,
    text: job.tokenizer === null ? null : reply.text,
    finish_reason: reply.finishReason,
    ...(job.flags.logprobs === undefined
      ? {}
      : { logprobs: tokens.slice(0, reply.tokens.length).map(({ id, logprob, top }) => ({ id, logprob, top })) }),
    stats,
  };
}

async function save(path: string, session: Session, prompt: PreparedPrompt, reply: Reply): Promise<void> {
  const messages =
    prompt.messages === null ? [] : [...prompt.messages, { role: "assistant" as const, content: reply.text }];
  const byString = typeof reply.stoppedBy === "string";
  await session.save(
    path,
    encodeSaved({ version: 1, messages, lastToken: byString ? null : (reply.tokens.at(-1) ?? null) }),
  );
}
