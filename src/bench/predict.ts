/**
 * What decode will cost before anything is loaded: bytes that miss, how long they take to read, how long the arithmetic
 * takes, and which of the two binds. Pure; `tests/bench/plan.ts` holds it against measurements.
 */
import type { Plan } from "../engine/index.ts";
import type { ModelDescription } from "../models/description.ts";
import { type DepthRate, type Rates, touchedBytesPerToken } from "./roofline.ts";

/** Hit rate of the default policy against the share of all experts that is resident, both 0 to 1, ascending shares. */
export type HitCurve = readonly { share: number; hit_rate: number }[];

export interface Prediction {
  /** Expected share of hits once the cache is warm. */
  hit_rate: number;
  /** Where the hit rate comes from: routing recorded by `tune`, or the assumption that every expert is equally likely. */
  hit_rate_source: "recorded" | "uniform";
  missed_bytes_per_token: number;
  touched_bytes_per_token: number;
  read_ms: number;
  compute_ms: number;
  /** From `tune` where this model was tuned here, else from the memory rate. */
  compute_source: "measured" | "estimated";
  token_ms: number;
  tokens_per_s: number;
  binds: "disk" | "compute";
}

// Assumptions where no measurement of this model says more, from docs/benchmarks.md.
/** Share of the memory rate's best pass that decode's matrices reach. */
const COMPUTE_EFFICIENCY = 0.65;
/** What a layer costs beside reading its weights: small operations, and threads that meet. */
const LAYER_MS = 0.06;
/** How much longer arithmetic takes while experts are read beside it. */
const COMPUTE_BESIDE_READING = 1.2;
/** What `hidden` is with guesses. */
const HIDDEN_BY_GUESSES = 1;
/** Records that guesses keep under way. */
const GUESSED_AT_ONCE = 3;

export interface Known {
  /** Measured on this model with the same threads and K. */
  computeMs?: number;
  curve?: HitCurve;
  /** Time of reading over what the rates say for what a token misses: wrong guesses, pauses. */
  reading?: number;
  /** Time that reading and computing share, over `mostlyHidden` of them. */
  hidden?: number;
  /** The next layer's experts are guessed and read early. */
  guesses?: boolean;
}

export function predict(description: ModelDescription, plan: Plan, rates: Rates, known: Known = {}): Prediction {
  const { layers, experts } = description.shape;
  const share = plan.slotCount / (layers * experts);
  const hitRate = known.curve === undefined ? Math.min(1, share) : hitRateAt(known.curve, share);
  const missed = plan.bytesPerToken * (1 - hitRate);
  // The first tokens of a context: a long one adds its keys and values.
  const touched = touchedBytesPerToken(description, plan, 0);
  const { guesses = false } = known;
  const ratedMs = readMsOf(rates, missed, plan.expertsPerToken * (1 - hitRate), guesses);
  const readMs = (known.reading ?? 1) * ratedMs;
  const computeMs = known.computeMs ?? estimatedComputeMs(rates, touched, layers, readMs);
  const hiddenMs =
    known.hidden !== undefined || guesses
      ? Math.min((known.hidden ?? HIDDEN_BY_GUESSES) * mostlyHidden(readMs, computeMs), readMs, computeMs)
      : // A layer's hits are computed while its misses are read.
        Math.min(readMs, computeMs * (plan.bytesPerToken / touched) * hitRate);
  const tokenMs = readMs + computeMs - hiddenMs;
  return {
    hit_rate: hitRate,
    hit_rate_source: known.curve === undefined ? "uniform" : "recorded",
    missed_bytes_per_token: missed,
    touched_bytes_per_token: touched,
    read_ms: readMs,
    compute_ms: computeMs,
    compute_source: known.computeMs === undefined ? "estimated" : "measured",
    token_ms: tokenMs,
    tokens_per_s: 1000 / tokenMs,
    binds: readMs > computeMs ? "disk" : "compute",
  };
}

/** Arithmetic waits for memory, and for more of it while the disk's data arrive. */
function estimatedComputeMs(rates: Rates, touched: number, layers: number, readMs: number): number {
  const alone = (1000 * touched) / rates.memoryBytesPerS / COMPUTE_EFFICIENCY + layers * LAYER_MS;
  return alone * (1 + (COMPUTE_BESIDE_READING - 1) * Math.min(1, readMs / alone));
}

/**
 * What guesses let reading and computing share, about. The shorter of the two hides nearly whole behind a much longer one,
 * and half of it behind one as long: layers differ in what they miss, and a wrong guess leaves its layer to wait.
 */
export function mostlyHidden(readMs: number, computeMs: number): number {
  return (readMs * computeMs) / (readMs + computeMs);
}

/**
 * Time to read what a token misses. A layer asks for its misses at once and waits for all of them: that many reads are in
 * flight, and not the number that is fastest; guesses keep a few under way where a layer misses less.
 */
export function readMsOf(rates: Rates, missedBytes: number, missesPerLayer: number, guesses: boolean): number {
  const atOnce = guesses ? Math.max(missesPerLayer, GUESSED_AT_ONCE) : missesPerLayer;
  return missedBytes === 0 ? 0 : (1000 * missedBytes) / rateAt(rates, atOnce);
}

/** Linear between the numbers measured, at the ends as there. */
function rateAt({ diskByDepth, diskBytesPerS }: Rates, records: number): number {
  const next = diskByDepth.findIndex((rate) => rate.records >= records);
  if (next < 0) return diskByDepth.at(-1)?.bytes_per_s ?? diskBytesPerS;
  const high = diskByDepth[next]!;
  const low: DepthRate = diskByDepth[next - 1] ?? high;
  if (low.records === high.records) return high.bytes_per_s;
  const part = (records - low.records) / (high.records - low.records);
  return low.bytes_per_s + part * (high.bytes_per_s - low.bytes_per_s);
}

/** Linear between the points; nothing resident hits nothing, everything resident hits always. */
export function hitRateAt(curve: HitCurve, share: number): number {
  if (share >= 1) return 1;
  const inner = curve.filter((point) => point.share > 0 && point.share < 1);
  const points = [{ share: 0, hit_rate: 0 }, ...inner, { share: 1, hit_rate: 1 }];
  const next = points.findIndex((point) => point.share >= share);
  const [low, high] = [points[Math.max(0, next - 1)]!, points[next]!];
  if (high.share === low.share) return high.hit_rate;
  return low.hit_rate + ((share - low.share) / (high.share - low.share)) * (high.hit_rate - low.hit_rate);
}
