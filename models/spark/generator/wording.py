"""Ways to say one thing, composed from phrases and split into three disjoint sets.

A template like "(Tell|Give) me a (short |)story about {a}." stands for all of
its expansions.  Each expansion belongs to exactly one part by its checksum, so
a held-out wording never appears in training, although its phrases do.
"""

import zlib

SHARE = 0.07                                     # of all expansions, for "held" and for "valid" each


def expand(template):
    """All texts of a template with (possibly nested) alternatives."""
    texts, rest, _ = _sequence(template, 0)
    assert rest == len(template), f"unbalanced: {template}"
    return texts


def _sequence(text, at):
    """Texts of a run of characters and groups up to "|" or ")" -> (texts, position, None)."""
    out, literal = [""], at
    while at < len(text) and text[at] not in "|)":
        if text[at] == "(":
            out = [o + text[literal:at] for o in out]
            options, at = _group(text, at + 1)
            out = [o + option for o in out for option in options]
            literal = at
        else:
            at += 1
    return [o + text[literal:at] for o in out], at, None


def _group(text, at):
    options = []
    while True:
        some, at, _ = _sequence(text, at)
        options += some
        if at >= len(text):
            raise ValueError(f"unbalanced: {text}")
        if text[at] == ")":
            return options, at + 1
        at += 1


def rank(text):
    return zlib.crc32(text.lower().encode())


class Wording:
    """Expansions of several templates, by part.  A template that begins with "!" is the
    plainest way to say it and always belongs to training."""

    def __init__(self, *templates):
        owned, pinned = [], []
        for template in templates:
            keep = template.startswith("!")
            texts = list(dict.fromkeys(expand(template.lstrip("!"))))
            (pinned if keep else owned).append(texts)
        taken = {t.lower() for group in pinned for t in group}
        every = sorted({t.lower() for group in owned for t in group} - taken, key=rank)
        size = max(1, round(len(every) * SHARE)) if len(every) > 3 else 0
        held, valid = set(every[:size]), set(every[size: 2 * size])
        def pick(test):
            return [g for g in ([t for t in group if test(t.lower())] for group in owned) if g]
        self.sets = {"train": pick(lambda t: t not in held and t not in valid) + pinned,
                     "held": pick(lambda t: t in held), "valid": pick(lambda t: t in valid)}
        for part in ("held", "valid"):           # too few to split: everybody shares them
            if not self.sets[part]:
                self.sets[part] = self.sets["train"]

    def pick(self, rng, part):
        return rng.choice(rng.choice(self.sets[part]))

    def size(self):
        return {part: sum(map(len, groups)) for part, groups in self.sets.items()}


def casual(rng, text):
    """The way people type: sometimes no capital, no mark at the end, a greeting in front."""
    draw = rng.random()
    if draw < 0.06:
        text = text[0].lower() + text[1:] if not text.startswith(("I ", "I'")) else text
    elif draw < 0.11:
        text = text.rstrip(".?! ")
    elif draw < 0.15:
        text = (text[0].lower() + text[1:]).rstrip(".?! ") if not text.startswith(("I ", "I'")) else text.rstrip(".?! ")
    elif draw < 0.21:
        text = rng.choice(["Hi! ", "Hello! ", "Hey, ", "Okay. ", "Please: ", "Now: ", "Hi spark! ", "One question: ", "Next: ", "So, ", "Good day! ", "Thanks. "]) + text
    elif draw < 0.25:
        text = text + rng.choice([" Thanks!", " Thank you.", " Please.", " Thanks."])
    return text
