/** `flashmoe eval`: quality of a model on a text or on token ids (perplexity, logits, KL against reference logits) and on tasks. */
import type { Command } from "commander";
import type { FlashMoE } from "../engine/index.ts";
import type { ModelDescription } from "../models/description.ts";
import { requireTokenizer } from "../models/tokenizer.ts";
import { klDivergence } from "./eval-kl.ts";
import { writeLogits } from "./eval-logits.ts";
import { perplexity } from "./eval-perplexity.ts";
import { addSuiteCommand } from "./eval-suite.ts";
import { onInterrupt } from "./interrupt.ts";
import { chosenModel, locateModel } from "./locate-model.ts";
import { openEngine } from "./open-engine.ts";
import {
  addEngineOptions,
  addModelOption,
  addOutputOptions,
  type EngineFlags,
  type OutputFlags,
} from "./shared-flags.ts";
import { createTerminal, type Terminal } from "./terminal.ts";
import { checkTokenIds, readTextFile, readTokenIds } from "./text-input.ts";
import { chooseOptions, noteTuned } from "./tuned.ts";
import { usage } from "./usage.ts";

export interface EvalFlags extends EngineFlags, OutputFlags {
  model?: string;
  text?: string;
  tokenIds?: string;
  output?: string;
  reference?: string;
}

/** What is known before the model is loaded. */
export interface EvalInput {
  flags: EvalFlags;
  terminal: Terminal;
  description: ModelDescription;
  ids: number[];
}

/** The work with the loaded model; prints its own result. */
export type EvalWork = (model: FlashMoE, signal: AbortSignal) => Promise<void>;

/** An evaluation checks its input at once, so that no load is waited for in vain, and returns its work. */
type Evaluation = (input: EvalInput) => EvalWork;

export function addEvalCommand(program: Command): void {
  const group = program.command("eval").description("measure a model's quality");
  const add = (name: string, description: string, evaluation: Evaluation, options: { whole: boolean }) => {
    const command = group
      .command(name)
      .description(description)
      .argument("[model]", "store name or directory (default: the embedded model)")
      .option("--text <file>", "evaluate the tokens of this text file")
      .option("--token-ids <ids>", "evaluate these token ids: 1,2,3 or a file of them");
    addModelOption(command);
    addEngineOptions(command);
    return addOutputOptions(command).action((model: string | undefined, flags: EvalFlags) =>
      evaluate(chosenModel(model, flags.model), flags, evaluation, options.whole),
    );
  };
  add("perplexity", "perplexity of a text: exp of the mean negative log probability", perplexity, { whole: false });
  add("logits", "write the logits after every token as a NumPy file", writeLogits, { whole: true }).requiredOption(
    "--output <file>",
    "where to: .npy, f32 [tokens, vocabulary]",
  );
  add("kl", "distance from reference logits: KL in nats, top-1 agreement", klDivergence, {
    whole: true,
  }).requiredOption("--reference <file>", "the reference: .npy, f32 [tokens, vocabulary]");
  addSuiteCommand(group);
}

/** `whole`: all tokens must fit into one context, since the result is per position. */
async function evaluate(
  modelName: string | undefined,
  flags: EvalFlags,
  evaluation: Evaluation,
  whole: boolean,
): Promise<void> {
  if ((flags.text === undefined) === (flags.tokenIds === undefined)) {
    throw usage("give either --text or --token-ids.", "For example --text book.txt");
  }
  const given = flags.tokenIds === undefined ? readTextFile(flags.text!) : readTokenIds(flags.tokenIds);
  const terminal = createTerminal({ quiet: flags.quiet === true });
  const description = await locateModel(modelName);
  const ids = await idsOf(description, flags, given);
  const work = evaluation({ flags, terminal, description, ids });
  const chosen = chooseOptions(description, flags);
  noteTuned(chosen, flags, terminal);
  using interrupt = onInterrupt();
  await using model = await openEngine({
    description,
    options: chosen.options,
    terminal,
    signal: interrupt.signal,
    promptTokens: whole ? ids.length : 0,
  });
  await work(model, interrupt.signal);
}

async function idsOf(description: ModelDescription, flags: EvalFlags, given: string | number[]): Promise<number[]> {
  const { directory, shape } = description;
  if (typeof given !== "string") {
    checkTokenIds(given, shape.vocab, "--token-ids");
    return given;
  }
  const ids = (await requireTokenizer(directory, shape.vocab)).encode(given);
  if (ids.length > 0) return ids;
  throw usage(`${flags.text} is empty.`, "Give a file with text.");
}
