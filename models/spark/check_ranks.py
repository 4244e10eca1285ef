"""Checks training on several processes, on a processor.

    torchrun --nproc-per-node 2 check_ranks.py

1. gradients summed over ranks are those of one process on all of their rows;
2. a reader resumed from its position reads on with the same rows, through shards that end and are read again;
3. a run that is cut and resumed from its checkpoint holds the same weights as one that was not.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist

from reader import ANSWER, Reader, unpack
from train import Ranks, Run, loss_sum

SHARDS, ROWS, LENGTH = 4, 10, 256


def write_shards(folder, end):
    rng = np.random.default_rng(5)
    for part, count in (("train", SHARDS), ("valid", 1)):
        for number in range(count):
            rows = rng.integers(3, 4000, (ROWS, LENGTH)).astype(np.uint16)
            rows[rng.random(rows.shape) < 0.02] = end
            rows |= np.where(rng.random(rows.shape) < 0.5, ANSWER, 0).astype(np.uint16)
            np.save(folder / f"{part}-{number:05d}.npy", rows)


def options(folder, out):
    return argparse.Namespace(data=str(folder), out=str(folder / out), held="valid", tokenizer=None, start=None, seed=1, tiny=True, half=False, eager=True,
                              rows=2, rate=2e-3, decay=0.1, even=0.01, patience=0.2)


def gradients(run, packed, total, reduce):
    run.net.zero_grad(set_to_none=True)
    ids, segment, weight = unpack(packed, run.end)
    logits, _, _ = run.net(ids, segment, dtype=torch.float32)
    (loss_sum(logits, ids, weight) / total(weight.sum())).backward()
    if reduce:
        run.ranks.sum_gradients(run.parameters)
    return torch.cat([p.grad.flatten() for p in run.parameters])


def check_gradients(ranks, folder):
    run = Run(options(folder, "gradients"), ranks)
    mine = run.reader.next(3)
    ours = gradients(run, mine, ranks.sum, True)
    alone = gradients(run, torch.cat(ranks.everyone(mine)), lambda t: t, False)
    worst = ((ours - alone).norm() / alone.norm()).item()
    assert worst < 1e-5, worst
    return worst


def check_reader(ranks, folder):
    for taken in (1, 7, 10, 23, 61):
        first = Reader(folder, "train", ranks.rank, ranks.world, 0.2)
        first.next(taken)
        second = Reader(folder, "train", ranks.rank, ranks.world, 0.2)
        second.resume(ranks.everyone(first.position()))
        assert torch.equal(first.next(33), second.next(33)), taken
        assert first.position() == second.position()
    assert first.reused > 0
    return first.reused


def check_resuming(ranks, folder):
    strength = torch.tensor(0.5)
    whole = Run(options(folder, "whole"), ranks)
    for _ in range(6):
        whole.learn(strength)
    cut = Run(options(folder, "cut"), ranks)
    for _ in range(3):
        cut.learn(strength)
    cut.save()
    cut.settle()
    ranks.everyone(None)                                        # the file is there for every rank
    again = Run(options(folder, "cut"), ranks)
    assert again.step == 3
    for _ in range(3):
        again.learn(strength)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters, again.parameters, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(whole.parameters, cut.parameters, strict=True))
    assert ranks.same(again.parameters)


def main():
    ranks = Ranks()
    (place,) = ranks.everyone(tempfile.mkdtemp())[:1]
    folder = Path(place)
    if ranks.rank == 0:
        from pack import load_tokenizer
        write_shards(folder, load_tokenizer().token_to_id("<|endoftext|>"))
    ranks.everyone(None)
    worst = check_gradients(ranks, folder)
    reused = check_reader(ranks, folder)
    check_resuming(ranks, folder)
    if ranks.rank == 0:
        print(f"{ranks.world} processes: gradients as of one, {worst:.1e} apart; readers resume ({reused} rows read again); a resumed run is bit for bit the same")
    if ranks.world > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
