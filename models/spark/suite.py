"""Writes the task suite: questions of held-out seeds in held-out wordings, with the checks of their answers.

    python suite.py                -> suite/held-out.jsonl, suite/valid.jsonl

One item a line.  `valid.jsonl` has a third as many from part "valid", for looking
at while training.  Every reference answer passes its own check, no prompt comes
twice, and none is the beginning of one of 200,000 training conversations.
"""

import argparse
import json
import multiprocessing
import random
from pathlib import Path

from generator import checks, core_cases, flashmoe, json_tasks, mix, passages, tools
from pack import load_tokenizer

HERE = Path(__file__).parent
SEED = 20261127
COUNTS = {"arithmetic": 150, "arithmetic_think": 50, "memory": 150, "json": 150, "tools": 120, "tool_results": 40, "flashmoe": 150, "recall": 80,
          "stories": 80, "passages": 100, "instructions": 100, "refusals": 50}
CASES = {**core_cases.CASES, "json": json_tasks.case, "tools": tools.case, "tool_results": tools.result_case, "passages": passages.case, "flashmoe": flashmoe.case}
MOST_BYTES = 2 * 2 ** 20
TRAINING = 200000


def right(item) -> bool:
    """Does the reference answer pass the item's own check?"""
    check, reference = item["check"], item["reference"]
    if check["kind"] == "json":
        return json.loads(reference) == check["value"]
    if check["kind"] == "tool_call":
        return [call["function"] for call in tools.calls_in(reference, item["tools"])] == [{"name": check["name"], "arguments": check["arguments"]}]
    return checks.passes(mix.without_thought(reference), check)


def prompt(messages) -> str:
    """The part of a conversation that identifies it: roles and texts up to a question, calls included."""
    return json.dumps([(m["role"], m["content"], m.get("tool_calls")) for m in messages], ensure_ascii=False)


def items(part, counts):
    count_tokens = (lambda tokenizer: lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids))(load_tokenizer())
    out, seen = [], set()
    for task, count in counts.items():
        number, tries = 0, 0
        while number < count:
            rng = random.Random(f"suite {SEED} {part} {task} {tries}")
            tries += 1
            assert tries < 20 * count, f"{task}: too few different prompts"
            item = CASES[task](rng, part, **({"count_tokens": count_tokens} if task == "recall" else {}))
            if prompt(item["messages"]) in seen:
                continue
            seen.add(prompt(item["messages"]))
            assert right(item), item
            number += 1
            kept = {"id": f"{task}-{number:04d}", "task": task, "messages": item["messages"]}
            if item.get("tools"):
                kept["tools"] = item["tools"]
            out.append({**kept, "think": item["think"], "max_tokens": item["max_tokens"], "check": item["check"]})
    return out


def beginnings(bounds):
    """Prompts inside some training conversations: everything up to each question, with and without the system's text; and single questions."""
    whole, single = set(), set()
    for seed in range(*bounds):
        asked, _ = tools.protocol(mix.conversation(seed, "train"))
        bare = [m for m in asked if m["role"] != "system"]
        for messages in (asked, bare):
            whole |= {hash(prompt(messages[: i + 1])) for i, m in enumerate(messages) if m["role"] in ("user", "tool")}
        single |= {hash(m["content"]) for m in asked if m["role"] == "user"}
    return whole, single


def overlap(held, count, workers):
    """(items whose whole prompt was trained on, by task the share whose last question alone occurs in training)"""
    size = 2000
    whole, single = set(), set()
    with multiprocessing.get_context("fork").Pool(workers) as pool:         # fork: one hash seed for all
        for a, b in pool.imap_unordered(beginnings, [(i, min(i + size, count)) for i in range(0, count, size)]):
            whole |= a
            single |= b
    known = [item["id"] for item in held if hash(prompt(item["messages"])) in whole]
    last = {}
    for item in held:
        questions = [m["content"] for m in item["messages"] if m["role"] == "user"]
        last.setdefault(item["task"], []).append(hash(questions[-1]) in single)
    return known, {task: f"{sum(found)} of {len(found)}" for task, found in last.items()}


def write(path, lines):
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    assert len(text.encode()) <= MOST_BYTES, len(text.encode())
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    print(f"{path.name}: {len(lines)} items, {len(text.encode()):,} bytes")


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--training", type=int, default=TRAINING, help="training conversations to look for the prompts in")
    args.add_argument("--workers", type=int, default=2)
    args = args.parse_args()
    held = items("held", COUNTS)
    valid = items("valid", {task: -(-count // 3) for task, count in COUNTS.items()})
    assert not {prompt(i["messages"]) for i in held} & {prompt(i["messages"]) for i in valid}
    known, last = overlap(held, args.training, args.workers)
    print("last question, alone, also asked in training:", last)
    assert not known, known
    write(HERE / "suite" / "held-out.jsonl", held)
    write(HERE / "suite" / "valid.jsonl", valid)


if __name__ == "__main__":
    main()
