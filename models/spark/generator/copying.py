"""Saying something again: the plainest form of reading what the user wrote."""

from . import words
from .wording import Wording

REPEAT = Wording("!Repeat after me: {x}", "!Say {x}.", "!Repeat: {x}", "(Please |)(repeat|say|write|copy|echo|type|output|print|spell out|give back)( this| the following| exactly this| these words| what I write| after me|)(:| -) {x}", "(Can|Could|Would|Will) you (please |)(say|repeat|write|copy|echo) (this: |the following: |){x}?", "(I say|I write|The word is|My text is|Here is a text|Words to copy): {x}. (Say it too|Now you|Repeat it|Copy it|Write it again|Say it again|Your turn).",
                 "(Say|Write|Repeat|Answer with|Reply with|Respond with) (only |just |exactly |nothing but )(this: |){x}.")
FIRST = Wording("!What is the first word of: {x}", "(What|Which) (word |)(is|comes|stands) first (in|of): {x}", "(First word|Only the first word|The first word, please|Give me the first word|Say the first word|Start of this): {x}", "(Which|What) word (begins|starts|opens) (this|the list|the line): {x}")
LAST = Wording("!What is the last word of: {x}", "(What|Which) (word |)(is|comes|stands) last (in|of): {x}", "(Last word|Only the last word|The last word, please|Give me the last word|Say the last word|End of this): {x}", "(Which|What) word (ends|closes|finishes) (this|the list|the line): {x}")
NTH = Wording("!What is the {o} word of: {x}", "(Give me|Say|Find|Tell me|Write|Pick) the {o} word( of| in|)(:| -) {x}", "(Which|What) is the {o} word (in|of|here)(:| -) {x}")
PICK = Wording("!{n} is {k}. What is {n}?", "!The name of the {w} is {n}. What is the name of the {w}?", "(A|This|That|My|Our|One|Some) {w} is (called|named) {n}. (What is the {w} called?|What is the name of the {w}?|How is the {w} called?|Name the {w}.)", "{n} is (the name of|what we call|our word for) the {w}. (What is the {w} called?|What is the name of the {w}?|How do we call the {w}?)")
MISSING = Wording("!List: {x}. Is {y} in the list?", "(Here is a list|My list|The list is|I have these words|Words): {x}. (Is {y} in it?|Does it contain {y}?|Is {y} among them?|Do you see {y} there?)")
ORDER = ("second", "third", "fourth", "fifth")


def word(rng, part):
    kind = rng.random()
    if kind < 0.6:
        return words.glued(rng, part)
    if kind < 0.75:
        return words.new_name(rng, part)
    if kind < 0.9:
        return rng.choice(words.MATERIAL)
    return str(rng.randint(0, 99999))


def several(rng, part, count):
    out = []
    while len(out) < count:
        w = word(rng, part)
        if w not in out:
            out.append(w)
    return out


def turn(rng, part):
    some = several(rng, part, rng.choice((1, 1, 2, 3, 4, 6, 8)))
    text = " ".join(some)
    kind = rng.random()
    if kind < 0.5 or len(some) == 1:
        if rng.random() < 0.3:
            n, w = words.new_name(rng, part), rng.choice([words.glued(rng, part), rng.choice(words.MATERIAL)])
            ask = PICK.pick(rng, part)
            return words.capital(ask.format(n=n, k=words.article(w), w=w)), f"{n} is {words.article(w)}." if "{k}" in ask else f"The {w} is called {n}."
        return REPEAT.pick(rng, part).format(x=text), text
    if kind < 0.62:
        return FIRST.pick(rng, part).format(x=text), some[0]
    if kind < 0.74:
        return LAST.pick(rng, part).format(x=text), some[-1]
    if kind < 0.88:
        i = rng.randrange(1, min(len(some), 5))
        return NTH.pick(rng, part).format(x=text, o=ORDER[i - 1]), some[i]
    there = rng.random() < 0.5
    y = rng.choice(some) if there else word(rng, part)
    there = y in some
    return MISSING.pick(rng, part).format(x=", ".join(some), y=y), f"Yes, {y} is in the list." if there else f"No, {y} is not in the list."


def make(rng, part):
    messages = []
    for _ in range(rng.choice((2, 3, 5))):
        text, reply = turn(rng, part)
        messages += [("user", text), ("assistant", reply)]
    return messages
