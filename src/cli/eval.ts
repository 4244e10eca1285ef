/** `flashmoe eval`: quality of a model on a text or on token ids: perplexity, logits, KL against reference logits. */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import type { FlashMoE } from "../engine/index.ts";
import { FlashmoeError } from "../errors.ts";
import type { ModelDescription } from "../models/description.ts";
import { requireTokenizer } from "../models/tokenizer.ts";
import { compareLogits } from "./eval-kl.ts";
import { perplexity } from "./eval-perplexity.ts";
import { onInterrupt } from "./interrupt.ts";
import { expertBits, locateModel } from "./locate-model.ts";
import { NpyReader, NpyWriter } from "./npy.ts";
import { checkTokenIds, openEngine } from "./open-engine.ts";
import { startProgress } from "./progress.ts";
import {
  addEngineOptions,
  addOutputOptions,
  type EngineFlags,
  engineOptions,
  type OutputFlags,
} from "./shared-flags.ts";
import { createTerminal, type Terminal } from "./terminal.ts";
import { usageIds } from "./tokenize.ts";

interface EvalFlags extends EngineFlags, OutputFlags {
  text?: string;
  tokenIds?: string;
  output?: string;
  reference?: string;
}

/** What an evaluation works with. */
export interface EvalJob {
  flags: EvalFlags;
  terminal: Terminal;
  description: ModelDescription;
  model: FlashMoE;
  ids: number[];
  signal: AbortSignal;
}

export function addEvalCommand(program: Command): void {
  const group = program.command("eval").description("measure a model's quality");
  const add = (name: string, description: string, work: (job: EvalJob) => Promise<void>, whole: boolean) => {
    const command = group
      .command(name)
      .description(description)
      .argument("[model]", "store name or directory; without it the embedded model")
      .option("--text <file>", "evaluate the tokens of this text file")
      .option("--token-ids <ids>", "evaluate these token ids: 1,2,3 or a file of them");
    addEngineOptions(command);
    addOutputOptions(command).action((model: string | undefined, flags: EvalFlags) =>
      evaluate(model, flags, work, whole),
    );
    return command;
  };
  add("perplexity", "perplexity of a text: exp of the mean negative log probability per token", perplexity, false);
  add("logits", "write the logits after every token as a NumPy file", writeLogits, true).requiredOption(
    "--output <file>",
    "f32 [tokens, vocabulary], .npy",
  );
  add(
    "kl",
    "distance of the logits from reference logits: KL in nats, top-1 agreement",
    klDivergence,
    true,
  ).requiredOption("--reference <file>", "f32 [tokens, vocabulary], .npy");
}

/** `whole`: all tokens must fit into one context, since the result is per position. */
async function evaluate(
  modelName: string | undefined,
  flags: EvalFlags,
  work: (job: EvalJob) => Promise<void>,
  whole: boolean,
): Promise<void> {
  if ((flags.text === undefined) === (flags.tokenIds === undefined)) {
    throw new FlashmoeError("usage", "give either --text or --token-ids.", { hint: "For example --text book.txt" });
  }
  const terminal = createTerminal({ quiet: flags.quiet === true });
  const description = await locateModel(modelName);
  const ids = await idsOf(description, flags);
  using interrupt = onInterrupt();
  await using model = await openEngine({
    description,
    options: engineOptions(flags),
    terminal,
    signal: interrupt.signal,
    promptTokens: whole ? ids.length : 0,
  });
  await work({ flags, terminal, description, model, ids, signal: interrupt.signal });
}

async function idsOf(description: ModelDescription, flags: EvalFlags): Promise<number[]> {
  const { vocab } = description.shape;
  if (flags.tokenIds !== undefined) {
    const inline = /^[\d\s,]+$/.test(flags.tokenIds);
    const ids = usageIds(inline ? flags.tokenIds : readText(flags.tokenIds));
    checkTokenIds(ids, vocab, "--token-ids");
    if (ids.length > 0) return ids;
    throw new FlashmoeError("usage", "--token-ids holds no ids.", { hint: "Give ids like 1,2,3 or a file of them." });
  }
  const tokenizer = await requireTokenizer(description.directory, vocab);
  const ids = tokenizer.encode(readText(flags.text!));
  if (ids.length > 0) return ids;
  throw new FlashmoeError("usage", `${flags.text} is empty.`, { hint: "Give a file with text." });
}

function readText(path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? "not UTF-8 text";
    throw new FlashmoeError("usage", `${path} cannot be read (${why}).`, {
      hint: "Give a readable UTF-8 file.",
      cause,
    });
  }
}

async function writeLogits(job: EvalJob): Promise<void> {
  const { model, ids, terminal, description, flags, signal } = job;
  const writer = new NpyWriter(flags.output!, [ids.length, description.shape.vocab]);
  const progress = startProgress(terminal, "Evaluating", "tokens");
  try {
    await using session = await model.createSession();
    const onProgress = (at: { doneTokens: number; totalTokens: number }) =>
      progress.update(at.doneTokens, at.totalTokens);
    for await (const row of session.logits(ids, { signal, onProgress })) writer.push(row);
    writer.finish();
  } catch (error) {
    writer.abandon();
    throw error;
  } finally {
    progress.stop();
  }
  const result = { model: description.name, tokens: ids.length, vocab: description.shape.vocab, output: flags.output };
  if (flags.json) terminal.write(`${JSON.stringify(result)}\n`);
  else terminal.note(`Wrote logits of ${ids.length} tokens to ${flags.output}.`);
}

async function klDivergence(job: EvalJob): Promise<void> {
  const { model, ids, terminal, description, flags, signal } = job;
  using reference = new NpyReader(flags.reference!);
  if (reference.rows !== ids.length || reference.cols !== description.shape.vocab) {
    throw new FlashmoeError(
      "usage",
      `${flags.reference} is [${reference.rows}, ${reference.cols}], the evaluation is [${ids.length}, ${description.shape.vocab}].`,
      { hint: "Use the logits of the same tokens and the same vocabulary." },
    );
  }
  await using session = await model.createSession();
  const measured = await compareLogits(session.logits(ids, { signal }), reference);
  const result = {
    model: description.name,
    bits: expertBits(description),
    experts_per_token: model.plan.expertsPerToken,
    ...measured,
  };
  if (flags.json) terminal.write(`${JSON.stringify(result)}\n`);
  else {
    terminal.write(
      `mean KL ${measured.mean_kl.toExponential(3)} nats, worst ${measured.max_kl.toExponential(3)}, ` +
        `top-1 agreement ${(100 * measured.top1_agreement).toFixed(2)} % over ${measured.tokens} tokens\n`,
    );
  }
}
