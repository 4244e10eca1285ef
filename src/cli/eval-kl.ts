/** `eval kl`: distance of logits from a reference: KL(reference || ours) in nats and agreement of the likeliest token. */
import { type FeedProgress, progressTokens } from "../engine/index.ts";
import type { EvalInput, EvalWork } from "./eval.ts";
import { expertBits } from "./locate-model.ts";
import { NpyReader } from "./npy.ts";
import { startProgress } from "./progress.ts";
import { usage } from "./usage.ts";

export function klDivergence({ flags, terminal, description, ids }: EvalInput): EvalWork {
  const reference = new NpyReader(flags.reference!);
  const { vocab } = description.shape;
  if (reference.rows !== ids.length || reference.cols !== vocab) {
    throw usage(
      `${flags.reference} is [${reference.rows}, ${reference.cols}], the evaluation is [${ids.length}, ${vocab}].`,
      "Use the logits of the same tokens and the same vocabulary.",
    );
  }
  return async (model, signal) => {
    const progress = startProgress(terminal, "Evaluating", "tokens");
    const onProgress = (at: FeedProgress) => progress.update(progressTokens(at), at.totalTokens);
    await using session = await model.createSession();
    let measured: LogitsDistance;
    try {
      measured = await compareLogits(session.logits(ids, { signal, onProgress }), reference);
    } finally {
      reference.close();
      progress.stop();
    }
    const bits = expertBits(description);
    const { expertsPerToken } = model.plan;
    const result = { model: description.name, bits, experts_per_token: expertsPerToken, ...measured };
    if (flags.json) terminal.write(`${JSON.stringify(result)}\n`);
    else {
      terminal.write(
        `mean KL ${measured.mean_kl.toExponential(3)} nats, worst ${measured.max_kl.toExponential(3)}, ` +
          `top-1 agreement ${(100 * measured.top1_agreement).toFixed(2)} % over ${measured.tokens} tokens ` +
          `(K=${expertsPerToken}, ${bits})\n`,
      );
    }
  };
}

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
