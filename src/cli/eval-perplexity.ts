/**
 * Perplexity of a token sequence. A sequence longer than the context is cut into windows that do not overlap, each
 * starting from an empty session; the first token of a window has nothing before it and is not scored.
 */
import { FlashmoeError } from "../errors.ts";
import type { EvalJob } from "./eval.ts";
import { expertBits } from "./locate-model.ts";
import { startProgress } from "./progress.ts";

export async function perplexity(job: EvalJob): Promise<void> {
  const { model, ids, terminal, description, flags, signal } = job;
  if (ids.length < 2) {
    throw new FlashmoeError("usage", "perplexity needs at least two tokens.", { hint: "Give a longer text." });
  }
  const progress = startProgress(terminal, "Evaluating", "tokens");
  let negativeLog = 0;
  let scored = 0;
  let windows = 0;
  try {
    await using session = await model.createSession();
    for (let start = 0; start < ids.length - 1; start += model.plan.context) {
      const window = ids.slice(start, start + model.plan.context);
      if (window.length < 2) break;
      if (windows > 0) await session.reset();
      const targets = window.map((_, i) => window[i + 1] ?? null);
      const onProgress = (at: { doneTokens: number }) => progress.update(start + at.doneTokens, ids.length);
      const scores = await session.score(window, targets, { signal, onProgress });
      for (const score of scores.subarray(0, window.length - 1)) negativeLog -= score;
      scored += window.length - 1;
      windows += 1;
    }
  } finally {
    progress.stop();
  }
  const nll = negativeLog / scored;
  const result = {
    model: description.name,
    bits: expertBits(description),
    experts_per_token: model.plan.expertsPerToken,
    tokens: ids.length,
    scored,
    windows,
    nll,
    perplexity: Math.exp(nll),
  };
  if (flags.json) terminal.write(`${JSON.stringify(result)}\n`);
  else {
    terminal.write(
      `perplexity ${result.perplexity.toFixed(4)} (${nll.toFixed(4)} nats per token; ${scored} tokens scored in ` +
        `${windows} windows of at most ${model.plan.context}; K=${result.experts_per_token}, ${result.bits})\n`,
    );
  }
}
