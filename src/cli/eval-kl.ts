/** Distance between two streams of logits: KL(reference || ours) in nats and agreement of the likeliest token. */
import type { NpyReader } from "./npy.ts";

export interface LogitsDistance {
  tokens: number;
  mean_kl: number;
  max_kl: number;
  top1_agreement: number;
}

export async function compareLogits(ours: AsyncIterable<Float32Array>, reference: NpyReader): Promise<LogitsDistance> {
  let tokens = 0;
  let sum = 0;
  let worst = 0;
  let agreed = 0;
  for await (const row of ours) {
    const expected = reference.row(tokens);
    const kl = divergence(expected, row);
    sum += kl;
    worst = Math.max(worst, kl);
    if (largest(expected) === largest(row)) agreed += 1;
    tokens += 1;
  }
  return { tokens, mean_kl: sum / tokens, max_kl: worst, top1_agreement: agreed / tokens };
}

/** KL(p || q) of the softmax of two rows of logits, accumulated in f64. */
export function divergence(p: Float32Array, q: Float32Array): number {
  const pNorm = logSumExp(p);
  const qNorm = logSumExp(q);
  let kl = 0;
  for (let i = 0; i < p.length; i++) {
    const logP = p[i]! - pNorm;
    kl += Math.exp(logP) * (logP - (q[i]! - qNorm));
  }
  // Rounding may leave a tiny negative number where the rows are equal.
  return Math.max(kl, 0);
}

function logSumExp(row: Float32Array): number {
  const top = row[largest(row)]!;
  let sum = 0;
  for (const value of row) sum += Math.exp(value - top);
  return top + Math.log(sum);
}

/** Index of the largest value, the first of equals. */
export function largest(row: Float32Array): number {
  let best = 0;
  for (let i = 1; i < row.length; i++) if (row[i]! > row[best]!) best = i;
  return best;
}
