/** `flashmoe run`: one completion. Text streams to stdout, or one JSON object at the end; everything else is stderr. */
import type { Command } from "commander";
import { type FlashMoE, progressTokens, type Session } from "../engine/index.ts";
import { FlashmoeError } from "../errors.ts";
import type { ModelDescription } from "../models/description.ts";
import { type GenerationDefaults, loadGenerationDefaults } from "../models/generation-config.ts";
import { loadTokenizer, requireTokenizer, type Tokenizer } from "../models/tokenizer.ts";
import { type PreparedPrompt, preparePrompt } from "./conversation.ts";
import { collect, wholeNumber } from "./flags.ts";
import { onInterrupt } from "./interrupt.ts";
import { expertBits, locateModel } from "./locate-model.ts";
import { openEngine } from "./open-engine.ts";
import { startProgress } from "./progress.ts";
import { runResult, runStatistics, statisticsLine } from "./run-result.ts";
import { decodeSaved, encodeSaved, type SavedConversation, sessionExists } from "./session-file.ts";
import {
  addEngineOptions,
  addModelOption,
  addOutputOptions,
  addSamplingOptions,
  type EngineFlags,
  type OutputFlags,
  type SamplingFlags,
  type SamplingSettings,
  samplingOf,
} from "./shared-flags.ts";
import { printText, printTurn } from "./show-reply.ts";
import { type ReplyOutcome, streamReply } from "./stream-reply.ts";
import { createTerminal, type Terminal } from "./terminal.ts";
import { checkTokenIds, joinPrompt, readStandardInput, readTokenIds } from "./text-input.ts";
import { type ChosenOptions, chooseOptions, noteTuned } from "./tuned.ts";
import { usage } from "./usage.ts";

interface RunFlags extends EngineFlags, OutputFlags, SamplingFlags {
  model?: string;
  maxTokens?: number;
  stop?: string[];
  ignoreEos?: boolean;
  system?: string;
  raw?: boolean;
  think?: boolean;
  tokenIds?: string;
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
      wholeNumber(1, 2 ** 31 - 1),
    )
    .option("--system <text>", "system message of a new conversation")
    .option("--raw", "complete the text as it is, without chat template")
    .option("--think", "ask the chat template for thoughts before the answer")
    .option("--no-think", "ask the chat template for an answer without thoughts")
    .option("--token-ids <ids>", "prompt as ids like 1,2,3 or a file of them; needs no tokenizer")
    .option("--stop <text>", "end the reply before this text; may be repeated", collect)
    .option("--ignore-eos", "go on after the model's end token")
    .option("--session <file>", "continue the conversation in FILE if it exists, and save it there")
    .option("--stats", "print what the run cost on stderr");
  addSamplingOptions(command);
  addEngineOptions(command);
  addOutputOptions(command);
  command.action((prompt: string | undefined, flags: RunFlags) => run(prompt, flags));
}

/** What stays the same through one run. */
interface Job {
  flags: RunFlags;
  terminal: Terminal;
  description: ModelDescription;
  chosen: ChosenOptions;
  defaults: GenerationDefaults;
  tokenizer: Tokenizer | null;
  prompt: { text: string } | { ids: number[] };
}

async function run(argument: string | undefined, flags: RunFlags): Promise<void> {
  checkCombination(argument, flags);
  const resumed = flags.session !== undefined && sessionExists(flags.session);
  if (resumed && flags.system !== undefined) {
    throw usage(
      "--system cannot change a conversation that has begun.",
      "Leave it out, or start another session file.",
    );
  }
  const job = await prepareJob(argument, flags);
  // A new conversation is tokenised before the model is loaded, so that a bad prompt costs no wait.
  const prompt = resumed ? null : await preparedPrompt(job, null);
  // From here on Ctrl+C is ours. Before, the system ends the process: tokenising a long text would not notice a signal.
  using interrupt = onInterrupt();
  await using model = await openEngine({
    description: job.description,
    options: job.chosen.options,
    terminal: job.terminal,
    signal: interrupt.signal,
    promptTokens: prompt?.ids.length ?? 0,
  });
  if (prompt !== null) {
    const sampling = samplingOf(flags, job.defaults, null);
    await using session = await model.createSession({ ...sampling, topLogprobs: flags.logprobs ?? 0 });
    await answer(job, model, session, prompt, sampling, interrupt.signal);
  } else {
    await using session = await model.loadSession(flags.session!);
    const saved = decodeSaved(session.user, flags.session!);
    const sampling = samplingOf(flags, job.defaults, saved.sampling);
    await session.setSampling({ ...sampling, topLogprobs: flags.logprobs ?? 0 });
    await answer(job, model, session, await preparedPrompt(job, saved), sampling, interrupt.signal);
  }
  if (interrupt.signal.aborted) throw new FlashmoeError("cancelled", "interrupted");
}

function checkCombination(argument: string | undefined, flags: RunFlags): void {
  if (flags.tokenIds !== undefined) {
    if (argument !== undefined) throw usage("--token-ids and a prompt were both given.", "Give one of them.");
    if (flags.system !== undefined) throw usage("--system needs a text prompt.", "Leave --token-ids or --system out.");
    if (flags.think !== undefined) throw usage("--think needs a text prompt.", "Leave --token-ids or --think out.");
  }
  if (flags.raw) {
    if (flags.system !== undefined) throw usage("--system needs the chat template.", "Leave --raw or --system out.");
    if (flags.think !== undefined) throw usage("--think needs the chat template.", "Leave --raw or --think out.");
  }
  if (flags.logprobs !== undefined && !flags.json) {
    throw usage("--logprobs is part of the JSON output.", "Add --json.");
  }
  if (flags.stop?.includes("")) throw usage("--stop is empty.", "Give the text to stop at.");
}

/** Everything that can be found wrong before the native core is involved. */
async function prepareJob(argument: string | undefined, flags: RunFlags): Promise<Job> {
  const terminal = createTerminal({ quiet: flags.quiet === true });
  const prompt: Job["prompt"] =
    flags.tokenIds === undefined
      ? { text: joinPrompt(argument, await readStandardInput(terminal)) }
      : { ids: readTokenIds(flags.tokenIds) };
  const description = await locateModel(flags.model);
  const { directory, name, shape } = description;
  if ("ids" in prompt) checkTokenIds(prompt.ids, shape.vocab, "--token-ids");
  const load = "ids" in prompt ? loadTokenizer : requireTokenizer;
  const tokenizer = await load(directory, shape.vocab);
  if (tokenizer === null && flags.stop !== undefined) {
    throw usage(
      `--stop needs text, and ${name} has no tokenizer.`,
      "Leave --stop out, or add the tokenizer.json of the original release.",
    );
  }
  const chosen = chooseOptions(description, flags);
  noteTuned(chosen, flags, terminal);
  const defaults = await loadGenerationDefaults(directory);
  return { flags, terminal, description, chosen, defaults, tokenizer, prompt };
}

async function preparedPrompt(job: Job, saved: SavedConversation | null): Promise<PreparedPrompt> {
  const { flags, description, tokenizer, prompt } = job;
  if ("ids" in prompt) return { ids: prompt.ids, messages: null, openThought: false };
  return preparePrompt(description, tokenizer!, {
    text: prompt.text,
    system: flags.system,
    raw: flags.raw === true,
    think: flags.think,
    saved,
  });
}

async function answer(
  job: Job,
  model: FlashMoE,
  session: Session,
  prompt: PreparedPrompt,
  sampling: SamplingSettings,
  interrupted: AbortSignal,
): Promise<void> {
  const { flags, terminal, description } = job;
  checkRoom(session, prompt.ids.length);
  const progress = startProgress(terminal, "Reading the prompt", "tokens");
  const printer = prompt.messages === null ? printText(terminal) : printTurn(terminal, prompt.openThought);
  const unread = new AbortController();
  let outcome: ReplyOutcome;
  try {
    outcome = await streamReply({
      session,
      prompt: prompt.ids,
      tokenizer: job.tokenizer,
      stopTokens: flags.ignoreEos ? [] : description.eosTokenIds,
      stopStrings: flags.stop ?? [],
      maxTokens: flags.maxTokens,
      signal: AbortSignal.any([interrupted, unread.signal]),
      onPrompt: (at) => progress.update(progressTokens(at), at.totalTokens),
      onText: (text) => {
        progress.stop();
        if (!flags.json) printer.push(text);
        if (!terminal.open) unread.abort();
      },
    });
  } finally {
    progress.stop();
  }
  const { reply, tokens, promptMs } = outcome;
  if (!flags.json) printer.end();
  const stats = runStatistics(
    model.plan,
    await model.stats(),
    {
      promptMs,
      stepMs: tokens.slice(1).map((token) => token.stepMs),
    },
    job.chosen.tuned !== null,
  );
  if (flags.json) {
    const result = runResult(
      description,
      job.tokenizer !== null,
      prompt.ids,
      outcome,
      stats,
      flags.logprobs !== undefined,
    );
    terminal.write(`${JSON.stringify(result)}\n`);
  }
  if (flags.stats) terminal.note(statisticsLine(stats, prompt.ids.length, expertBits(description)));
  if (outcome.contextFull && reply.stoppedBy === null && tokens.length !== flags.maxTokens) {
    terminal.note(`flashmoe: the context of ${session.context} tokens is full; raise --context for a longer reply.`);
  }
  if (flags.session !== undefined) await save(job, flags.session, session, prompt, outcome, sampling);
}

/** The new tokens must fit behind what the session holds; a new session was checked before the model was loaded. */
function checkRoom(session: Session, promptTokens: number): void {
  if (session.position + promptTokens <= session.context) return;
  throw usage(
    `the prompt has ${promptTokens} tokens, and the session holds ${session.position} of ${session.context} already.`,
    "Shorten the prompt, raise --context, or start another session.",
  );
}

/** A prompt that was cut short, or a step broken off inside, leaves no state worth keeping: the file stays as it was. */
async function save(
  job: Job,
  path: string,
  session: Session,
  prompt: PreparedPrompt,
  { reply, tokens }: ReplyOutcome,
  sampling: SamplingSettings,
): Promise<void> {
  const messages =
    prompt.messages === null ? [] : [...prompt.messages, { role: "assistant" as const, content: reply.text }];
  const saved: SavedConversation = { version: 1, messages, lastToken: reply.tokens.at(-1) ?? null, sampling };
  const unchanged = () => job.terminal.note(`flashmoe: interrupted too early to save this turn in ${path}.`);
  if (tokens.length === 0) return unchanged();
  try {
    await session.save(path, encodeSaved(saved));
  } catch (error) {
    if (!(error instanceof FlashmoeError && error.code === "session_broken")) throw error;
    unchanged();
  }
}
