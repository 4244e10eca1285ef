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

/** Share of the memory rate that decode's matrices reach where no measurement of this model says more. */
const COMPUTE_EFFICIENCY = 0.9;
/** What a layer costs beside reading its weights: small operations, and threads that meet. */
const LAYER_MS = 0.06;

export interface Known {
  /** Measured on this model with the same threads and K. */
  computeMs?: number;
  curve?: HitCurve;
  /** Of the shorter of reading and computing, the share that took no time of its own. */
  hidden?: number;
}

export function predict(description: ModelDescription, plan: Plan, rates: Rates, known: Known = {}): Prediction {
  const { layers, experts } = description.shape;
  const share = plan.slotCount / (layers * experts);
  const hitRate = known.curve === undefined ? Math.min(1, share) : hitRateAt(known.curve, share);
  const missed = plan.bytesPerToken * (1 - hitRate);
  // The first tokens of a context: a long one adds its keys and values.
  const touched = touchedBytesPerToken(description, plan, 0);
  const readMs = readMsOf(rates, missed, plan.expertsPerToken * (1 - hitRate));
  const estimatedMs = (1000 * touched) / rates.memoryBytesPerS / COMPUTE_EFFICIENCY + layers * LAYER_MS;
  const computeMs = known.computeMs ?? estimatedMs;
  // While a layer's misses are read its hits are computed; nothing is assumed of guesses, which need a measurement.
  const hiddenMs =
    known.hidden === undefined
      ? Math.min(readMs, computeMs * (plan.bytesPerToken / touched) * hitRate)
      : known.hidden * Math.min(readMs, computeMs);
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

/**
 * Time to read what a token misses. A layer asks for its misses at once and waits for all of them: that many reads are in
 * flight, and not the number that is fastest.
 */
export function readMsOf(rates: Rates, missedBytes: number, missesPerLayer: number): number {
  return missedBytes === 0 ? 0 : (1000 * missedBytes) / rateAt(rates, missesPerLayer);
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
