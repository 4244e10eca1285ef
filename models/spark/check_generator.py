"""Runs the generator on many seeds and asserts that its texts keep the rules.

    python check_generator.py --count 300

Every reference answer must pass the check of its own item; no placeholder is
left, no double space, nothing but ASCII; roles take turns; a story obeys the
grammar rules; the same seed gives the same text.
"""

import argparse
import random
import re
import time

from generator import about, chats, checks, copying, facts, instructions, recall, refusals, stories, sums
from generator.core_cases import CASES

KINDS = {"stories": stories.make, "chats": chats.make, "unasked": chats.unasked, "sums": sums.make, "facts": facts.make, "about": about.make, "copying": copying.make,
         "instructions": instructions.make, "refusals": refusals.make, "recall": recall.make}
PARTS = ("train", "valid", "held")


def fault(messages):
    """What is wrong with a conversation, or None."""
    roles = [role for role, _ in messages]
    if roles[0] == "system":
        roles = roles[1:]
    if roles != ["user", "assistant"] * (len(roles) // 2) or not roles:
        return f"roles {roles}"
    for role, text in messages:
        if not text.strip() or text != text.strip():
            return f"edges {text!r}"
        if re.search(r"\{|\}", text):
            return f"placeholder {text!r}"
        if "  " in text:
            return f"double space {text!r}"
        if not text.isascii():
            return f"not ASCII {text!r}"
        if re.search(r" [,.?!;]( |$)|\.\.|,\.|\?\.|,,|!\?|\?\?| ,", text.replace("= ?", "")) and "..." not in text:
            return f"marks {text!r}"
        if role == "assistant" and re.search(r"\b(your|my|the|a|an|is|are) \1\b", text):
            return f"doubled {text!r}"
    return None


def check_kind(name, make, count):
    started, characters = time.process_time(), 0
    for part in PARTS:
        for seed in range(count):
            messages = make(random.Random(f"{part}-{name}-{seed}"), part)
            characters += sum(len(text) for _, text in messages)
            wrong = fault(messages)
            assert wrong is None, f"{name} {part} {seed}: {wrong}"
            if seed % 50 == 0:
                assert messages == make(random.Random(f"{part}-{name}-{seed}"), part), f"{name} {part} {seed}: not the same twice"
    rate = characters / 3.2 / (time.process_time() - started)
    print(f"{name:14} {3 * count} conversations, {characters / count / 3:7.0f} characters each, about {rate:,.0f} tokens/s")


def check_case(task, make, count):
    for part in PARTS:
        for seed in range(count):
            item = make(random.Random(f"{part}-{task}-{seed}"), part)
            messages = [(m["role"], m["content"]) for m in item["messages"]] + [("assistant", item["reference"])]
            wrong = fault(messages)
            assert wrong is None, f"{task} {part} {seed}: {wrong}"
            assert checks.passes(item["reference"], item["check"]), f"{task} {part} {seed}: {item['reference']!r} fails {item['check']}"
            if item["check"]["kind"] == "story":
                wrong = checks.story(item["reference"], item["check"]["name"], item["check"]["words"])
                assert wrong is None, f"{task} {part} {seed}: {wrong}"
            if task == "recall":
                assert 1900 <= item["distance"] <= 2200, item["distance"]
    print(f"{task:18} {3 * count} items, each reference passes its check")


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--count", type=int, default=300)
    args = args.parse_args()
    for name, make in KINDS.items():
        check_kind(name, make, args.count)
    for task, make in CASES.items():
        check_case(task, make, args.count)


if __name__ == "__main__":
    main()
