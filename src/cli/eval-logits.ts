/** `eval logits`: the logits after every token as a NumPy file, the exchange format of comparisons. */
import { type FeedProgress, progressTokens } from "../engine/index.ts";
import type { EvalInput, EvalWork } from "./eval.ts";
import { NpyWriter } from "./npy.ts";
import { startProgress } from "./progress.ts";

export function writeLogits({ flags, terminal, description, ids }: EvalInput): EvalWork {
  const output = flags.output!;
  const { vocab } = description.shape;
  const writer = new NpyWriter(output, [ids.length, vocab]);
  return async (model, signal) => {
    const progress = startProgress(terminal, "Evaluating", "tokens");
    try {
      await using session = await model.createSession();
      const onProgress = (at: FeedProgress) => progress.update(progressTokens(at), at.totalTokens);
      writer.begin();
      for await (const row of session.logits(ids, { signal, onProgress })) writer.push(row);
      writer.finish();
    } finally {
      writer.abandon();
      progress.stop();
    }
    const result = { model: description.name, tokens: ids.length, vocab, output };
    if (flags.json) terminal.write(`${JSON.stringify(result)}\n`);
    else terminal.note(`Wrote the logits of ${ids.length} tokens to ${output}.`);
  };
}
