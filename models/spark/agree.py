"""Would mlx-lm have answered the same?  Judges an answers file token by token.

    python agree.py --model model --items suite/held-out.jsonl --answers answers.jsonl --bound 0.02

mlx-lm runs once over each prompt with its answer behind it (teacher-forced), in f32 or, with --half,
as loaded.  Where its greedy choice is not our token, the gap between its two logits is taken: a gap
within --bound is a tie that rounding decides, anything else fails the answer.  An answer that stops
before max_tokens must stop where mlx-lm would; what follows a tie is judged after our token.
Several texts go through at once, padded behind their ends, which no causal model sees before them.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from answer import Mlx
from prompts import Prompts, read_lines


def batches(texts, most):
    """Positions of texts of like length, shortest first, with at most `most` tokens in a batch, padding included."""
    batch = []
    for at in sorted(range(len(texts)), key=lambda i: len(texts[i])):
        if batch and (len(batch) + 1) * len(texts[at]) > most:
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch


def judged(model, pairs):
    """(prompt, tokens) of several answers -> for each, for each token (is it mlx-lm's choice, by how many logits it falls short)."""
    import mlx.core as mx
    width = max(len(prompt) + len(tokens) - 1 for prompt, tokens in pairs)
    whole = [prompt + tokens[:-1] for prompt, tokens in pairs]
    logits = model(mx.array([ids + [0] * (width - len(ids)) for ids in whole]))
    out = []
    for row, (prompt, tokens) in enumerate(pairs):
        mine = logits[row, len(prompt) - 1: len(prompt) - 1 + len(tokens)].astype(mx.float32)
        best = mx.max(mine, axis=-1)
        ours = mx.take_along_axis(mine, mx.array(tokens)[:, None], axis=-1)[:, 0]
        out.append((np.array(mx.argmax(mine, axis=-1)) == np.array(tokens), np.array(best - ours)))
    return out


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--model", required=True, help="the MLX folder that the answers came from")
    args.add_argument("--items", required=True)
    args.add_argument("--answers", required=True, help='lines with "id" and "tokens"')
    args.add_argument("--bound", type=float, default=0.02, help="gap of logits up to which a difference is a tie")
    args.add_argument("--half", action="store_true", help="compute in bf16 instead of f32")
    args.add_argument("--dequantize", action="store_true", help="expand the weights first (the same numbers): mlx on a CPU multiplies plain matrices faster")
    args.add_argument("--count", type=int, help="only so many answers, spread evenly")
    args.add_argument("--tokens", type=int, default=8192, help="tokens in a batch, padding included")
    args.add_argument("--out", help="figures as JSON")
    args = args.parse_args()
    items = {item["id"]: item for item in read_lines(args.items)}
    answers = read_lines(args.answers)
    if args.count and args.count < len(answers):
        answers = [answers[i * len(answers) // args.count] for i in range(args.count)]
    prompts = Prompts(args.model)
    model = Mlx(args.model, args.half).model
    if args.dequantize:
        from mlx_lm.utils import dequantize_model
        model = dequantize_model(model)
    passed, failed, positions, same, ties, worst = 0, 0, 0, 0, 0, 0.0
    pairs = []
    for answer in answers:
        item, tokens = items[answer["id"]], list(answer["tokens"])
        if len(tokens) < item["max_tokens"] and (not tokens or tokens[-1] not in prompts.ends):
            tokens.append(prompts.ends[0])                      # it stopped here: so the turn's end was chosen
        pairs.append((prompts.ids(item), tokens))
    for batch in batches([prompt + tokens for prompt, tokens in pairs], args.tokens):
        for at, (equal, gaps) in zip(batch, judged(model, [pairs[i] for i in batch]), strict=True):
            positions, same = positions + len(equal), same + int(equal.sum())
            short = gaps[~equal]
            ties += int((short <= args.bound).sum())
            worst = max(worst, float(short.max(initial=0.0)))
            if (short > args.bound).any():
                failed += 1
                where = int(np.flatnonzero(~equal & (gaps > args.bound))[0])
                print(f"{answers[at]['id']}: token {where} of {len(equal)} falls short of mlx-lm's choice by {gaps[where]:.4f}", flush=True)
            else:
                passed += 1
    print(f"{positions:,} tokens: {same:,} are mlx-lm's choice, {ties} are ties within {args.bound}, {positions - same - ties} are not; largest gap {worst:.4f}; computed in {'bf16' if args.half else 'f32'}")
    print(f"{passed} passed, {failed} failed")
    if args.out:
        Path(args.out).write_text(json.dumps({"tokens": positions, "same": same, "ties": ties, "bound": args.bound, "worst": worst, "passed": passed, "failed": failed,
                                              "type": "bf16" if args.half else "f32"}) + "\n")
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
