"""Generates conversations, tokenises them and packs them into rows of 4,096 tokens.

    python pack.py --part train --shards 40 --worker 0 --workers 4 --out build/data

A row is uint16 [4096]: the low bits are the token, the top bit says that the
token belongs to an answer.  Conversations are never cut: what does not fit
waits for a later row, and the rest of a row is <|endoftext|>.  A conversation
longer than a row is left out, and counted.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np

from generator import mix

LENGTH = 4096
ANSWER = 0x8000
HERE = Path(__file__).parent
# Seeds of the parts never meet: a part has its own stream, and its own names and wordings.
PER_SHARD = 10000
WAITING = 96


def tokenizer_path() -> Path:
    return HERE / "model" / "tokenizer.json"


def load_tokenizer(path=None):
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from tokenizers import Tokenizer
    return Tokenizer.from_file(str(path or tokenizer_path()))


class Packer:
    def __init__(self, tokenizer, length=LENGTH):
        self.tokenizer, self.length, self.dropped = tokenizer, length, 0
        self.end = tokenizer.token_to_id("<|endoftext|>")
        self.open = tokenizer.token_to_id("<|im_start|>")
        self.close = tokenizer.token_to_id("<|im_end|>")
        (self.assistant,) = tokenizer.encode("assistant", add_special_tokens=False).ids

    def marked(self, ids):
        """Token ids of one conversation -> uint16 with the answers' top bit set."""
        row = np.array(ids + [self.end], np.uint16)
        opens = np.flatnonzero(row == self.open)
        closes = np.flatnonzero(row == self.close)
        for start, stop in zip(opens, closes, strict=True):
            if row[start + 1] == self.assistant:
                row[start + 2: stop + 1] |= ANSWER
        return row

    def rows(self, texts):
        """Pack conversations first-fit from a small waiting list -> [R, LENGTH]."""
        encoded = self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        documents = [self.marked(e.ids) for e in encoded]
        fitting = [d for d in documents if len(d) <= self.length]
        self.dropped += len(documents) - len(fitting)
        out, waiting, position = [], [], 0
        while position < len(fitting) or waiting:
            row, used = np.full(self.length, self.end, np.uint16), 0
            while True:
                while len(waiting) < WAITING and position < len(fitting):
                    waiting.append(fitting[position])
                    position += 1
                fit = next((i for i, d in enumerate(waiting) if used + len(d) <= self.length), None)
                if fit is None:
                    break
                document = waiting.pop(fit)
                row[used: used + len(document)] = document
                used += len(document)
            out.append(row)
        return np.stack(out)


def shard(packer, part, number, count=PER_SHARD):
    return packer.rows([mix.sample(number * count + i, part) for i in range(count)])


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--part", default="train", choices=("train", "valid", "held"))
    args.add_argument("--shards", type=int, default=8)
    args.add_argument("--worker", type=int, default=0)
    args.add_argument("--workers", type=int, default=1)
    args.add_argument("--length", type=int, default=LENGTH)
    args.add_argument("--documents", type=int, default=PER_SHARD, help="conversations in a shard")
    args.add_argument("--tokenizer", default=str(tokenizer_path()))
    args.add_argument("--out", default=str(HERE / "build" / "data"))
    args = args.parse_args()
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    packer = Packer(load_tokenizer(args.tokenizer), args.length)
    for number in range(args.worker, args.shards, args.workers):
        path = out / f"{args.part}-{number:05d}.npy"
        if path.exists():
            continue
        started = time.time()
        rows = shard(packer, args.part, number, args.documents)
        draft = path.with_suffix(f".draft{args.worker}.npy")
        np.save(draft, rows)
        draft.rename(path)                                   # readers never see half a file
        if args.worker == 0:
            used = (rows & 0x7FFF != packer.end).mean()
            print(f"{path.name}: {rows.shape[0]} rows, {used:.1%} used, {rows.size / (time.time() - started):,.0f} tokens/s, {packer.dropped} too long so far", flush=True)


if __name__ == "__main__":
    main()
