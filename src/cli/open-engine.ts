/** Opens a model for a command: options checked against the model, progress while the dense part is read. */
import { FlashMoE } from "../engine/index.ts";
import type { EngineOptions } from "../engine/types.ts";
import { FlashmoeError } from "../errors.ts";
import type { ModelDescription } from "../models/description.ts";
import { startProgress } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

export interface OpenEngine {
  description: ModelDescription;
  options: EngineOptions;
  terminal: Terminal;
  signal: AbortSignal;
  /** Tokens that will be fed; refused before anything is loaded when they do not fit. */
  promptTokens: number;
}

export async function openEngine(open: OpenEngine): Promise<FlashMoE> {
  const { description, options, terminal, signal } = open;
  checkOptions(description, options);
  const plan = await FlashMoE.plan(description, options);
  if (open.promptTokens > plan.context) {
    throw new FlashmoeError("usage", `the prompt has ${open.promptTokens} tokens, the context holds ${plan.context}.`, {
      hint: `Shorten the prompt or raise --context; this model can hold ${description.shape.contextMax}.`,
    });
  }
  const progress = startProgress(terminal, `Loading ${description.name}`, "bytes");
  try {
    return await FlashMoE.open(description, {
      ...options,
      signal,
      onProgress: ({ loadedBytes, totalBytes }) => progress.update(loadedBytes, totalBytes),
    });
  } finally {
    progress.stop();
  }
}

function checkOptions(description: ModelDescription, options: EngineOptions): void {
  const { experts, contextMax } = description.shape;
  const { expertsPerToken: k, context } = options;
  if (k !== undefined && k > experts) {
    throw new FlashmoeError("usage", `--experts-per-token ${k} is more than the model's ${experts} experts.`, {
      hint: `Give 1 to ${experts}; the model was trained with ${description.shape.expertsPerToken}.`,
    });
  }
  if (context !== undefined && context > contextMax) {
    throw new FlashmoeError("usage", `--context ${context} is more than the ${contextMax} tokens the model can hold.`, {
      hint: `Give 1 to ${contextMax}.`,
    });
  }
}

/** Ids from the command line against the model's vocabulary. */
export function checkTokenIds(ids: ArrayLike<number>, vocab: number, flag: string): void {
  for (let i = 0; i < ids.length; i++) {
    if (ids[i]! < vocab) continue;
    throw new FlashmoeError("usage", `${flag}: token id ${ids[i]} is outside the model's vocabulary.`, {
      hint: `Token ids of this model go from 0 to ${vocab - 1}.`,
    });
  }
}
