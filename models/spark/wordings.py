"""How many different wordings a kind of text has: sentences of the user's turns with their values masked.

    python wordings.py --count 100000 [--only json tools] [--part train]
    python wordings.py --sizes

Numbers, names, nouns, codes, and every word that is in none of the wordings' own source files
become one sign, and a list of such signs becomes one too; a JSON schema counts as one sign.
So "Email: ake@post.example" and "Email: x@y.org" are one wording, "Mail: x@y.org" is another.

--sizes counts instead in how many ways one thing can be said: in the lists that all parts share out,
and in the grammars beside them that only training has; without what stands around it.
"""

import argparse
import random
import re
from pathlib import Path

from generator import flashmoe, instructions, json_grammar, json_tasks, mix, parts, passages_grammar, sums, tools, words

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


def sizes():
    """(what is said, sizes of its lists for training, sizes of its grammars)"""
    dealt = lambda items: len(parts.places(len(items), "train"))
    fields = [(field, said_by) for _, some in json_tasks.WIDER for field, said_by in some if field.kind != "boolean"]
    label = json_grammar.Said.one.size
    yield "json: a field", [dealt(f.says) for f, _ in fields], [s.says.size + len(s.nouns) * label for _, s in fields]
    yield "json: an invented field", [0], [json_grammar.Plain.one.size]
    yield "json: the request", [10 ** 4 * 8 * 6 * 17 // 20], [json_grammar.ASK.size]
    yield "tools: an everyday tool", [dealt(tool.asks) for tool in tools.TOOLS], [tools.WIDE_ASKS[tool.names[0]].size for tool in tools.TOOLS]
    yield "tools: an invented one", [dealt(made[3]) for made in tools.MADE], [grammar.size for grammar in tools.WIDE_MADE]
    yield "passages: a statement", [4], [grammar.size for grammar in passages_grammar.SAYS.values()]
    yield "passages: a question", [5], [grammar.size for grammar in passages_grammar.ASKS.values()]
    facts = [fact for fact in flashmoe.FACTS if isinstance(fact[2], list)]
    yield "flashmoe: a purpose", [dealt(fact[1]) * (len(fact[2]) - 1) for fact in facts], [flashmoe.PURPOSE[fact[0]].size * sum(frame.size for frame in flashmoe.FRAMES[fact[0].split()[0]]) for fact in facts]
    facts = [fact for fact in flashmoe.FACTS if fact[2] is None]
    yield "flashmoe: another fact", [dealt(fact[1]) for fact in facts], [flashmoe.TRAIT[fact[0]].size for fact in facts]
    lists = instructions.FORM_WORDING
    yield "instructions: a form", [wording.size()["train"] for wording in lists.values()], [instructions.grown.FORM[form].size + instructions.grown.FORM_ALONE[form].size for form in lists]
    yield "instructions: a list", [instructions.LIST.size()["train"]], [instructions.grown.LIST.size]
    yield "instructions: upper or lower case", [instructions.CASED[case].size()["train"] for case in ("upper", "lower")], [instructions.grown.CASE[case].size + instructions.grown.CASE_ALONE[case].size for case in ("upper", "lower")]
    for name in ("START", "GROUPS", "MORE", "LESS", "HOW_MANY"):
        yield f"sums: {name.lower().replace('_', ' ')}", [getattr(sums, name).size()["train"]], [getattr(sums.grown, name).size]


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--count", type=int, default=100000)
    args.add_argument("--part", default="train")
    args.add_argument("--only", nargs="*", default=KINDS)
    args.add_argument("--sizes", action="store_true")
    args = args.parse_args()
    if args.sizes:
        for name, lists, grammars in sizes():
            print(f"{name:34}{sorted(lists)[len(lists) // 2]:10,}{sorted(grammars)[len(grammars) // 2]:16,}")
        return
    known = vocabulary()
    for name in args.only:
        print(f"{name:14}{len(wordings(name, args.part, args.count, known)):10,}", flush=True)


if __name__ == "__main__":
    main()
