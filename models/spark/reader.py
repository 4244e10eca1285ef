"""Rows for training, from numbered shards that `pack.py` may still be writing."""

import time
from pathlib import Path

import numpy as np
import torch

ANSWER = 0x8000                                                 # as in pack.py: the token belongs to an answer
QUESTION_WEIGHT = 0.1                                           # questions count a little: it teaches the words people use


class Reader:
    """This process's share of a part's rows: shards rank, rank + world, ... in order.

    A shard that is not written yet is waited for; after `patience` seconds an older one is read
    again instead, and counted, so that the GPU never stands idle.  `position` resumes exactly.
    """

    def __init__(self, folder, part, rank, world, patience=20.0):
        self.folder, self.part, self.rank, self.world, self.patience = Path(folder), part, rank, world, patience
        self.fresh, self.again, self.shard, self.row = rank, rank, None, 0      # next new, next old, the one being read
        self.rows, self.reused = None, 0

    def position(self):
        return {"fresh": self.fresh, "again": self.again, "shard": self.shard, "row": self.row, "reused": self.reused, "world": self.world}

    def resume(self, kept):
        """kept: positions of all ranks.  With another number of ranks each begins at new shards."""
        if len(kept) != self.world:
            top = max(p["fresh"] for p in kept)
            self.fresh = (top // self.world + 1) * self.world + self.rank
            return
        mine = kept[self.rank]
        self.fresh, self.again, self.shard, self.row, self.reused = (mine[k] for k in ("fresh", "again", "shard", "row", "reused"))
        if self.shard is not None:
            self.rows = np.load(self.path(self.shard))

    def path(self, number):
        return self.folder / f"{self.part}-{number:05d}.npy"

    def turn_page(self):
        """Move on to the next shard."""
        begun = time.time()
        while not self.path(self.fresh).exists():
            waited = time.time() - begun
            if waited > self.patience and self.path(self.again).exists():
                self.shard, self.row, self.rows = self.again, 0, np.load(self.path(self.again))
                self.again = self.again + self.world if self.path(self.again + self.world).exists() else self.rank
                self.reused += len(self.rows)
                return
            if waited > 600:
                raise SystemExit(f"{self.path(self.fresh)} did not appear in ten minutes: is pack.py running?")
            time.sleep(0.1)
        self.shard, self.row, self.rows = self.fresh, 0, np.load(self.path(self.fresh))
        self.fresh += self.world

    def next(self, count):
        """-> int32 [count, T], rows as packed."""
        parts = []
        while count:
            if self.rows is None or self.row == len(self.rows):
                self.turn_page()
            some = self.rows[self.row: self.row + count]
            parts.append(some)
            self.row += len(some)
            count -= len(some)
        return torch.from_numpy(np.concatenate(parts).astype(np.int32))


def all_rows(folder, part):
    """Every row of a part that is there, [R, T] uint16."""
    found = sorted(Path(folder).glob(f"{part}-[0-9][0-9][0-9][0-9][0-9].npy"))
    if not found:
        raise SystemExit(f"no shard of part '{part}' in {folder}: run pack.py --part {part}")
    return np.concatenate([np.load(path) for path in found])


def unpack(packed, end):
    """packed [B, T] as pack.py stores it -> ids, document numbers, loss weights of the next token [B, T-1]."""
    ids = (packed & (ANSWER - 1)).long()
    ends = (ids == end).long()
    segment = ends.cumsum(1) - ends
    weight = torch.where((packed & ANSWER) != 0, 1.0, QUESTION_WEIGHT)[:, 1:]
    return ids, segment, weight * (segment[:, 1:] == segment[:, :-1])      # padding does not count
