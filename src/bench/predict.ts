/**
 * What decode will cost before anything is loaded: bytes that miss, how long they take to read, how long the arithmetic
 * takes, and which of the two binds. Pure; `tests/bench/plan.ts` holds it against measurements.
 */
import type { Plan } from "../engine/index.ts";
import type { ModelDescription } from "../models/description.ts";
import { type Rates, touchedBytesPerToken } from "./roofline.ts";

/** Hit rate of the default policy against the share of all experts that is resident, both 0 to 1, ascending shares. */
export type HitCurve = readonly { share: number; hitRate: number }[];

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

/** Share of the memory rate that decode reaches where no measurement of this model says more (docs/benchmarks.md). */
const COMPUTE_EFFICIENCY = 0.8;
/** Of the shorter of reading and computing, the part that does not hide behind the longer one (docs/benchmarks.md). */
const UNHIDDEN = 0.15;

export function predict(
  description: ModelDescription,
  plan: Plan,
  rates: Rates,
  known: { computeMs?: number; curve?: HitCurve } = {},
): Prediction {
  const all = description.shape.layers * description.shape.experts;
  const share = plan.slotCount / all;
  const hitRate = known.curve === undefined ? Math.min(1, share) : hitRateAt(known.curve, share);
  const missed = plan.bytesPerToken * (1 - hitRate);
  const touched = touchedBytesPerToken(description, plan);
  const readMs = (1000 * missed) / rates.diskBytesPerS;
  const computeMs = known.computeMs ?? (1000 * touched) / rates.memoryBytesPerS / COMPUTE_EFFICIENCY;
  const tokenMs = Math.max(readMs, computeMs) + UNHIDDEN * Math.min(readMs, computeMs);
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

/** Linear between the points; nothing resident hits nothing, everything resident hits always. */
export function hitRateAt(curve: HitCurve, share: number): number {
  if (share >= 1) return 1;
  const points = [{ share: 0, hitRate: 0 }, ...curve.filter((point) => point.share > 0 && point.share < 1), { share: 1, hitRate: 1 }];
  const next = points.findIndex((point) => point.share >= share);
  const [low, high] = [points[Math.max(0, next - 1)]!, points[next]!];
  if (high.share === low.share) return high.hitRate;
  return low.hitRate + ((share - low.share) / (high.share - low.share)) * (high.hitRate - low.hitRate);
}
