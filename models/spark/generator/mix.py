"""The mixture: which kind of text comes how often, and how a conversation is written down.

A conversation is a list of (role, text).  It may begin with ("tools", [definitions]);
an assistant's text may begin with a thought, "<think>\\n...\\n</think>\\n\\n", and may hold
tool calls in the family's dialect; role "tool" holds a result.
"""

import json
import random

from . import about, chats, copying, facts, flashmoe, instructions, json_tasks, passages, recall, refusals, stories, sums, tools, words

# Shares in conversations.  A recall is some 25 times as long as a sum.
# Most to what fails on wordings it has not seen (README): reading fields off a text, tools, passages, questions about flashmoe, formats.
KINDS = {"stories": 8, "chats": 10, "sums": 9, "copying": 5, "recall": 1.3, "instructions": 13, "refusals": 2.5, "json": 24, "tools": 19,
         "passages": 17, "flashmoe": 20, "about": 2, "facts": 2, "unasked": 1, "several": 8}
MAKE = {"stories": stories.make, "chats": chats.make, "sums": sums.make, "copying": copying.make, "recall": recall.make, "instructions": instructions.make, "refusals": refusals.make,
        "json": json_tasks.make, "tools": tools.make, "passages": passages.make, "flashmoe": flashmoe.make, "about": about.make, "facts": facts.make, "unasked": chats.unasked}
# What one conversation can hold several of.  Of the first group only one: what is told in one must not answer the other.
PERSONAL = ["chats", "refusals", "unasked"]
MIXED = ["sums", "copying", "instructions", "json", "tools", "passages", "flashmoe", "about", "facts", "stories"]
INSERTED = ["sums", "copying", "instructions", "json", "passages", "flashmoe", "facts"]
SYSTEM = ["You are a helpful assistant.", "You are a helpful assistant.", "You are spark, a small and friendly model.", "Answer in simple English.", "You are a friendly assistant.",
          "You are helpful, honest and polite.", "You are spark.", "Be helpful.", "You answer questions and follow instructions.", "You are an assistant in a terminal.",
          "You are spark, the small model inside flashmoe.", "Answer truthfully.", "Help the user.", "You are a careful assistant.", "You are a polite assistant."]
SYSTEM_FOR = {"stories": ["You are a kind storyteller.", "You tell stories to children.", "Tell good stories."], "sums": ["You are good at sums.", "Be brief.", "Answer with care."],
              "flashmoe": ["You explain flashmoe.", "You are the help of flashmoe.", "Answer questions about flashmoe."], "passages": ["Answer from the text.", "Read with care.", "Be brief."]}
EMPTY_THOUGHT = "<think>\n\n</think>\n\n"
TOOLS_HEAD = "# Tools\n\nYou can call these functions:\n\n<tools>"
TOOLS_TAIL = ("\n</tools>\n\nTo call one, answer in this form:\n\n<tool_call>\n<function=NAME>\n<parameter=ARGUMENT>\nVALUE\n</parameter>\n</function>\n</tool_call>")


def several(rng, part):
    """Two to four kinds, one after the other."""
    kinds = rng.sample(MIXED, rng.choice((2, 2, 3, 3, 4)))
    if "tools" in kinds:                                    # a tool on offer must not make the others' answers doubtful
        kinds = [k for k in kinds if k not in ("json", "sums", "about")]
    elif rng.random() < 0.4:
        kinds[rng.randrange(len(kinds))] = rng.choice(PERSONAL)
    offered, out = [], []
    for kind in kinds:
        messages = MAKE[kind](rng, part)
        if messages[0][0] == "tools":
            if offered:
                continue
            offered, messages = messages[:1], messages[1:]
        if messages[0][0] != "system":                      # instructions for one part would reach the others
            out += messages
    return offered + out if out else about.make(rng, part)


def turns(messages):
    """Positions where a user's turn begins."""
    return [i for i, (role, _) in enumerate(messages) if role == "user"]


def insert(rng, part, messages):
    """Other exchanges inside a conversation that is about remembering."""
    for _ in range(rng.choice((1, 1, 2))):
        other = MAKE[rng.choice(INSERTED)](rng, part)
        if other[0][0] != "user":
            continue
        starts = turns(other)
        exchange = other[: starts[1]] if len(starts) > 1 else other
        places = [i for i in turns(messages) if i and len(messages[i][1]) > 12]
        if places:
            at = rng.choice(places)
            messages = messages[:at] + exchange + messages[at:]
    return messages


MAKE["several"] = several
NAMES, WEIGHTS = list(KINDS), list(KINDS.values())


def kind(rng):
    return rng.choices(NAMES, WEIGHTS)[0]


def conversation(seed: int, part: str, only: str | None = None):
    """One conversation; a seed and a part always give the same."""
    rng = random.Random(f"{part}-{seed}")
    name = kind(rng)
    name = only or name
    messages = MAKE[name](rng, part)
    if name == "chats" and rng.random() < 0.2:
        messages = insert(rng, part, messages)
    if any(role == "system" for role, _ in messages):
        return messages
    at = 1 if messages[0][0] == "tools" else 0
    draw = rng.random()
    if draw < 0.15:
        choice = SYSTEM_FOR[name] if name in SYSTEM_FOR and rng.random() < 0.4 else SYSTEM
        messages = messages[:at] + [("system", rng.choice(choice))] + messages[at:]
    elif draw < 0.17 and name != "recall":
        person = words.person(rng, part, 0.5)[0]
        if not any(role != "tools" and (person in text or "ame" in text) for role, text in messages):
            ask = chats.ASK_NAME.pick(rng, part)
            told = rng.choice([f"The name of the user is {person}.", f"You talk to {person}.", f"You are a helpful assistant. The user is called {person}."])
            messages = messages[:at] + [("system", told)] + messages[at:] + [("user", ask), ("assistant", f"Your name is {person}.")]
    return messages


def without_thought(text: str) -> str:
    return text.split("</think>")[-1].strip()


def written(messages, keep_thoughts=False) -> str:
    """ChatML as the chat template renders it.

    The template keeps the (often empty) thought only after the last user message.
    A program that goes on from its own state instead of rendering anew keeps
    all of them: `keep_thoughts` writes that form.
    """
    last = max(i for i, (role, _) in enumerate(messages) if role == "user")
    out, offered, start = [], "", 0
    if messages[0][0] == "tools":
        offered = TOOLS_HEAD + "".join("\n" + json.dumps(tool, ensure_ascii=False) for tool in messages[0][1]) + TOOLS_TAIL
        start = 1
        if len(messages) > 1 and messages[1][0] == "system":
            offered += "\n\n" + messages[1][1].strip()
            start = 2
        out.append(f"<|im_start|>system\n{offered}<|im_end|>\n")
    for i in range(start, len(messages)):
        role, text = messages[i]
        text = text.strip()
        if role == "tool":
            if messages[i - 1][0] != "tool":
                out.append("<|im_start|>user")
            out.append(f"\n<tool_response>\n{text}\n</tool_response>")
            if i + 1 == len(messages) or messages[i + 1][0] != "tool":
                out.append("<|im_end|>\n")
            continue
        if role == "assistant":
            if not keep_thoughts and i < last:
                text = without_thought(text)
            elif not text.startswith("<think>"):
                text = EMPTY_THOUGHT + text
        out.append(f"<|im_start|>{role}\n{text}<|im_end|>\n")
    return "".join(out)


def sample(seed: int, part: str, only: str | None = None) -> str:
    """The training text of one seed, in one of the two forms."""
    return written(conversation(seed, part, only), keep_thoughts=seed % 5 < 2)
