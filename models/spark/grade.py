"""Grades answers to suite items, for a quick look; `flashmoe eval suite --answers` is the grader that counts.

    python grade.py --items suite/valid.jsonl --answers build/answers.jsonl

An answer is the text after the thought, trimmed.  For json and tool_call an answer is first valid
(parses, satisfies the schema) and then right; elsewhere the two are the same.  Stories are judged
more simply than by the official grader: name and topic there, no sentence twice, a proper end.
So are refusals: they refuse and name what.
"""

import argparse
import json
import re
from pathlib import Path

from generator.checks import REFUSING
from prompts import read_lines

CALL = re.compile(r"<tool_call>\s*<function=([^>\n]+)>\s*(.*?)\s*</function>\s*</tool_call>", re.S)
PARAMETER = re.compile(r"<parameter=([^>\n]+)>\n(.*?)\n</parameter>", re.S)
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def squash(text):
    return " ".join(text.split())


def holds(text, word):
    """Does the word occur, case apart, not inside a longer one?"""
    before = r"(?<!\w)" if re.match(r"\w", word) else ""
    after = r"(?!\w)" if re.search(r"\w$", word) else ""
    return re.search(before + re.escape(word) + after, text, re.I) is not None


def number(text):
    found = re.findall(r"-?\d+(?:\.\d+)?", re.sub(r"- (?=\d)", "-", text.replace(",", "")))
    return float(found[-1]) if found else None


def same(a, b):
    """Deep equality that tells true from 1."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return isinstance(a, bool) == isinstance(b, bool) and a == b


def typed(value, kind):
    if kind in ("integer", "number"):
        return isinstance(value, (int, float)) and not isinstance(value, bool) and (kind == "number" or value == int(value))
    return isinstance(value, TYPES[kind])


def satisfies(value, schema):
    """The parts of JSON Schema that the suite uses; an unknown keyword is an error, not a pass."""
    for keyword, told in schema.items():
        if keyword == "type":
            ok = any(typed(value, t) for t in (told if isinstance(told, list) else [told]))
        elif keyword == "properties":
            ok = all(k not in value or satisfies(value[k], s) for k, s in told.items()) if isinstance(value, dict) else True
        elif keyword == "required":
            ok = all(k in value for k in told) if isinstance(value, dict) else True
        elif keyword == "additionalProperties":
            extra = [k for k in value if k not in schema.get("properties", {})] if isinstance(value, dict) else []
            ok = not extra if told is False else all(satisfies(value[k], told) for k in extra) if isinstance(told, dict) else True
        elif keyword == "items":
            ok = all(satisfies(v, told) for v in value) if isinstance(value, list) else True
        elif keyword == "enum":
            ok = any(same(value, v) for v in told)
        elif keyword in ("minItems", "maxItems", "minLength", "maxLength"):
            kind = list if keyword.endswith("Items") else str
            ok = not isinstance(value, kind) or (len(value) >= told if keyword.startswith("min") else len(value) <= told)
        elif keyword in ("minimum", "maximum"):
            ok = not typed(value, "number") or (value >= told if keyword == "minimum" else value <= told)
        elif keyword in ("description", "title", "$schema"):
            ok = True
        else:
            raise SystemExit(f"schema keyword {keyword} is not known here")
        if not ok:
            return False
    return True


def json_answer(text, check, _item):
    fenced = re.fullmatch(r"```(?:json)?\s*\n(.*?)\n?```", text, re.S)
    try:
        value = json.loads(fenced.group(1) if fenced else text)
    except ValueError:
        return False, False
    valid = satisfies(value, check["schema"])
    return valid, valid and same(value, check["value"])


def argument(text, schema):
    if "string" in (schema.get("type") if isinstance(schema.get("type"), list) else [schema.get("type", "string")]):
        return text
    return json.loads(text)


def tool_call(text, check, item):
    calls = CALL.findall(text)
    if len(calls) != 1 or text.count("<tool_call>") != 1 or text.count("</tool_call>") != 1:
        return False, False
    name, body = calls[0]
    tools = {t.get("function", t)["name"]: t.get("function", t).get("parameters", {}) for t in item["tools"]}
    if name not in tools or PARAMETER.sub("", body).strip():
        return False, False
    found = PARAMETER.findall(body)
    properties = tools[name].get("properties", {})
    if len({k for k, _ in found}) != len(found) or any(k not in properties for k, _ in found):
        return False, False
    try:
        given = {k: argument(v, properties[k]) for k, v in found}
    except ValueError:
        return False, False
    valid = satisfies(given, {k: v for k, v in tools[name].items() if k in ("type", "properties", "required")})
    return valid, valid and name == check["name"] and same(given, check["arguments"])


def sentences(text):
    return [s.strip() for s in re.split(r"(?<=[.!?])[\"”]?\s+", text) if s.strip()]


def story(text, check, _item):
    said = [s for s in sentences(text) if len(s.split()) > 3]
    return (holds(text, check["name"]) and any(re.search(rf"\b{re.escape(w)}", text, re.I) for w in check["words"])
            and len(set(said)) == len(said) and text[-1:] in ".!?\"”")


def rule_holds(text, rule):
    kind = rule["rule"]
    lines = [line for line in text.splitlines() if line.strip()]
    if kind == "upper":
        return text == text.upper() and any(c.isalpha() for c in text)
    if kind == "lower":
        return text == text.lower() and any(c.isalpha() for c in text)
    if kind == "bullets":
        return len([line for line in lines if re.match(r"\s*[-*•] \S", line)]) == rule["count"]
    if kind == "numbered":
        return [m.group(1) for line in lines if (m := re.match(r"\s*(\d+)[.)] \S", line))] == [str(i + 1) for i in range(rule["count"])]
    if kind == "words":
        return len(text.split()) == rule["count"]
    if kind == "sentences":
        return len(sentences(text)) == rule["count"]
    if kind == "starts":
        return text.startswith(rule["text"])
    if kind == "ends":
        return text.endswith(rule["text"])
    if kind == "contains":
        return holds(text, rule["text"])
    if kind == "excludes":
        return not holds(text, rule["text"])
    if kind == "separated":
        return len([p for p in text.split(rule["by"]) if p.strip()]) == rule["count"]
    raise SystemExit(f"format rule {kind} is not known here")


SIMPLE = {
    "number": lambda text, c, _: number(text) == c["value"],
    "exact": lambda text, c, _: squash(text) == squash(c["value"]),
    "contains": lambda text, c, _: all(holds(text, w) for w in c["all"]) and not any(holds(text, w) for w in c.get("none", [])),
    "any": lambda text, c, _: all(any(holds(text, w) for w in group) for group in c["groups"]),
    "refusal": lambda text, c, _: any(holds(text, w) for w in REFUSING) and any(holds(text, w) for w in c["about"]),
    "format": lambda text, c, _: bool(text) and all(rule_holds(text, r) for r in c["rules"]),
    "story": story,
}


def grade(item, raw):
    """-> (valid, right)."""
    text, check = raw.split("</think>")[-1].strip(), item["check"]
    if check["kind"] == "json":
        return json_answer(text, check, item)
    if check["kind"] == "tool_call":
        return tool_call(text, check, item)
    right = SIMPLE[check["kind"]](text, check, item)
    return right, right


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--items", required=True)
    args.add_argument("--answers", required=True)
    args.add_argument("--out", help="figures as JSON")
    args.add_argument("--wrong", type=int, default=3, help="wrong answers to show, each task")
    args = args.parse_args()
    answers = {line["id"]: line["text"] for line in read_lines(args.answers)}
    table, wrong = {}, {}
    for item in read_lines(args.items):
        if item["id"] not in answers:
            continue
        valid, right = grade(item, answers[item["id"]])
        row = table.setdefault(item["task"], {"items": 0, "valid": 0, "right": 0})
        row["items"] += 1
        row["valid"] += valid
        row["right"] += right
        if not right:
            wrong.setdefault(item["task"], []).append((item["id"], item["messages"][-1].get("content", "")[-200:], item["check"], answers[item["id"]][-300:]))
    for task, row in table.items():
        print(f"{task:18} {row['items']:4} items  valid {100 * row['valid'] / row['items']:6.1f} %  right {100 * row['right'] / row['items']:6.1f} %")
    for some in wrong.values():
        for case in some[: args.wrong]:
            print(json.dumps(case, ensure_ascii=False)[:900])
    if args.out:
        Path(args.out).write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()
