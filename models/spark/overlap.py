"""How much of each part is in training too: prompts, and prompts with their names, words and numbers masked.

    python overlap.py --count 4000 --train 40000

A prompt is one user turn.  Masked prompts compare wordings: everything that is
not among the generator's ordinary words becomes one sign.
"""

import argparse
import random
import re

from generator import about, chats, copying, facts, instructions, recall, refusals, stories, sums, words

KINDS = {"stories": stories.make, "chats": chats.make, "sums": sums.make, "facts": facts.make, "about": about.make, "copying": copying.make,
         "instructions": instructions.make, "refusals": refusals.make, "recall": recall.make}
NAMES = {n.lower() for n in words.GIRLS + words.BOYS + words.PETS}
NOUNS = set(words.MATERIAL) - NAMES


def masked(text, common):
    """The wording of a prompt: numbers, names, nouns and rare words are one sign each."""
    out = []
    for token in re.findall(r"\d+|[A-Za-z']+|[^\w\s]", text.lower()):
        if token.isdigit():
            out.append("#")
        elif token.isalpha() and (token in NOUNS or token in NAMES or token not in common):
            out.append("*")
        else:
            out.append(token)
    return " ".join(out)


def prompts(make, name, part, count):
    return [text for seed in range(count) for role, text in make(random.Random(f"overlap-{part}-{name}-{seed}"), part) if role == "user"]


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--count", type=int, default=1000)
    args.add_argument("--train", type=int, default=10000)
    args.add_argument("--only", nargs="*", default=list(KINDS))
    args = args.parse_args()
    print(f"{'kind':14}{'part':7}{'prompts':>9}{'same prompt':>14}{'same wording':>14}")
    for name in args.only:
        train = prompts(KINDS[name], name, "train", args.train)
        tally = {}
        for text in train:
            for token in set(re.findall(r"[a-z']+", text.lower())):
                tally[token] = tally.get(token, 0) + 1
        common = {t for t, n in tally.items() if n > len(train) / 2000 + 3}
        exact, wordings = set(train), {masked(t, common) for t in train}
        for part in ("valid", "held"):
            some = prompts(KINDS[name], name, part, args.count)
            same = sum(t in exact for t in some) / len(some)
            alike = sum(masked(t, common) in wordings for t in some) / len(some)
            print(f"{name:14}{part:7}{len(some):9}{same:14.1%}{alike:14.1%}", flush=True)


if __name__ == "__main__":
    main()
