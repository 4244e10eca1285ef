"""Checks the skills half of the generator: what is written is what the template renders, and every reference answer is right.

    python check_skills.py

1. written text against chat_template.jinja, byte for byte, in jinja2, for all kinds;
2. JSON answers against their schemas, and the values against the text they were taken from;
3. tool calls against the tools' definitions, and the same call read back from the text;
4. answers about passages and flashmoe against their own checks;
5. wordings of the parts: none of a held-out question about flashmoe is a training one;
6. training's grammars: every wording that grows has its slots, and none is word for word one of the other parts.
"""

import json
import random
import re
from pathlib import Path

import jinja2

from generator import flashmoe, flashmoe_grammar, instructions_grammar, json_grammar, json_tasks, mix, parts, passages, passages_grammar, sums_grammar, tools, tools_grammar
from generator.grammar import Grammar, normal

HERE = Path(__file__).parent
TRIES = 1500


def template():
    """As transformers sets it up: `tojson` is json.dumps with neither escapes nor sorting."""
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    environment.filters["tojson"] = lambda value, **more: json.dumps(value, ensure_ascii=False, **more)
    return environment.from_string((HERE / "chat_template.jinja").read_text())


def check_template():
    render, kinds = template(), {}
    for seed in range(TRIES * 4):
        part = parts.PARTS[seed % 3]
        messages = mix.conversation(seed, part)
        asked, offered = tools.protocol(messages)
        rendered = render.render(messages=asked, tools=offered or None)
        assert rendered == mix.written(messages), (rendered, mix.written(messages))
        kept = mix.written(messages, keep_thoughts=True)
        assert re.sub(r"<think>\n.*?\n</think>\n\n", "", kept, flags=re.S) == re.sub(r"<think>\n.*?\n</think>\n\n", "", rendered, flags=re.S)
        name = mix.kind(random.Random(f"{part}-{seed}"))
        kinds[name] = kinds.get(name, 0) + 1
    assert set(kinds) == set(mix.KINDS), set(mix.KINDS) - set(kinds)
    print("written as the template renders:", sum(kinds.values()), "conversations of", len(kinds), "kinds")


def fits(schema, value) -> bool:
    """The part of JSON Schema that the generator uses."""
    kind = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if value is None:
        return "null" in kind
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, bool):
        return "boolean" in kind
    if isinstance(value, dict):
        return "object" in kind and list(value) == schema["required"] and all(fits(schema["properties"][k], v) for k, v in value.items())
    if isinstance(value, list):
        return "array" in kind and all(fits(schema["items"], v) for v in value)
    if isinstance(value, str):
        return "string" in kind
    return "number" in kind or isinstance(value, int) and "integer" in kind


def leaves(value):
    if isinstance(value, dict):
        return [leaf for v in value.values() for leaf in leaves(v)]
    return [leaf for v in value for leaf in leaves(v)] if isinstance(value, list) else [value]


def check_json():
    for seed in range(TRIES):
        for part in parts.PARTS:
            item = json_tasks.case(random.Random(f"{part} {seed}"), part)
            check, text = item["check"], item["messages"][-1]["content"]
            assert fits(check["schema"], check["value"]), check
            assert json.loads(json_tasks.compact(check["value"])) == check["value"]
            for leaf in leaves(check["value"]):
                if leaf is not None and not isinstance(leaf, bool):
                    spelled = json_tasks.sums.UNITS[leaf] if isinstance(leaf, int) and leaf <= 12 else str(leaf)
                    assert str(leaf).lower() in text.lower() or spelled in text.lower(), (leaf, text)
    print("JSON answers:", TRIES * 3)


def check_tools():
    types = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list}
    for seed in range(TRIES):
        for part in parts.PARTS:
            item = tools.case(random.Random(f"{part} {seed}"), part)
            called = item["check"]
            (tool,) = [t["function"] for t in item["tools"] if t["function"]["name"] == called["name"]]
            properties = tool["parameters"]["properties"]
            assert set(tool["parameters"]["required"]) <= set(called["arguments"]) <= set(properties)
            for key, value in called["arguments"].items():
                assert isinstance(value, types[properties[key]["type"]]) and value in properties[key].get("enum", [value]), (key, value)
                if not isinstance(value, bool):
                    for leaf in value if isinstance(value, list) else [value]:
                        assert str(leaf) in item["messages"][-1]["content"], (leaf, item["messages"][-1])
            back = tools.calls_in(tools.call_text(called["name"], called["arguments"]), item["tools"])
            assert back == [{"type": "function", "function": {"name": called["name"], "arguments": called["arguments"]}}]
            result = tools.result_case(random.Random(f"{part} {seed}"), part)
            assert all(value in json.dumps(result["messages"][-1]["content"], ensure_ascii=False) for value in result["check"]["all"])
    print("tool calls:", TRIES * 3)


def holds(groups, answer) -> bool:
    """As the suite's grader reads "any": a word of each group, with word edges where the edge is a letter or digit."""
    def found(word):
        left = r"(?<![^\W_])" if word[0].isalnum() else ""
        right = r"(?![^\W_])" if word[-1].isalnum() else ""
        return re.search(left + re.escape(word.lower()) + right, answer.lower())
    return all(any(found(word) for word in group) for group in groups)


def check_answers():
    for key, _, _, answers, groups in flashmoe.FACTS:
        for answer in answers:
            assert holds(groups, answer), (key, answer, groups)
    for seed in range(TRIES):
        for part in parts.PARTS:
            _, reply, groups, _, _ = passages.opening(random.Random(f"{part} {seed}"), part)
            assert holds(groups, reply), (reply, groups)
    print("answers about", len(flashmoe.FACTS), "facts of flashmoe and", TRIES * 3, "passages")


def check_wordings():
    asked = {part: {flashmoe.worded(random.Random(f"{part} {seed}"), part, fact) for fact in flashmoe.FACTS for seed in range(120)} for part in parts.PARTS}
    for one, two in (("train", "held"), ("train", "valid"), ("valid", "held")):
        shared = asked[one] & asked[two]
        assert not shared, list(shared)[:3]
    print("wordings about flashmoe seen:", {part: len(asked[part]) for part in asked})


def check_grown(name, grammar, once=(), some=(), kept=()):
    """Wordings of a grammar have each slot of `once` exactly once and all of `some`, and are not kept for another part."""
    rng, kept = random.Random(name), {normal(text) for text in kept}
    for _ in range(400):
        text = grammar.pick(rng)
        assert all(text.count("{%s}" % slot) == 1 for slot in once) and all("{%s}" % slot in text for slot in some), (name, text)
        assert normal(text) not in kept, (name, text)


def grammars_in(held, name=""):
    """(name, grammar) of everything in dictionaries, lists and tuples."""
    if isinstance(held, Grammar):
        yield name, held
    elif isinstance(held, (dict, list, tuple)):
        for key, value in held.items() if isinstance(held, dict) else enumerate(held):
            if not str(key).startswith("__"):
                yield from grammars_in(value, f"{name} {key}")


def check_marks(name, grammar):
    """No mark or space twice, and nothing of the grammar's own signs, in a wording of any grammar."""
    rng = random.Random(name)
    for _ in range(200):
        text = grammar.pick(rng)
        assert not re.search(r"  |[?!.,;] ?[,.;]|\?\.|[|()]| [.,?!;]", text.replace("...", "").replace("= ?", "").replace("1., 2.", "").replace("({l}", "").replace("{v})", "")), (name, text)


def check_grammars():
    count, count_all = 0, 0
    for tool in tools.TOOLS:
        check_grown(tool.names[0], tools.WIDE_ASKS[tool.names[0]], [str(i) for i, p in enumerate(tool.params) if p.required], kept=[t for part in ("valid", "held") for t in parts.dealt(tool.asks, part)])
    for grammar, (names, _, params, *_) in zip(tools.WIDE_MADE, tools_grammar.VERBS, strict=True):
        check_grown(names[0], grammar, [str(i) for i in range(len(params))], ["n"], kept=tools.KEPT_MADE)
    for _, fields in json_tasks.WIDER:
        for field, said_by in fields:
            count += 1
            for grammar in (said_by.says, said_by.no):
                if grammar:
                    check_grown(field.keys[0], grammar, [] if field.kind == "boolean" else ["v"], kept=json_tasks.kept_out(field))
    for grammar in (json_grammar.Said.one, json_grammar.Said.many):
        check_grown("label", grammar, ["v"], ["l"])
    for name, grammar in passages_grammar.SAYS.items():
        check_grown(name, grammar, some={"reason": ["n", "d", "v"], "gift": ["n", "m", "x"], "gift 0": ["n", "m", "x"], "gift 1": ["n", "m", "x"], "gift 2": ["n", "m", "x"], "job": ["n", "a"], "who_job": ["n", "a"],
                                         "people": ["v"], "founded": ["v"], "river": ["v"], "known": ["v"], "color": ["n", "x"]}.get(name, ["n", "v"]))
    for module in (flashmoe, flashmoe_grammar, instructions_grammar, json_grammar, passages_grammar, sums_grammar, tools_grammar):
        for name, grammar in grammars_in(vars(module)):
            count_all += 1
            check_marks(f"{module.__name__} {name}", grammar)
    print("grammars:", count_all, "with", len(tools.TOOLS), "tools,", len(tools.WIDE_MADE), "verbs,", count, "fields,", len(passages_grammar.SAYS), "relations")


if __name__ == "__main__":
    check_template()
    check_json()
    check_tools()
    check_answers()
    check_wordings()
    check_grammars()
