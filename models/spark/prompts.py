"""Suite items as token ids: the chat template and the tokenizer, without any engine."""

import json
from pathlib import Path

from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

ENDS = ("<|im_end|>", "<|endoftext|>")


def read_lines(path):
    """JSON lines -> list."""
    return [json.loads(line) for line in Path(path).read_text().splitlines() if line.strip()]


class Prompts:
    """folder: where tokenizer.json and chat_template.jinja (or tokenizer_config.json holding it) are."""

    def __init__(self, folder):
        folder = Path(folder)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        template = folder / "chat_template.jinja"
        source = template.read_text() if template.exists() else json.loads((folder / "tokenizer_config.json").read_text())["chat_template"]
        room = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
        room.filters["tojson"] = lambda value, **options: json.dumps(value, ensure_ascii=False, **options)
        self.template = room.from_string(source)
        self.ends = [self.tokenizer.token_to_id(t) for t in ENDS]

    def text(self, item):
        return self.template.render(messages=item["messages"], tools=item.get("tools"), add_generation_prompt=True, enable_thinking=bool(item.get("think")))

    def ids(self, item):
        return self.tokenizer.encode(self.text(item), add_special_tokens=False).ids

    def words(self, tokens):
        """Generated ids -> text; the turn's end is not part of it."""
        return self.tokenizer.decode(tokens, skip_special_tokens=True)
