/**
 * Training heads from start to file: opens the model with room to record in, feeds it texts until that is full, trains
 * and saves. What is fed last is held out to compare the heads with the router.
 */
import type { ModelDescription } from "../models/description.ts";
import { FlashMoE } from "./flashmoe.ts";
import type { EngineOptions, LayerHeads } from "./types.ts";

/** Enough for some tens of thousands of tokens of a small model, some thousand of a large one. */
const defaultTrainingBytes = 256 << 20;

export interface HeadsOptions {
  engine?: EngineOptions;
  /** Memory to record and train in, counted in the plan; default 256 MiB. */
  trainingBytes?: number;
  seed?: number;
  /** Per layer; default 1,500. */
  steps?: number;
  signal?: AbortSignal;
  /** Parts of the whole, 0 to 1. */
  onProgress?: (stage: "recording" | "training", done: number) => void;
}

/**
 * Each text is fed to an empty session, cut at the context's end. Stops asking for texts when nothing more can be
 * recorded. Returns what every layer's head was worth; the file is for `EngineOptions.heads`.
 */
export async function trainHeads(
  description: ModelDescription,
  texts: Iterable<ArrayLike<number>>,
  path: string,
  options: HeadsOptions = {},
): Promise<LayerHeads[]> {
  const { engine = {}, trainingBytes = defaultTrainingBytes, seed, steps, signal, onProgress } = options;
  await using model = await FlashMoE.open(description, { ...engine, headsTrainingBytes: trainingBytes, signal });
  await using session = await model.createSession();
  for (const text of texts) {
    const { recorded, capacity } = await model.headsRecording();
    onProgress?.("recording", recorded / capacity);
    if (recorded === capacity) break;
    await session.reset();
    await session.prefill(Array.from(text).slice(0, model.plan.context), { signal });
  }
  const figures = await model.trainHeads({
    seed,
    steps,
    signal,
    onProgress: ({ doneSteps, totalSteps }) => onProgress?.("training", doneSteps / totalSteps),
  });
  await model.saveHeads(path);
  return figures;
}
