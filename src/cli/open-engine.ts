/** Opens a model for a command: options checked against model and machine, progress while the dense part is read. */
import { cpuInfo, createPacker, type EngineOptions, FlashMoE } from "../engine/index.ts";
import type { ModelDescription } from "../models/description.ts";
import { modelError } from "../models/model-error.ts";
import { verifyModel } from "../models/verify.ts";
import { decideHeads } from "./heads-file.ts";
import { startProgress } from "./progress.ts";
import type { Terminal } from "./terminal.ts";
import { usage } from "./usage.ts";

export interface OpenEngine {
  description: ModelDescription;
  options: EngineOptions;
  terminal: Terminal;
  signal: AbortSignal;
  /** Tokens that will be fed; refused before anything is loaded when they do not fit. */
  promptTokens: number;
}

export async function openEngine(open: OpenEngine): Promise<FlashMoE> {
  const { description, terminal, signal } = open;
  const { options, note } = await decideHeads(description, open.options);
  if (note !== null) terminal.note(note);
  await checkOpen(description, options, open.promptTokens);
  if (options.paranoid) await checkResident(open);
  const progress = startProgress(terminal, `Loading ${description.name}`, "bytes");
  try {
    return await FlashMoE.open(description, {
      ...options,
      signal,
      onHeadsRefused: ({ message }) => terminal.note(`${message}; going on without`),
      onProgress: ({ loadedBytes, totalBytes }) => progress.update(loadedBytes, totalBytes),
    });
  } finally {
    progress.stop();
  }
}

/** --paranoid: the engine compares each record as it is read; everything else is compared before it is loaded. */
async function checkResident({ description, terminal, signal }: OpenEngine): Promise<void> {
  const progress = startProgress(terminal, `Checking ${description.name}`, "bytes");
  try {
    const { damaged } = await verifyModel(description, {
      pack: await createPacker(),
      experts: false,
      signal,
      onProgress: (done, total) => progress.update(done, total),
    });
    const [first] = damaged;
    if (first === undefined) return;
    const where = first.tensor === null ? first.file : `${first.file}, ${first.tensor}`;
    throw modelError(`${where}: ${first.what}.`, "`flashmoe verify` lists all damage; copy or pack the model again.");
  } finally {
    progress.stop();
  }
}

/** What the command line can refuse before anything is loaded or measured. */
export async function checkOpen(
  description: ModelDescription,
  options: EngineOptions,
  promptTokens: number,
): Promise<void> {
  await checkOptions(description, options);
  const plan = await FlashMoE.plan(description, options);
  checkPrompt(promptTokens, plan.context, description.shape.contextMax);
}

export async function checkOptions(description: ModelDescription, options: EngineOptions): Promise<void> {
  const { experts, contextMax, expertsPerToken: trained } = description.shape;
  const { expertsPerToken: k, context, cpuLevel, paranoid } = options;
  if (paranoid && description.packed === null) {
    throw usage(
      `--paranoid compares with hashes, and only packed models have them; ${description.name} is none.`,
      "Pack it first (flashmoe pack), or leave --paranoid out.",
    );
  }
  if (k !== undefined && k > experts) {
    throw usage(
      `--experts-per-token ${k} is more than the model's ${experts} experts.`,
      `Give 1 to ${experts}; the model was trained with ${trained}.`,
    );
  }
  if (context !== undefined && context > contextMax) {
    throw usage(
      `--context ${context} is more than the ${contextMax} tokens the model can hold.`,
      `Give 1 to ${contextMax}.`,
    );
  }
  if (cpuLevel === undefined || cpuLevel === "automatic") return;
  const { supportedLevels } = await cpuInfo();
  if (!supportedLevels.includes(cpuLevel)) {
    throw usage(`--cpu-level: this machine does not run ${cpuLevel}.`, `It runs ${supportedLevels.join(", ")}.`);
  }
}

function checkPrompt(tokens: number, context: number, contextMax: number): void {
  if (tokens <= context) return;
  const raise = context < contextMax ? `raise --context (this model can hold ${contextMax})` : "split it";
  throw usage(`the prompt has ${tokens} tokens, the context holds ${context}.`, `Shorten the prompt or ${raise}.`);
}
