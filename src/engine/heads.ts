/**
 * Training heads from start to file: opens the model with room to record in, feeds it texts and lets it go on with some of
 * them until that is full, trains and saves. What is fed last is held out to compare the heads with the router.
 */
import type { ModelDescription } from "../models/description.ts";
import { FlashMoE } from "./flashmoe.ts";
import type { Session } from "./session.ts";
import type { EngineOptions, LayerHeads } from "./types.ts";

/** Enough for some tens of thousands of tokens of a small model, some thousand of a large one. */
const defaultTrainingBytes = 256 << 20;
/** A text's own continuation may take this many times as long as reading the text did. */
const continuationShare = 2;

export interface HeadsOptions {
  engine?: EngineOptions;
  /** Memory to record and train in, counted in the plan; default 256 MiB. */
  trainingBytes?: number;
  seed?: number;
  /** Per layer, at most; default 2,000. */
  steps?: number;
  /** No text is begun after this time; left out: only the memory bounds what is recorded. */
  recordingMs?: number;
  /** About how long training may take, beside what recording left of its time. */
  budgetMs?: number;
  /** Tokens that the model adds to each text, as far as it makes them fast; default 0. */
  continuation?: number;
  signal?: AbortSignal;
  /** Parts of the whole, 0 to 1. */
  onProgress?: (stage: "recording" | "training", done: number) => void;
}

export interface TrainedHeads {
  layers: LayerHeads[];
  /** Tokens recorded, the held-out ones among them. */
  tokens: number;
  steps: number;
  /** False where no head is better than its router: there is no file. */
  saved: boolean;
}

/**
 * Each text is fed to an empty session, cut at the context's end. Stops asking for texts when nothing more can be
 * recorded. The file is for `EngineOptions.heads`.
 */
export async function trainHeads(
  description: ModelDescription,
  texts: Iterable<ArrayLike<number>>,
  path: string,
  options: HeadsOptions = {},
): Promise<TrainedHeads> {
  const { engine = {}, trainingBytes = defaultTrainingBytes, seed, steps, budgetMs, signal, onProgress } = options;
  await using model = await FlashMoE.open(description, { ...engine, headsTrainingBytes: trainingBytes, signal });
  const begun = performance.now();
  const tokens = await record(model, texts, options);
  const { recordingMs = 0 } = options;
  const unspent = Math.max(0, recordingMs - (performance.now() - begun));
  let made = 0;
  const layers = await model.trainHeads({
    seed,
    steps,
    budgetMs: budgetMs === undefined ? undefined : Math.ceil(budgetMs + unspent),
    signal,
    onProgress: ({ doneSteps, totalSteps }) => {
      made = totalSteps / Math.max(1, description.shape.layers - 1); // the first layer needs no head
      onProgress?.("training", doneSteps / totalSteps);
    },
  });
  const saved = layers.some(({ used }) => used);
  if (saved) await model.saveHeads(path);
  return { layers, tokens, steps: made, saved };
}

async function record(model: FlashMoE, texts: Iterable<ArrayLike<number>>, options: HeadsOptions): Promise<number> {
  const { recordingMs = Infinity, continuation = 0, signal, onProgress } = options;
  await using session = await model.createSession({ temperature: 1, seed: options.seed ?? 1 });
  const begun = performance.now();
  for (const text of texts) {
    const { recorded, capacity } = await model.headsRecording();
    const elapsed = performance.now() - begun;
    onProgress?.("recording", Math.max(recorded / capacity, elapsed / recordingMs));
    if (recorded === capacity || elapsed > recordingMs) break;
    await session.reset();
    const prompt = Array.from(text).slice(0, Math.max(1, model.plan.context - continuation));
    const fed = performance.now();
    await session.prefill(prompt, { signal });
    if (continuation > 0) await goOn(session, continuation, continuationShare * (performance.now() - fed), signal);
  }
  return (await model.headsRecording()).recorded;
}

async function goOn(session: Session, maxTokens: number, ms: number, signal?: AbortSignal): Promise<void> {
  const begun = performance.now();
  for await (const _ of session.generate({ maxTokens, signal })) if (performance.now() - begun > ms) break;
}
