"""Which wordings belong to which part: "train", "valid" and "held" never share one.

A list of wordings is dealt out by position, so that a short list still has
some for every part; composed wordings are dealt out by a hash of the whole.
"""

import zlib
from functools import lru_cache

PARTS = ("train", "valid", "held")


@lru_cache(maxsize=None)
def places(count: int, part: str) -> tuple:
    """Positions of the part: of every six wordings one is held out; of every twelve one is for validation."""
    assert count >= 6, count
    wanted = {"held": {2, 8}, "valid": {5}, "train": {0, 1, 3, 4, 6, 7, 9, 10, 11}}[part]
    return tuple(i for i in range(count) if i % 12 in wanted)


def dealt(items, part: str) -> list:
    """The wordings of one part."""
    return [items[i] for i in places(len(items), part)]


def of(rng, items, part):
    return items[rng.choice(places(len(items), part))]


def hashed(text: str) -> str:
    """The part of a composed wording or of a value."""
    draw = zlib.crc32(text.encode()) % 20
    return "held" if draw in (3, 13) else "valid" if draw == 7 else "train"
