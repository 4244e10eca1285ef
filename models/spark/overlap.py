"""How much of each part is in training too: prompts, prompts with their names, words and numbers masked, and masked sentences.

    python overlap.py --count 4000 --train 40000

A prompt is one user turn.  Masked prompts compare wordings: everything that is
not among the generator's ordinary words becomes one sign.  Sentences are those of
`wordings.py`, each different one counted once: short common ones ("Please.") are shared on purpose.
"""

import argparse
import random
import re

import wordings
from generator import mix, words

KINDS = {name: mix.MAKE[name] for name in ("stories", "chats", "sums", "facts", "about", "copying", "instructions", "refusals", "json", "tools", "passages", "flashmoe", "recall")}
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


def sentences(prompts, known):
    """The masked sentences of prompts; a JSON schema counts as one sign."""
    plain = (re.sub(r"\{\s*\".*\}", "{}", text, flags=re.S) for text in prompts)
    return {wordings.masked(sentence, known) for text in plain for sentence in wordings.SENTENCE.split(text) if sentence}


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--count", type=int, default=1000)
    args.add_argument("--train", type=int, default=10000)
    args.add_argument("--only", nargs="*", default=list(KINDS))
    args = args.parse_args()
    print(f"{'kind':14}{'part':7}{'prompts':>9}{'same prompt':>14}{'same wording':>14}{'sentences':>11}{'same sentence':>15}")
    known = wordings.vocabulary()
    for name in args.only:
        train = prompts(KINDS[name], name, "train", args.train)
        tally = {}
        for text in train:
            for token in set(re.findall(r"[a-z']+", text.lower())):
                tally[token] = tally.get(token, 0) + 1
        common = {t for t, n in tally.items() if n > len(train) / 2000 + 3}
        exact, worded, said = set(train), {masked(t, common) for t in train}, sentences(train, known)
        for part in ("valid", "held"):
            some = prompts(KINDS[name], name, part, args.count)
            same = sum(t in exact for t in some) / len(some)
            alike = sum(masked(t, common) in worded for t in some) / len(some)
            different = sentences(some, known)
            print(f"{name:14}{part:7}{len(some):9}{same:14.1%}{alike:14.1%}{len(different):11}{len(different & said) / len(different):15.1%}", flush=True)


if __name__ == "__main__":
    main()
