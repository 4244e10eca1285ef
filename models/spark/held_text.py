"""Writes a held-out text: whole conversations of part "held" as the model reads them, for perplexity and KL.

    python held_text.py build/held-out.txt --tokens 4000

The conversations are those of fresh seeds, one after the other, as many as fit whole into the number of tokens.
"""

import argparse
from pathlib import Path

from generator import mix
from pack import load_tokenizer

# Apart from the seeds of the validation rows, which count from zero.
FIRST_SEED = 500_000_000


def main():
    args = argparse.ArgumentParser()
    args.add_argument("output", type=Path)
    args.add_argument("--tokens", type=int, default=4000)
    args.add_argument("--tokenizer", type=Path, help="default: that of the weights to come, else the shipped one")
    args = args.parse_args()
    tokenizer = load_tokenizer(args.tokenizer)
    text, tokens, seed = "", 0, FIRST_SEED
    while True:
        added = mix.sample(seed, "held")
        count = len(tokenizer.encode(added, add_special_tokens=False).ids)
        seed += 1
        if count > args.tokens // 4:        # one conversation should not be the text
            continue
        if tokens + count > args.tokens:
            break
        text, tokens = text + added, tokens + count
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(text, encoding="utf-8")
    print(f"{args.output}: {seed - FIRST_SEED - 1} conversations looked at, {tokens} tokens")


if __name__ == "__main__":
    main()
