"""Trains spark on one GPU, from shards that `pack.py` writes meanwhile.

    python train.py --steps 8000 --out build/run

Weights and optimiser state are f32, products bf16.  The last part of the run
computes with weights rounded to the shipped 4-bit form (straight-through),
eased in, so the network settles where rounding does not hurt.  A run that is started
again with the same --out continues from its last checkpoint.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from network import Network
from pack import ANSWER, LENGTH, load_tokenizer
from shape import SPARK, TINY

HERE = Path(__file__).parent


class Reader:
    """Batches of rows from numbered shards, in order, waiting for shards still being written."""

    def __init__(self, folder, part, batch, device, end):
        self.folder, self.part, self.batch, self.device, self.end = Path(folder), part, batch, device, end
        self.shard, self.row, self.rows = 0, 0, None

    def load(self, wait):
        path = self.folder / f"{self.part}-{self.shard:05d}.npy"
        while not path.exists():
            if not wait:
                return False
            time.sleep(0.2)
        self.rows = np.load(path)
        return True

    def next(self, wait=True):
        """-> (ids [B, T], segment [B, T], weight [B, T-1]) on the device, or None at the end."""
        if self.rows is None and not self.load(wait):
            return None
        if self.row + self.batch > len(self.rows):
            self.shard, self.row = self.shard + 1, 0
            if not self.load(wait):
                self.rows = None
                return None
        rows = self.rows[self.row: self.row + self.batch].astype(np.int32)
        self.row += self.batch
        packed = torch.from_numpy(rows).to(self.device, non_blocking=True)
        return unpack(packed, self.end)


def unpack(packed, end):
    """packed [B, T] as pack.py stores it -> ids, document numbers, loss weights of the next token."""
    ids = (packed & (ANSWER - 1)).long()
    answer = (packed & ANSWER) != 0
    ends = (ids == end).long()
    segment = ends.cumsum(1) - ends
    # Questions count a little: it teaches the words people use.  Padding does not count.
    weight = torch.where(answer, 1.0, 0.1)[:, 1:]
    return ids, segment, weight * (segment[:, 1:] == segment[:, :-1])


def loss_of(logits, ids, weight):
    """Weighted mean cross entropy of the next token, in f32."""
    each = F.cross_entropy(logits[:, :-1].float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    return (each * weight.flatten()).sum() / weight.sum()


def balance(loads, probs):
    """The usual load balancing loss: E sum_e load_e p_e, 1 when even.  loads, probs: [L, E]."""
    return (loads * probs).sum(-1).mean() * loads.shape[-1]


def rate(step, args):
    if step < args.warmup:
        return args.rate * (step + 1) / args.warmup
    progress = (step - args.warmup) / max(1, args.steps - args.warmup)
    return args.rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def rounding(step, args):
    """How far weights are moved to their 4-bit values at a step: 0, then a ramp, then 1."""
    start, stop = (share * args.steps for share in args.ease)
    if step >= stop:
        return 1.0
    return max(0.0, (step - start) / max(1.0, stop - start))


@torch.no_grad()
def measure(net, args, end, strength, batches=6):
    """Held-out loss of the answers, and how evenly the experts are used."""
    strength = torch.tensor(strength, device=args.device)
    reader = Reader(args.data, "held", args.batch, args.device, end)
    total, count, loads = 0.0, 0, []
    while count < batches:
        got = reader.next(wait=False)
        if got is None:
            break
        ids, segment, weight = got
        logits, load, _ = net(ids, segment, rounding=strength, dtype=args.dtype)
        total += loss_of(logits, ids, (weight == 1.0).float()).item()
        loads.append(load)
        count += 1
    return total / max(1, count), torch.stack(loads).mean(0)


def start_weights(path, device):
    """From a file of torch weights, or from a folder in the shipped form."""
    if Path(path).is_dir():
        from shipped import state
        return state(path)
    return torch.load(path, map_location=device)


def save(path, net, optimiser, step, reader):
    draft = path.with_suffix(".draft")
    torch.save({"net": net.state_dict(), "optimiser": optimiser.state_dict(), "step": step,
                "shard": reader.shard, "row": reader.row}, draft)
    draft.rename(path)


def parse():
    args = argparse.ArgumentParser()
    args.add_argument("--steps", type=int, default=8000)
    args.add_argument("--batch", type=int, default=64, help="rows of 1,024 tokens")
    args.add_argument("--rate", type=float, default=2e-3)
    args.add_argument("--warmup", type=int, default=200)
    args.add_argument("--decay", type=float, default=0.1)
    args.add_argument("--even", type=float, default=0.01, help="weight of the load balancing loss")
    args.add_argument("--ease", type=float, nargs=2, default=(0.55, 0.7), help="shares of the run between which weights go from exact to fully 4-bit")
    args.add_argument("--every", type=int, default=500, help="steps between measurements and checkpoints")
    args.add_argument("--note", type=int, default=50, help="steps between lines of the log")
    args.add_argument("--data", default=str(HERE / "build" / "data"))
    args.add_argument("--out", default=str(HERE / "build" / "run"))
    args.add_argument("--start", help="weights to begin from: a second stage on a changed mixture")
    args.add_argument("--first-shard", type=int, default=0)
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--half", action="store_true", help="bf16 products on a processor as well")
    args.add_argument("--tiny", action="store_true", help="a very small network, for trying the program")
    args.add_argument("--stop-after", type=float, default=1e9, help="seconds of training after which to end early, for timing")
    args = args.parse_args()
    args.device = "cuda" if torch.cuda.is_available() else "cpu"
    args.dtype = torch.bfloat16 if args.device == "cuda" or args.half else torch.float32
    return args


def main():
    args = parse()
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    torch.set_float32_matmul_precision("high")
    net = Network(TINY if args.tiny else SPARK).to(args.device)
    matrices = [p for p in net.parameters() if p.dim() > 1 and p.shape[-1] > 1]
    rest = [p for p in net.parameters() if not (p.dim() > 1 and p.shape[-1] > 1)]
    optimiser = torch.optim.AdamW([{"params": matrices, "weight_decay": args.decay}, {"params": rest, "weight_decay": 0.0}],
                                  lr=args.rate, betas=(0.9, 0.95), eps=1e-8, fused=args.device == "cuda")
    end = load_tokenizer().token_to_id("<|endoftext|>")
    reader = Reader(args.data, "train", args.batch, args.device, end)
    reader.shard = args.first_shard
    if args.start:
        net.load_state_dict(start_weights(args.start, args.device))
    first = 0
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists():
        kept = torch.load(checkpoint, map_location=args.device)
        net.load_state_dict(kept["net"])
        optimiser.load_state_dict(kept["optimiser"])
        first, reader.shard, reader.row = kept["step"], kept["shard"], kept["row"]
    log = open(out / "log.jsonl", "a")

    def note(**values):
        line = json.dumps({k: round(v, 5) if isinstance(v, float) else v for k, v in values.items()})
        print(line, flush=True)
        log.write(line + "\n")
        log.flush()

    note(parameters=sum(p.numel() for p in net.parameters()), batch_tokens=args.batch * LENGTH, steps=args.steps, rate=args.rate, seed=args.seed)
    lossfn = loss_of
    if args.device == "cuda":
        torch._dynamo.config.cache_size_limit = 64
        for layer in net.layers:                        # one graph per kind of layer, shared by all of them
            layer.compile(dynamic=False)
        lossfn = torch.compile(loss_of, dynamic=False)
    begun = time.time()
    mark, since = time.time(), first
    for step in range(first, args.steps):
        ids, segment, weight = reader.next()
        strength = torch.tensor(rounding(step, args), device=args.device)
        for group in optimiser.param_groups:
            group["lr"] = rate(step, args)
        logits, loads, probs = net(ids, segment, rounding=strength, dtype=args.dtype)
        loss = lossfn(logits, ids, weight)
        (loss + args.even * balance(loads, probs)).backward()
        size = torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if step % args.note == 0 or step == args.steps - 1:
            value = loss.item()
            now = time.time()
            note(step=step, loss=value, grad=size.item(), busiest=(loads.max() * loads.shape[-1]).item(), idle=(loads.min() * loads.shape[-1]).item(),
                 rate=rate(step, args), rounding=rounding(step, args), seconds=now - begun, tokens_per_s=round((step - since) * args.batch * LENGTH / (now - mark)) if step > since else 0)
            mark, since = now, step
            if not math.isfinite(value):
                raise SystemExit("the loss is not a number")
        last = step == args.steps - 1 or time.time() - begun > args.stop_after
        if (step + 1) % args.every == 0 or last:
            with torch.compiler.set_stance("force_eager"):  # not worth compiling for a few batches
                plain, loads = measure(net, args, end, 0.0)
                four, _ = measure(net, args, end, 1.0)
            note(step=step + 1, held_loss=plain, held_loss_4bit=four, load_max=(loads.max() * loads.shape[-1]).item(), load_min=(loads.min() * loads.shape[-1]).item())
            save(checkpoint, net, optimiser, step + 1, reader)
            mark, since = time.time(), step
        if last:
            break
    note(loads=[[round(x * loads.shape[-1], 3) for x in row] for row in loads.tolist()])
    if args.device == "cuda":
        note(peak_gib=torch.cuda.max_memory_allocated() / 2 ** 30)


if __name__ == "__main__":
    main()
