/**
 * Perplexity of a token sequence. A sequence longer than the context is cut into windows that do not overlap, each
 * starting from an empty session; the first token of a window has nothing before it and is not scored.
 */
import { type FeedProgress, progressTokens } from "../engine/index.ts";
import type { EvalInput, EvalWork } from "./eval.ts";
import { expertBits } from "./locate-model.ts";
import { startProgress } from "./progress.ts";
import { usage } from "./usage.ts";

export function perplexity({ flags, terminal, description, ids }: EvalInput): EvalWork {
  if (ids.length < 2) throw usage("perplexity needs at least two tokens.", "Give a longer text.");
  if (flags.context === 1) throw usage("--context 1 leaves nothing to predict from.", "Give 2 or more.");
  return async (model, signal) => {
    const { context, expertsPerToken } = model.plan;
    const progress = startProgress(terminal, "Evaluating", "tokens");
    let negativeLog = 0;
    let scored = 0;
    let windows = 0;
    try {
      await using session = await model.createSession();
      // A single token left for the last window would have nothing before it: it is not scored.
      for (let start = 0; start < ids.length - 1; start += context) {
        const window = ids.slice(start, start + context);
        if (windows > 0) await session.reset();
        const targets = window.map((_, i) => window[i + 1] ?? null);
        const onProgress = (at: FeedProgress) => progress.update(start + progressTokens(at), ids.length);
        const scores = await session.score(window, targets, { signal, onProgress });
        for (const score of scores.subarray(0, window.length - 1)) negativeLog -= score;
        scored += window.length - 1;
        windows += 1;
      }
    } finally {
      progress.stop();
    }
    const nll = negativeLog / scored;
    const bits = expertBits(description);
    const result = {
      model: description.name,
      bits,
      experts_per_token: expertsPerToken,
      tokens: ids.length,
      scored,
      windows,
      nll,
      perplexity: Math.exp(nll),
    };
    if (flags.json) terminal.write(`${JSON.stringify(result)}\n`);
    else {
      const cut = windows === 1 ? "" : ` in ${windows} windows of at most ${context}`;
      terminal.write(
        `perplexity ${result.perplexity.toFixed(4)} (${nll.toFixed(4)} nats per token; ${scored} of ${ids.length} tokens ` +
          `scored${cut}; K=${expertsPerToken}, ${bits})\n`,
      );
    }
  };
}
