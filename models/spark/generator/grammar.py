"""Ways to say one thing, grown at random from a grammar: far more than a list could hold.

"(Please |)(give|tell) me the {l}(.|, please.)" is expanded anew at each draw; "<tell>" stands for
an entry of the lexicon below.  Only training uses these.  What the other parts say, word for word, is
turned down: `avoid` holds it, and two wordings are the same when only case and marks differ.
"""

import re

LEXICON = {
    "please": "(||Please |please )",
    "tell": "(Tell me|Say|Give me|Name|State|Let me know|Tell us|I want to know|I need to know|I'd like to know|Can you tell me|Could you tell me|Do you know|Please tell me|Please name|Write down)",
    "set": "(set|change|choose|pick|adjust|control|specify|select|give|decide on|fix|configure|say|define)",
    "see": "(see|look at|view|show|print|get|read|find out|display|check|learn|know)",
    "limit": "(limit|cap|restrict|bound|put a limit on|put a bound on|put a cap on|keep down|hold down|set a maximum for|set an upper limit for|control)",
    "answer": "(answer|reply|output|response|generated text|completion|text)",
    "off": "(turn off|switch off|disable|deactivate|stop|get rid of|avoid|do without|skip)",
}


def normal(text: str) -> str:
    """A wording without the case and marks that make no difference."""
    return re.sub(r"[^\w{}]+", " ", text.lower()).strip()


def parse(text: str, at: int = 0):
    """A run of texts and choices up to "|" or ")" -> (sequence, position)."""
    out, literal = [], at
    while at < len(text) and text[at] not in "|)":
        if text[at] == "(":
            if at > literal:
                out.append(text[literal:at])
            options, at = [], at + 1
            while True:
                option, at = parse(text, at)
                options.append(option)
                if at >= len(text):
                    raise ValueError(f"unbalanced: {text}")
                at += 1
                if text[at - 1] == ")":
                    break
            out.append(tuple(options))
            literal = at
        else:
            at += 1
    if at > literal:
        out.append(text[literal:at])
    return out, at


def compiled(template: str):
    whole = re.sub(r"<(\w+)>", lambda m: LEXICON[m.group(1)], template)
    sequence, rest = parse(whole)
    if rest != len(whole):
        raise ValueError(f"unbalanced: {template}")
    return sequence


def size(sequence) -> int:
    total = 1
    for part in sequence:
        if isinstance(part, tuple):
            total *= sum(size(option) for option in part)
    return total


def grow(rng, sequence, out):
    for part in sequence:
        if type(part) is str:
            out.append(part)
        else:
            grow(rng, part[int(rng.random() * len(part))], out)


class Grammar:
    """Templates; `pick` draws one and expands it.  Large templates come more often, but not in step with their size."""

    def __init__(self, *templates, avoid=()):
        self.roots = [compiled(t) for t in templates]
        self.avoid = {normal(a) for a in avoid}
        weights, total = [], 0.0
        for root in self.roots:
            total += min(size(root), 4096) ** 0.3
            weights.append(total)
        self.weights = [w / total for w in weights]
        self.size = sum(map(size, self.roots))

    def pick(self, rng) -> str:
        while True:
            draw, at = rng.random(), 0
            while self.weights[at] < draw:
                at += 1
            out = []
            grow(rng, self.roots[at], out)
            text = "".join(out)
            if not self.avoid or normal(text) not in self.avoid:
                return text


def others(*lists):
    """What lists of wordings, or `Wording`s, give to the held-out and the validation part."""
    from . import parts
    out = set()
    for some in lists:
        for part in ("held", "valid"):
            if hasattr(some, "sets"):
                out |= {text for group in some.sets[part] for text in group}
            else:
                out |= set(parts.dealt(some, part))
    return out
