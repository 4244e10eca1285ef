"""Regenerates tokenizer-ids.json and chat-renders.json with the Hugging Face reference libraries.

Usage: python tests/golden/tokenizer_and_chat.py DIRECTORY
DIRECTORY holds tokenizer.json and chat_template.jinja of a synthetic model with a vocabulary of 2048
(`flashmoe synth DIRECTORY --vocab 2048`). Needs tokenizers, transformers and jinja2.
"""

import json
import sys
from pathlib import Path

from tokenizers import Tokenizer
from transformers.utils.chat_template_utils import render_jinja_template

TEXTS = [
    "Tell me a story about the fox and the river.",
    "  leading spaces,\ttabs\n\n\nand lines \r\n end  ",
    "def f(x):\n    return x**2  # comment\n",
    "I'll say 'no' don't I'VE",
    "12345 3.14 \u0663 \u216b",
    "Caf\u00e9 \u00f1and\u00fa e\u0301 na\u00efve",
    "\u6f22\u5b57\u304b\u306a\u4ea4\u3058\u308a\u6587\u3001\u30c6\u30b9\u30c8\u3002",
    "\ud55c\uad6d\uc5b4 \ub744\uc5b4\uc4f0\uae30",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f98a\U0001f98a \u2615\ufe0f",
    "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n<think>\n",
    "a<tool_call>b</tool_call> <think>x</think>",
    "\u00dcn\u00efc\u00f6d\u00e9 \u00bd \ufb01 \ufdfa \u200b zero",
    "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e",
    "\u0000\u0001 control",
    "\ufeffbom first",
    '{"key": [1, 2.5, "v"]}',
    "x" * 50,
    "\u0391\u0392\u0393 \u0430\u0431\u0432 \u05d0\u05d1\u05d2 \u0627\u0628\u062c",
]


def user(content):
    return {"role": "user", "content": content}


def assistant(content, **fields):
    return {"role": "assistant", "content": content, **fields}


def system(content):
    return {"role": "system", "content": content}


def tool(content):
    return {"role": "tool", "content": content}


CITY = {"type": "string"}
DAYS = {"type": "integer", "default": 3}
PARAMETERS = {"type": "object", "properties": {"city": CITY, "days": DAYS}, "required": ["city"]}
WEATHER = {"name": "get_weather", "description": 'Wetter f\u00fcr "Orte" <b>', "parameters": PARAMETERS}
TOOL = {"type": "function", "function": WEATHER}
ARGUMENTS = {"city": "K\u00f6ln", "days": 2, "list": [1, "a", None, True]}
CALL = {"type": "function", "function": {"name": "get_weather", "arguments": ARGUMENTS}}

CHATS = [
    {"messages": [user("hi")], "options": {}},
    {"messages": [system("Be brief."), user("hi")], "options": {"enable_thinking": False}},
    {"messages": [user("hi"), assistant("hello"), user("again")], "options": {"enable_thinking": True}},
    {"messages": [user("hi"), assistant("<think>\nhm\n</think>\n\nhello  "), user("again")], "options": {}},
    {"messages": [user("hi"), assistant("x", reasoning_content="why"), tool("r1"), tool("r2")], "options": {}},
    {
        "messages": [
            system("sys"),
            user("weather?"),
            assistant("", tool_calls=[CALL, CALL]),
            tool('{"t": 3}'),
            assistant("3 degrees"),
        ],
        "options": {"tools": [TOOL, TOOL]},
    },
    {"messages": [user("a"), assistant("b")], "options": {"add_generation_prompt": False}},
]


def main(directory: Path) -> None:
    here = Path(__file__).parent
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    rows = []
    for text in TEXTS:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        decoded = tokenizer.decode(ids, skip_special_tokens=False)
        plain = tokenizer.decode(ids, skip_special_tokens=True)
        rows.append({"text": text, "ids": ids, "decoded": decoded, "plain": plain})
    (here / "tokenizer-ids.json").write_text(json.dumps(rows) + "\n")
    template = (directory / "chat_template.jinja").read_text()
    for chat in CHATS:
        options = {"add_generation_prompt": True, "tools": None, **chat["options"]}
        texts, _ = render_jinja_template([chat["messages"]], chat_template=template, **options)
        chat["expected"] = texts[0]
    (here / "chat-renders.json").write_text(json.dumps(CHATS) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
