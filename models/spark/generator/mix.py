"""The mixture: which kind of text comes how often, and how a conversation is written down."""

import random

from . import about, chats, copying, facts, stories, sums, words

KINDS = [(stories.make, 36), (chats.make, 30), (sums.make, 12), (copying.make, 12), (about.make, 5), (facts.make, 3), (chats.unasked, 2)]
SYSTEM = ["You are a helpful assistant.", "You are a helpful assistant.", "You are spark, a small and friendly model.", "Answer in simple English.", "You are a kind storyteller.", "Be brief.", "You are a friendly assistant.",
          "You are helpful, honest and polite."]
EMPTY_THOUGHT = "<think>\n\n</think>\n\n"


def conversation(seed: int, part: str):
    """One conversation: [(role, text), ...]; a seed and a part always give the same."""
    rng = random.Random(f"{part}-{seed}")
    make = rng.choices([k[0] for k in KINDS], [k[1] for k in KINDS])[0]
    messages = make(rng, part)
    draw = rng.random()
    if draw < 0.12:
        messages = [("system", rng.choice(SYSTEM))] + messages
    elif draw < 0.15:
        name = words.person(rng, part, 0.5)[0]
        if not any(name in text or "ame" in text for _, text in messages):
            ask = rng.choice(chats.ASK_NAME)
            messages = [("system", rng.choice([f"The name of the user is {name}.", f"You talk to {name}.", f"You are a helpful assistant. The user is called {name}."]))] + messages
            messages += [("user", ask), ("assistant", f"Your name is {name}.")]
    return messages


def written(messages, keep_thoughts=False) -> str:
    """ChatML as the chat template renders it.

    The template keeps the (empty) thought only after the last user message.
    A program that goes on from its own state instead of rendering anew keeps
    all of them: `keep_thoughts` writes that form.
    """
    last = max(i for i, (role, _) in enumerate(messages) if role == "user")
    out = []
    for i, (role, text) in enumerate(messages):
        thought = EMPTY_THOUGHT if role == "assistant" and (keep_thoughts or i > last) else ""
        out.append(f"<|im_start|>{role}\n{thought}{text}<|im_end|>\n")
    return "".join(out)


def sample(seed: int, part: str) -> str:
    """The training text of one seed, in one of the two forms."""
    return written(conversation(seed, part), keep_thoughts=seed % 5 < 2)
