"""How many different wordings a kind of text has: sentences of the user's turns with their values masked.

    python wordings.py --count 100000 [--only json tools] [--part train]

Numbers, names, nouns, codes, and every word that is in none of the wordings' own source files
become one sign, and a list of such signs becomes one too; a JSON schema counts as one sign.
So "Email: ake@post.example" and "Email: x@y.org" are one wording, "Mail: x@y.org" is another.
"""

import argparse
import random
import re
from pathlib import Path

from generator import mix, words

VALUES = {"words.py", "values.py", "world.py", "plots.py", "plots_more.py", "plots_things.py"}
KINDS = ["json", "tools", "passages", "flashmoe", "instructions", "sums"]
SENTENCE = re.compile(r"(?<=[.?!:;])\s+|\n+")
TOKEN = re.compile(r"#?\w[\w@./'+-]*\w|\w|[^\w\s]")
LIST = re.compile(r"\*(?: \*)+|\*(?: (?:,|;|/|and) \*)+")


def vocabulary():
    """The words of the wordings, without those that stand for values."""
    text = " ".join(path.read_text() for path in sorted((Path(__file__).parent / "generator").glob("*.py")) if path.name not in VALUES)
    valued = {w.lower() for w in words.MATERIAL} | {n.lower() for n in words.GIRLS + words.BOYS + words.PETS}
    return set(re.findall(r"[a-z']+", text.lower())) - valued


def masked(sentence, known):
    """The wording of a sentence."""
    out = [token if not token[0].isalnum() else "*" if any(c.isdigit() for c in token) or not all(part in known for part in re.findall(r"[a-z']+", token.lower())) else token.lower()
           for token in TOKEN.findall(sentence)]
    text = " ".join(out)
    while True:
        shorter = LIST.sub("*", text)
        if shorter == text:
            return text
        text = shorter


def wordings(name, part, count, known):
    """Every masked sentence that somebody but the assistant says in `count` conversations."""
    seen = set()
    for seed in range(count):
        for role, text in mix.MAKE[name](random.Random(f"wordings-{part}-{name}-{seed}"), part):
            if role in ("user", "system"):
                text = re.sub(r"\{\s*\".*\}", "{}", text, flags=re.S)
                seen.update(masked(sentence, known) for sentence in SENTENCE.split(text) if sentence)
    return seen


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--count", type=int, default=100000)
    args.add_argument("--part", default="train")
    args.add_argument("--only", nargs="*", default=KINDS)
    args = args.parse_args()
    known = vocabulary()
    for name in args.only:
        print(f"{name:14}{len(wordings(name, args.part, args.count, known)):10,}", flush=True)


if __name__ == "__main__":
    main()
