"""Saying something again: the plainest form of reading what the user wrote."""

from . import words

REPEAT = ["Repeat after me: {x}", "Say {x}.", "Please say: {x}", "Repeat this: {x}", "Write this again: {x}", "Copy this: {x}", "Please repeat: {x}", "Say this word: {x}", "Can you say {x}?", "Echo: {x}"]
FIRST = ["What is the first word of: {x}", "Which word comes first: {x}", "First word: {x}"]
LAST = ["What is the last word of: {x}", "Which word comes last: {x}", "Last word: {x}"]
PICK = ["{n} is a {k}. What is {n}?", "A {k} is called {n}. What is the {k} called?", "The name of the {k} is {n}. What is the name of the {k}?"]


def word(rng, part):
    kind = rng.random()
    if kind < 0.6:
        return words.glued(rng, part)
    if kind < 0.75:
        return words.new_name(rng, part)
    if kind < 0.9:
        return rng.choice(words.MATERIAL)
    return str(rng.randint(0, 9999))


def turn(rng, part):
    some = [word(rng, part) for _ in range(rng.choice((1, 1, 2, 3, 4, 6)))]
    text = " ".join(some)
    kind = rng.random()
    if kind < 0.6 or len(some) == 1:
        if rng.random() < 0.3:
            n, k = words.new_name(rng, part), rng.choice([words.glued(rng, part), rng.choice(words.MATERIAL)])
            ask = rng.choice(PICK)
            answer = f"{n} is a {k}." if "What is {n}" in ask else f"The {k} is called {n}."
            return ask.format(n=n, k=k), answer
        return rng.choice(REPEAT).format(x=text), text
    if kind < 0.8:
        return rng.choice(FIRST).format(x=text), some[0]
    return rng.choice(LAST).format(x=text), some[-1]


def make(rng, part):
    messages = []
    for _ in range(rng.choice((2, 3, 5))):
        text, reply = turn(rng, part)
        messages += [("user", text), ("assistant", reply)]
    return messages
