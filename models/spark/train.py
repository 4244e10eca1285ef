"""Trains spark on one or several GPUs, from shards that `pack.py` writes meanwhile.

    torchrun --nproc-per-node 4 train.py --seconds 1200 --stop-after 540 --out build/run

Weights and optimiser state are f32, products bf16.  The schedule follows the seconds spent in
training, summed over calls: --seconds is the whole run, --stop-after ends this call, and a call
with the same --out goes on from the last checkpoint.  Towards the end the network computes with
weights rounded to the shipped 4-bit form (straight-through), eased in, so that it settles where
rounding does not hurt.  Every rank holds the whole network; gradients are summed over ranks.
"""

import argparse
import json
import math
import os
import threading
import time
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F

import shipped
from muon import Muon
from network import Network
from pack import load_tokenizer
from reader import Reader, all_rows, unpack
from shape import SPARK, TINY

HERE = Path(__file__).parent


class Ranks:
    """The processes that train together; one alone works the same way."""

    def __init__(self):
        self.rank, self.world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        self.cuda = torch.cuda.is_available()
        self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if self.cuda else torch.device("cpu")
        if self.cuda:
            torch.cuda.set_device(self.device)
        if self.world > 1:
            dist.init_process_group("nccl" if self.cuda else "gloo", device_id=self.device if self.cuda else None)

    def sum(self, tensor):
        if self.world > 1:
            dist.all_reduce(tensor)
        return tensor

    def from_first(self, *values):
        """Rank 0's numbers, at every rank."""
        told = torch.tensor(values, dtype=torch.float64, device=self.device)
        if self.world > 1:
            dist.broadcast(told, 0)
        return told.tolist()

    def everyone(self, value):
        out = [value]
        if self.world > 1:
            out = [None] * self.world
            dist.all_gather_object(out, value)
        return out

    def sum_gradients(self, parameters):
        if self.world == 1:
            return
        grads = [p.grad for p in parameters]
        flat = torch._utils._flatten_dense_tensors(grads)
        dist.all_reduce(flat)
        torch._foreach_copy_(grads, torch._utils._unflatten_dense_tensors(flat, grads))

    def same(self, parameters):
        """Whether all ranks hold the same weights, bit for bit as far as a f64 sum can tell."""
        mine = torch.stack([p.detach().double().sum() for p in parameters]).sum().item()
        return len(set(self.everyone(mine))) == 1


def loss_sum(logits, ids, weight):
    """Weighted sum of the next tokens' cross entropies, in f32."""
    each = F.cross_entropy(logits[:, :-1].float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    return (each * weight.flatten()).sum()


def balance(loads, probs):
    """The usual load balancing loss: E sum_e load_e p_e, 1 when even.  loads, probs: [L, E]."""
    return (loads * probs).sum(-1).mean() * loads.shape[-1]


def rate(progress, args):
    """Learning rate at a share of the run: a short rise, then a cosine down to 1 %."""
    if progress < args.warm:
        return args.rate * max(progress, 0.002) / args.warm
    along = (progress - args.warm) / (1 - args.warm)
    return args.rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, along))))


def rounding(progress, args):
    """How far weights are moved to their 4-bit values: 0, then a ramp, then 1."""
    start, stop = args.ease
    return 1.0 if progress >= stop else max(0.0, (progress - start) / max(1e-9, stop - start))


class Run:
    """One training run, in this process: its network, data, clock and log."""

    def __init__(self, args, ranks):
        self.args, self.ranks, self.device = args, ranks, ranks.device
        self.dtype = torch.bfloat16 if ranks.cuda or args.half else torch.float32
        self.out = Path(args.out)
        self.out.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(args.seed)
        torch.set_float32_matmul_precision("high")
        self.net = Network(TINY if args.tiny else SPARK).to(self.device)
        self.parameters = list(self.net.parameters())
        self.optimisers = self.choose_optimisers()
        self.end = load_tokenizer(args.tokenizer).token_to_id("<|endoftext|>")
        self.reader = Reader(args.data, "train", ranks.rank, ranks.world, args.patience)
        self.held = all_rows(args.data, args.held)
        self.step, self.tokens, self.elapsed = 0, 0, 0.0
        self.writing = None
        self.resume()
        self.log = open(self.out / "log.jsonl", "a") if ranks.rank == 0 else None
        self.loss_sum = loss_sum
        if ranks.cuda and not args.eager:
            self.compile()

    def choose_optimisers(self):
        """Muon for the matrices between layers, AdamW for the rest: embeddings, routers, gates, convolutions, vectors."""
        args = self.args
        apart = ("embed_tokens", "mlp.gate.", "shared_expert_gate", "in_proj_a", "in_proj_b")
        matrix = lambda name, p: p.dim() > 1 and p.shape[-1] > 1
        turned = lambda name, p: args.optimiser == "muon" and matrix(name, p) and not any(word in name for word in apart)
        named = list(self.net.named_parameters())
        muon = [p for name, p in named if turned(name, p)]
        groups = [{"params": [p for name, p in named if matrix(name, p) and not turned(name, p)], "weight_decay": args.decay},
                  {"params": [p for name, p in named if not matrix(name, p)], "weight_decay": 0.0}]
        adam = torch.optim.AdamW(groups, lr=args.rate, betas=(0.9, 0.95), eps=1e-8, fused=self.ranks.cuda)
        return [adam] + ([Muon(muon, args.rate, weight_decay=args.decay, size=args.size)] if muon else [])

    def compile(self):
        choice = HERE / "build" / "choices.json"                # written by smoke.py on this machine
        chosen = json.loads(choice.read_text()) if choice.exists() else {"attention": "flex", "scan": "triton"}
        self.net.attention = chosen["attention"]
        os.environ["SPARK_SCAN"] = chosen["scan"]
        torch._dynamo.config.cache_size_limit = 64
        for layer in self.net.layers:                           # one graph per kind of layer, shared by all of them
            layer.compile(dynamic=False)
        self.loss_sum = torch.compile(loss_sum, dynamic=False)

    def note(self, **values):
        if self.log is None:
            return
        line = json.dumps({k: round(v, 5) if isinstance(v, float) else v for k, v in values.items()})
        print(line, flush=True)
        self.log.write(line + "\n")
        self.log.flush()

    def resume(self):
        path = self.out / "checkpoint.pt"
        if path.exists():
            kept = torch.load(path, map_location="cpu")
            self.net.load_state_dict(kept["net"])
            for optimiser, state in zip(self.optimisers, kept["optimisers"], strict=True):
                optimiser.load_state_dict(state)
            self.step, self.tokens, self.elapsed = kept["step"], kept["tokens"], kept["elapsed"]
            self.reader.resume(kept["readers"])
        elif self.args.weights:
            folder = Path(self.args.weights)
            self.net.load_state_dict(shipped.state(folder) if folder.is_dir() else torch.load(folder, map_location="cpu")["net"])

    def save(self):
        """Copies everything to memory at once and writes it beside the training; `settle` waits for it."""
        readers = self.ranks.everyone(self.reader.position())
        if not self.ranks.same(self.parameters):
            raise SystemExit("the ranks' weights differ: gradients were not summed alike")
        if self.ranks.rank:
            return
        self.settle()
        away = lambda value: value.detach().to("cpu", copy=True) if torch.is_tensor(value) else value
        copied = lambda state: {"param_groups": state["param_groups"], "state": {i: {k: away(v) for k, v in s.items()} for i, s in state["state"].items()}}
        kept = {"net": {k: away(v) for k, v in self.net.state_dict().items()}, "optimisers": [copied(o.state_dict()) for o in self.optimisers], "step": self.step,
                "tokens": self.tokens, "elapsed": self.elapsed, "readers": readers, "tiny": self.args.tiny}

        def write():
            draft = self.out / "checkpoint.draft"
            torch.save(kept, draft)
            draft.rename(self.out / "checkpoint.pt")

        self.writing = threading.Thread(target=write)
        self.writing.start()

    def settle(self):
        if self.writing is not None:
            self.writing.join()

    def batch(self):
        packed = self.reader.next(self.args.rows).to(self.device, non_blocking=True)
        return unpack(packed, self.end)

    def learn(self, strength):
        """One step -> (loss, gradient size, loads), all still on the device."""
        ids, segment, weight = self.batch()
        total = self.ranks.sum(weight.sum())                    # every answer token counts the same at every rank
        logits, loads, probs = self.net(ids, segment, rounding=strength, dtype=self.dtype)
        loss = self.loss_sum(logits, ids, weight) / total
        (loss + self.args.even * balance(loads, probs) / self.ranks.world).backward()
        self.ranks.sum_gradients(self.parameters)
        size = torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        self.step += 1
        self.tokens += ids.numel() * self.ranks.world
        return loss.detach(), size, loads.detach()

    def measure(self, strength, batches=4):
        """Held-out loss of the answers, over all ranks, and the experts' loads.

        Runs the graph compiled for training (gradients on, never used): nothing new to compile.
        """
        count = self.args.rows

        def one(rows):                                          # its activations are gone when it returns
            ids, segment, weight = unpack(torch.from_numpy(rows.astype("int32")).to(self.device), self.end)
            logits, load, _ = self.net(ids, segment, rounding=strength, dtype=self.dtype)
            answers = (weight == 1.0).float()
            return torch.stack([self.loss_sum(logits, ids, answers).detach(), answers.sum()]), load.detach() / batches

        sums, loads = torch.zeros(2, device=self.device), 0
        for i in range(batches):
            first = (i * self.ranks.world + self.ranks.rank) * count
            some, load = one(self.held[[(first + r) % len(self.held) for r in range(count)]])
            sums, loads = sums + some, loads + load
        self.ranks.sum(sums)
        return (sums[0] / sums[1]).item(), self.ranks.sum(loads) / self.ranks.world

    def report(self):
        plain, loads = self.measure(torch.zeros((), device=self.device))
        four, _ = self.measure(torch.ones((), device=self.device))
        even = loads * loads.shape[-1]
        self.note(step=self.step, tokens=self.tokens, elapsed=self.elapsed, held_loss=plain, held_loss_4bit=four,
                  load_max=even.max().item(), load_min=even.min().item())
        return even

    def go(self):
        args, begun = self.args, time.time()
        self.note(parameters=sum(p.numel() for p in self.parameters), ranks=self.ranks.world, rows=args.rows, row_tokens=self.held.shape[1],
                  seconds=args.seconds, rate=args.rate, optimiser=args.optimiser, size=args.size, seed=args.seed, attention=self.net.attention, scan=os.environ.get("SPARK_SCAN", "triton"), resumed_at=self.step)
        clock = None                                            # starts after the first window: compiling is not training
        mark = (time.time(), self.tokens)
        saved = noted = measured = time.time()
        while True:
            now = time.time()
            if clock is not None:
                self.elapsed += now - clock
                clock = now
            told = (self.elapsed, now - begun, now - saved > args.save_every, now - measured > args.measure_every, now - noted > args.note_every)
            self.elapsed, spent, save, measure, note = self.ranks.from_first(*told)
            progress = self.elapsed / args.seconds
            if progress >= 1 or spent > args.stop_after:
                break
            if measure:
                self.report()
                measured = time.time()
            if save:
                self.save()
                saved = time.time()
            lr, strength = rate(progress, args), rounding(progress, args)
            for group in (group for optimiser in self.optimisers for group in optimiser.param_groups):
                group["lr"] = lr
            strength_tensor = torch.tensor(strength, device=self.device)
            for _ in range(1 if clock is None else args.window):
                loss, size, loads = self.learn(strength_tensor)
            if clock is None or note:
                value = self.ranks.sum(loss.clone()).item()
                spread, now = loads * loads.shape[-1], time.time()
                self.note(step=self.step, tokens=self.tokens, elapsed=self.elapsed, loss=value, grad=size.item(), busiest=spread.max().item(), idlest=spread.min().item(),
                          rate=lr, rounding=strength, tokens_per_s=round((self.tokens - mark[1]) / (now - mark[0])), reused_rows=sum(p["reused"] for p in self.ranks.everyone(self.reader.position())))
                mark, noted = (time.time(), self.tokens), time.time()
                if not math.isfinite(value):
                    raise SystemExit("the loss is not a number: start again from the last checkpoint with a lower rate")
            if clock is None:
                clock = time.time()
        even = self.report()
        self.save()
        self.settle()
        self.note(loads=[[round(x, 3) for x in row] for row in even.tolist()])
        self.note(finished=progress >= 1, step=self.step, tokens=self.tokens, elapsed=self.elapsed, call_seconds=time.time() - begun,
                  peak_gib=torch.cuda.max_memory_allocated() / 2 ** 30 if self.ranks.cuda else 0.0)


def parse():
    args = argparse.ArgumentParser()
    args.add_argument("--seconds", type=float, default=1200, help="the whole run's training time, over all calls; the schedule follows it")
    args.add_argument("--stop-after", type=float, default=1e9, help="seconds after which this call ends, compiling included")
    args.add_argument("--rows", type=int, default=8, help="rows of 4,096 tokens in a step, at each rank")
    args.add_argument("--rate", type=float, default=2e-3)
    args.add_argument("--optimiser", choices=("muon", "adamw"), default="muon")
    args.add_argument("--size", type=float, default=0.2, help="how far Muon moves an element at rate 1, as a mean over a matrix")
    args.add_argument("--warm", type=float, default=0.02, help="share of the run in which the rate rises")
    args.add_argument("--decay", type=float, default=0.1)
    args.add_argument("--even", type=float, default=0.01, help="weight of the load balancing loss")
    args.add_argument("--ease", type=float, nargs=2, default=(0.6, 0.8), help="shares of the run between which weights go from exact to fully 4-bit")
    args.add_argument("--window", type=int, default=10, help="steps between looks at the clock")
    args.add_argument("--note-every", type=float, default=5, help="seconds between lines of the log")
    args.add_argument("--measure-every", type=float, default=60)
    args.add_argument("--save-every", type=float, default=120)
    args.add_argument("--patience", type=float, default=20, help="seconds to wait for a new shard before an old one is read again")
    args.add_argument("--data", default=str(HERE / "build" / "data"))
    args.add_argument("--held", default="valid", help="the part that held-out loss is measured on")
    args.add_argument("--tokenizer", help="tokenizer.json (default: pack.py's)")
    args.add_argument("--out", default=str(HERE / "build" / "run"))
    args.add_argument("--weights", help="a checkpoint, or an exported MLX folder, whose weights to begin from with a new schedule")
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--half", action="store_true", help="bf16 products on a processor as well")
    args.add_argument("--eager", action="store_true", help="do not compile")
    args.add_argument("--tiny", action="store_true", help="a very small network, for trying the program")
    return args.parse_args()


def main():
    ranks = Ranks()
    Run(parse(), ranks).go()
    if ranks.world > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
