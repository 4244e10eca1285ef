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
/** As models are mostly asked to sample: what is unlikely would lead where no conversation goes. */
const sampling = { temperature: 0.7, topP: 0.9 };
/** Where time is bounded: tokens of a text that are read before it is known how fast that goes. */
const firstTokens = 256;
/** Of the time left, what the next part of a text may take. */
const partShare = 0.25;

export interface HeadsOptions {
  engine?: EngineOptions;
  /** Memory to record and train in, counted in the plan; default 256 MiB. */
  trainingBytes?: number;
  seed?: number;
  /** Per layer, at most; default 2,000. */
  steps?: number;
  /** Nothing more is read after this time; left out: only the memory bounds what is recorded. */
  recordingMs?: number;
  /** About how long training may take, beside what recording left of its time. */
  budgetMs?: number;
  /** Tokens that the model adds to each text at most, as far as it makes them fast; default 0. */
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
      made = Math.round(totalSteps / Math.max(1, description.shape.layers - 1)); // the first layer needs no head
      onProgress?.("training", doneSteps / totalSteps);
    },
  });
  const saved = layers.some(({ used }) => used);
  if (saved) await model.saveHeads(path);
  return { layers, tokens, steps: made, saved };
}

async function record(model: FlashMoE, texts: Iterable<ArrayLike<number>>, options: HeadsOptions): Promise<number> {
  const { continuation = 0, signal } = options;
  await using session = await model.createSession({ ...sampling, seed: options.seed ?? 1 });
  const reading = new Reading(model, session, options);
  for (const text of texts) {
    if (await reading.isOver()) break;
    await session.reset();
    const begun = performance.now();
    const whole = await reading.read(Array.from(text).slice(0, Math.max(1, model.plan.context - continuation)));
    if (whole && continuation > 0) await goOn(model, session, continuation, performance.now() - begun, signal);
  }
  return (await model.headsRecording()).recorded;
}

/** Reads texts as far as time and memory for records go: a long one in parts, the larger the faster that is. */
class Reading {
  readonly #model: FlashMoE;
  readonly #session: Session;
  readonly #options: HeadsOptions;
  readonly #begun = performance.now();
  readonly #mostMs: number;
  #tokens = 0;
  #ms = 0;

  constructor(model: FlashMoE, session: Session, options: HeadsOptions) {
    this.#model = model;
    this.#session = session;
    this.#options = options;
    this.#mostMs = options.recordingMs ?? Infinity;
  }

  async isOver(): Promise<boolean> {
    const { recorded, capacity } = await this.#model.headsRecording();
    const elapsed = performance.now() - this.#begun;
    this.#options.onProgress?.("recording", Math.max(recorded / capacity, elapsed / this.#mostMs));
    return recorded === capacity || elapsed > this.#mostMs;
  }

  /** False when it stopped before the text's end. */
  async read(text: readonly number[]): Promise<boolean> {
    for (let first = 0; first < text.length; ) {
      if (first > 0 && (await this.isOver())) return false;
      const part = text.slice(first, first + this.#partTokens());
      const begun = performance.now();
      await this.#session.prefill(part, { signal: this.#options.signal });
      this.#ms += performance.now() - begun;
      this.#tokens += part.length;
      first += part.length;
    }
    return true;
  }

  #partTokens(): number {
    if (this.#mostMs === Infinity) return Infinity;
    if (this.#ms === 0) return firstTokens;
    const left = Math.max(0, this.#mostMs - (performance.now() - this.#begun));
    return Math.max(firstTokens, Math.floor((this.#tokens / this.#ms) * partShare * left));
  }
}

/** Until the model ends its turn, within a multiple of the time that reading took. */
async function goOn(
  model: FlashMoE,
  session: Session,
  maxTokens: number,
  readMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const begun = performance.now();
  const stopTokens = model.description.eosTokenIds;
  for await (const _ of session.generate({ maxTokens, stopTokens, signal })) {
    if (performance.now() - begun > continuationShare * readMs) break;
  }
}
