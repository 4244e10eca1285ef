"""Generates greedy answers to suite items: JSON lines in, JSON lines out.

    python answer.py --engine torch --model model --items suite/held-out.jsonl --out build/torch.jsonl

torch         network.py with the folder's own weights (MLX layout, any bits), batched
transformers  the Hugging Face folder in transformers' own model, batched with padding on the left
mlx           mlx-lm on an MLX folder, one item at a time

A line is {"id", "text", "tokens"}; tokens end with the turn's end where it came within max_tokens.
"""

import argparse
import json
import time
from pathlib import Path

from prompts import Prompts, read_lines


class Torch:
    def __init__(self, folder, half):
        import torch

        from decode import Decoder
        from network import Network
        from shipped import shape, state
        torch.set_float32_matmul_precision("highest")
        device = "cuda" if torch.cuda.is_available() else "cpu"
        net = Network(shape(folder))
        net.load_state_dict(state(folder))
        self.decoder = Decoder(net.to(device), torch.bfloat16 if half else torch.float32)

    def answers(self, prompts, limits, ends):
        from decode import batches
        out = [None] * len(prompts)
        for group in batches(prompts, limits):
            for i, tokens in zip(group, self.decoder.greedy([prompts[i] for i in group], [limits[i] for i in group], ends), strict=True):
                out[i] = tokens
        return out


class Transformers:
    """Padding on the left is exact here: padded inputs are zeroed before the delta net and masked in attention (check.py compares)."""

    def __init__(self, folder, half):
        import torch
        from transformers import AutoModelForCausalLM
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16 if half else torch.float32).to(self.device).eval()

    def greedy(self, prompts, limits, ends):
        import torch
        width = max(map(len, prompts))
        ids = torch.tensor([[ends[-1]] * (width - len(p)) + p for p in prompts], device=self.device)
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=self.device)
        with torch.no_grad():
            told = self.model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=max(limits), do_sample=False, temperature=None, top_p=None, top_k=None,
                                       eos_token_id=ends, pad_token_id=ends[-1])
        out = []
        for row, limit in zip(told[:, width:].tolist(), limits, strict=True):
            stop = next((i + 1 for i, t in enumerate(row) if t in ends), len(row))
            out.append(row[: min(stop, limit)])
        return out

    def answers(self, prompts, limits, ends):
        from decode import batches
        out = [None] * len(prompts)
        for group in batches(prompts, limits, rows=128):
            for i, tokens in zip(group, self.greedy([prompts[i] for i in group], [limits[i] for i in group], ends), strict=True):
                out[i] = tokens
        return out


class Mlx:
    def __init__(self, folder, half):
        import mlx.core as mx
        from mlx_lm import load
        self.model, _ = load(str(folder))
        if not half:
            self.model.set_dtype(mx.float32)

    def answers(self, prompts, limits, ends):
        import mlx.core as mx
        from mlx_lm.generate import generate_step
        out = []
        for prompt, limit in zip(prompts, limits, strict=True):
            tokens = []
            for token, _ in generate_step(mx.array(prompt), self.model, max_tokens=limit):
                tokens.append(int(token))
                if tokens[-1] in ends:
                    break
            out.append(tokens)
        return out


ENGINES = {"torch": Torch, "transformers": Transformers, "mlx": Mlx}


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--engine", choices=ENGINES, required=True)
    args.add_argument("--model", required=True, help="the engine's checkpoint folder")
    args.add_argument("--items", required=True)
    args.add_argument("--out", required=True)
    args.add_argument("--tokenizer", help="folder of tokenizer.json and the chat template (default: the model's)")
    args.add_argument("--half", action="store_true", help="compute in bf16 instead of f32")
    args.add_argument("--count", type=int, help="only so many items, spread evenly")
    args = args.parse_args()
    items = read_lines(args.items)
    if args.count and args.count < len(items):
        items = [items[i * len(items) // args.count] for i in range(args.count)]
    prompts = Prompts(args.tokenizer or args.model)
    ids, limits = [prompts.ids(item) for item in items], [item["max_tokens"] for item in items]
    begun = time.time()
    engine = ENGINES[args.engine](args.model, args.half)
    ready = time.time()
    told = engine.answers(ids, limits, prompts.ends)
    lines = [json.dumps({"id": item["id"], "text": prompts.words(tokens), "tokens": tokens}, ensure_ascii=False) for item, tokens in zip(items, told, strict=True)]
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    Path(args.out).write_text("\n".join(lines) + "\n")
    print(f"{len(items)} answers, {sum(map(len, told)):,} tokens; loaded in {ready - begun:.1f} s, answered in {time.time() - ready:.1f} s", flush=True)


if __name__ == "__main__":
    main()
