/**
 * The part of `tune` that trains heads: the model reads texts and goes on with them, what its routers chose is recorded,
 * and for every layer a small network learns to name it early. They are kept where they win on tokens held out.
 */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { type EngineOptions, FlashMoE, type LayerHeads, trainHeads } from "../engine/index.ts";
import { FlashmoeError } from "../errors.ts";
import { formatBytes } from "./format.ts";
import { headsPath } from "./heads-file.ts";
import { startProgress } from "./progress.ts";
import type { Terminal } from "./terminal.ts";
import type { StageInput } from "./tune-stages.ts";

/** Most memory to record in: some 100,000 tokens of a small model. */
const MEMORY_MAX = 2 ** 31;
/** Of what the memory limit leaves beyond the least that a step needs; the rest caches experts meanwhile. */
const MEMORY_SHARE = 0.75;
/** Of the time that may be spent, for recording. */
const RECORDING_SHARE = 0.4;
const SEED = 1;
/** Tokens that the model adds to a text, as far as it makes them fast. */
const CONTINUATION = 64;

/** Of tokens held out, mean over the layers from the second on; a layer without head counts as its router does. The first is computed ahead. */
export interface HeadsRecall {
  router: number;
  heads: number;
  /** With half as many guesses again. */
  router_all: number;
  heads_all: number;
}

export interface HeadsOutcome {
  /** Null where none were saved: `note` says why. */
  path: string | null;
  note: string | null;
  tokens: number;
  steps: number;
  seconds: number;
  recall: HeadsRecall | null;
}

export interface HeadsInput {
  input: StageInput;
  options: EngineOptions;
  /** What was asked for; left out: two minutes where experts are streamed, else nothing. */
  seconds: number | undefined;
  /** None longer than so many tokens. */
  textsFor(room: number): Promise<Iterable<number[]>>;
  terminal: Terminal;
}

const SECONDS_DEFAULT = 120;

export async function headsStage(heads: HeadsInput): Promise<HeadsOutcome> {
  const { plan, description } = heads.input;
  const resident = plan.slotCount === description.shape.layers * description.shape.experts;
  const seconds = heads.seconds ?? (resident ? 0 : SECONDS_DEFAULT);
  if (heads.seconds === 0) return none("not asked for");
  if (seconds === 0)
    return none("every expert stays in memory, so there is nothing to guess; --heads-seconds trains them all the same");
  if (heads.options.prefetch === "off") return none("nothing is guessed with --prefetch off");
  return train(heads, seconds);
}

function none(note: string): HeadsOutcome {
  return { path: null, note, tokens: 0, steps: 0, seconds: 0, recall: null };
}

async function train({ input, options, textsFor, terminal }: HeadsInput, seconds: number): Promise<HeadsOutcome> {
  const { description, plan, signal } = input;
  const texts = await textsFor(Math.max(1, plan.context - CONTINUATION));
  const path = headsPath(description.hash);
  mkdirSync(dirname(path), { recursive: true });
  const { limitBytes, minimumBytes } = await FlashMoE.plan(description, options); // the process has grown since tune began
  const left = limitBytes === 0 ? MEMORY_MAX : MEMORY_SHARE * (limitBytes - minimumBytes);
  const trainingBytes = Math.max(1, Math.floor(Math.min(MEMORY_MAX, left)));
  const progress = startProgress(terminal, `Training heads, ${seconds} s or less`, "items");
  const begun = performance.now();
  try {
    const { layers, tokens, steps, saved } = await trainHeads(description, texts, path, {
      engine: options,
      trainingBytes,
      seed: SEED,
      continuation: CONTINUATION,
      recordingMs: 1000 * RECORDING_SHARE * seconds,
      budgetMs: Math.ceil(1000 * (1 - RECORDING_SHARE) * seconds),
      signal,
      onProgress: (stage, done) =>
        progress.update(
          100 *
            (stage === "recording"
              ? RECORDING_SHARE * Math.min(1, done)
              : RECORDING_SHARE + (1 - RECORDING_SHARE) * done),
          100,
        ),
    });
    const note = saved ? null : "no layer's head names more experts than its router by a margin";
    const made = { tokens, steps, seconds: (performance.now() - begun) / 1000, recall: recallOf(layers) };
    return { path: saved ? path : null, note, ...made };
  } catch (error) {
    // Too little memory or too few tokens: the engine says how much would do.
    const expected = error instanceof FlashmoeError && ["invalid_argument", "memory_too_small"].includes(error.code);
    if (!expected) throw error;
    return none(
      `${error.message}. The limit left ${formatBytes(trainingBytes)} for them; they serve under any limit, so tune once with more memory`,
    );
  } finally {
    progress.stop();
  }
}

function recallOf(layers: readonly LayerHeads[]): HeadsRecall {
  const mean = (valueIn: (layer: LayerHeads) => number) => {
    const later = layers.slice(1);
    return later.length === 0 ? 0 : later.reduce((sum, layer) => sum + valueIn(layer), 0) / later.length;
  };
  return {
    router: mean(({ router }) => router),
    heads: mean(({ used, head, router }) => (used ? head : router)),
    router_all: mean(({ routerAll }) => routerAll),
    heads_all: mean(({ used, headAll, routerAll }) => (used ? headAll : routerAll)),
  };
}

export function describeHeads({ path, note, tokens, steps, seconds, recall }: HeadsOutcome): string {
  if (recall === null) return `heads: none trained: ${note}\n`;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return (
    `heads: ${tokens} tokens recorded, ${steps} steps a layer, ${seconds.toFixed(0)} s; of the experts that held-out tokens needed were named\n` +
    `  by the routers ${percent(recall.router)} (${percent(recall.router_all)} with half as many guesses again), ` +
    `with heads ${percent(recall.heads)} (${percent(recall.heads_all)})\n` +
    `  ${path === null ? `none saved: ${note}` : `saved in ${path}`}\n`
  );
}
