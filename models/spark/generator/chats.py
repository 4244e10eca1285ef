"""Conversations in which the user tells facts and asks for them later.

Between telling and asking come other things: sums, stories, small talk.
That is what makes it memory and not repetition.
"""

from . import about, copying, facts, instructions, stories, sums, told, words
from .wording import Wording, casual

CITIES = told.CITIES
HELLO = Wording("!Hello!", "!Hi!", "!Hello", "!hi", "!Hey!", "(Hello|Hi|Hey|Good morning|Good evening|Good afternoon|Greetings|Good day|Hello there|Hi there|Hey there|Welcome back)(!|.|, spark!|, how are you?| and nice to meet you!)")
GREET = ["Hello! How can I help you?", "Hello! Nice to meet you. What can I do for you?", "Hi! I am spark. What would you like?", "Hello! Would you like a story or a small sum?", "Hello! What can I do for you today?", "Hi there! How can I help?"]
NAME = Wording("!my name is {v}", "!I am {v}", "!I'm {v}", "!call me {v}", "(my name's|you can call me|people call me|everyone calls me|this is|please call me|they call me|my friends call me|the name is|I go by|I am called|I am known as|you are talking to|you are speaking with|it is me,|allow me to introduce myself: I am|let me introduce myself, I am|I would like to be called|just call me|feel free to call me) {v}",
               "{v} is my name", "it's {v} here", "my name is {v} (and I am new here|and I like stories|by the way|and I have some questions|and I come from far away|and I am happy to be here|, in case you wonder)", "{v} here", "(I was given the name|my parents named me|my parents call me|at home they call me) {v}")
NAME_REPLY = ["Hello, {v}! Nice to meet you.", "Nice to meet you, {v}!", "Hello {v}! How can I help you?", "Hi, {v}! What can I do for you?", "Welcome, {v}! It is nice to meet you.", "Hello, {v}! I will remember your name.", "It is good to meet you, {v}.", "Hi {v}! What would you like to do?"]
ASK_NAME = Wording("!What is my name?", "!What's my name?", "!Who am I?", "!Do you know my name?", "!Do you remember my name?", "(How|What) am I called( again|)?", "(Please say|Say|Tell me|Please tell me|Repeat|Write) my name(.|, please.| again.| once more.)", "(Which|What) name did I (tell you|give you|say|mention|use)( before| earlier| at the start|)?", "(And |So |Now, )(what is|what was|do you know|do you remember) my name( again|)?",
                   "(By what name|By which name) (do you know me|should you call me|did I introduce myself)?", "(With whom|With who) are you talking( right now| here|)?", "(I forgot|I have forgotten) (my name|who I am). (What is it?|Please tell me.|Can you help me?|Do you know it?)", "(How|What) (should you|would you|will you|do you) call me?", "(What did I say|What did I tell you) my name (was|is)?")
SAY_NAME = ["Your name is {v}."] * 6 + ["You are {v}.", "You told me that your name is {v}.", "Of course. Your name is {v}."]
CORRECT = Wording("!Sorry, {s}.", "!Actually, {s}.", "(I made a mistake|I was wrong|That was wrong|Correction|Wait|Oops|No|Sorry|Let me correct that|I must correct myself|I have to correct that)(:|,|.|;) {s}(, not {o}|).", "(It changed:|There is news:|That is no longer right:|That has changed:|An update:) (now |){s}.", "(Not {o}.|Forget {o}.|It is not {o}.) {S}.")
FIXED = ["Thank you, I have changed it: {s}.", "Okay, {s} now.", "Noted, {s}.", "Thanks for the correction. {S}.", "I see: {s}."]
TOGETHER = ["Thank you, I will remember all of that.", "Noted, all of it.", "Got it, I will keep these in mind.", "Okay, I will remember these things.", "Thank you for telling me. I have noted everything."]
NOT_YET = ["I don't know. You have not told me {n} yet.", "You have not told me {n} yet.", "I don't know {n}. You have not told me.", "I do not know that yet. Please tell me {n}.", "I can't know that: you have not told me {n} yet."]
NOT_YET_PLACE = [t.replace("{n}", "where {n} is") for t in NOT_YET]
SYSTEM_FACT = Wording("!{S}.", "(Remember|Note|Facts|Background|Context|About the user|What you know|Known facts|Keep in mind)(:|: the following.) {S}.", "(You should know that|It is known that|The user has told you that|You know that) {s}.", "(You are a helpful assistant|You are spark, a small model|You are a friendly assistant|Answer briefly|Be kind and short)( and you know this|). {S}.")
BYE = Wording("!Goodbye!", "!Bye!", "(Goodbye|Bye|See you|Good night|See you soon|Bye bye|Take care|Until next time|I have to go, bye|Thank you, bye|That was all, goodbye)(!|.| then.)")


def distractor(rng, part, long=True):
    """Something else in between: a list of messages."""
    kind = rng.random()
    if kind < 0.28:
        text, reply, _ = sums.one(rng, part)
    elif kind < 0.42:
        text, reply = about.talk_turn(rng, part)
    elif kind < 0.54:
        text, reply = about.self_turn(rng, part)
    elif kind < 0.62:
        text, reply = about.unknown_turn(rng, part)
    elif kind < 0.74:
        text, reply = facts.turn(rng, part)
    elif kind < 0.82:
        text, reply = copying.turn(rng, part)
    elif kind < 0.9:
        text, reply = instructions.turn(rng, part)[:2]
    else:
        return stories.make(rng, part, with_questions=False) if long else distractor(rng, part, long)
    return [("user", text), ("assistant", reply)]


def introduce(rng, part, v):
    how = NAME.pick(rng, part).format(v=v).replace(" ,", ",")
    style = rng.random()
    if style < 0.45:
        hello = rng.choice(["Hello", "Hi", "Hey", "Good morning", "Hello there", "Good evening", "Hi there", "Good day"])
        return f"{hello}, {how}." if rng.random() < 0.5 else f"{hello}! {words.capital(how)}."
    return (words.capital(how) if rng.random() < 0.85 else how) + rng.choice([".", ".", "!", ""])


def name_reply(rng, v):
    return rng.choice(NAME_REPLY).format(v=v)


def name_fact(rng, part):
    v = words.person(rng, part, 0.6)[0]
    if rng.random() < 0.12:
        v += " " + words.person(rng, part, 0.6)[0]
    return dict(np="my name", back="your name", key="my name", value=v, tell=words.capital(introduce(rng, part, v)), reply=name_reply(rng, v), say=rng.choice(SAY_NAME).format(v=v))


def asked(rng, part, f):
    """The question for a fact, in fresh words, and its answer."""
    if f["key"] == "my name":
        text = ASK_NAME.pick(rng, part) if rng.random() < 0.55 else told.ASK_NP.pick(rng, part).format(n="my name", N="My name")
    else:
        text = told.ask(rng, part, f)
    return words.capital(text).strip(), f["say"]


def new_fact(rng, part, known):
    """A fact whose key is not yet taken; now and then its sibling: the same of somebody else."""
    for _ in range(30):
        f = told.fact(rng, part)
        if f["key"] not in known and f["np"] not in {k["np"] for k in known.values()}:
            known[f["key"]] = f
            return f
    raise RuntimeError("no new fact")


def sibling(rng, part, f, known):
    """The same kind of fact about someone else, to be kept apart from f."""
    for what in told.PERSONAL:
        if f["np"].endswith(" " + what):
            whose, back = told.owner(rng, part)
            other = dict(np=f"{whose} {what}", back=f"{back} {what}", value=told.PERSONAL[what](rng, part))
            if other["np"] not in known and other["value"] != f["value"]:
                other = told.complete(rng, part, other)
                known[other["key"]] = other
                return other
    return None


def state(f):
    return f"{f['np']} is {f['value']}"


def correct(rng, part, f):
    """The value of f changes -> two messages; the fact is changed in place."""
    old = f["value"]
    if f["key"] == "my name":
        new = words.person(rng, part, 0.6)[0]
    else:
        for what in told.PERSONAL:
            if f["np"].endswith(" " + what):
                new = told.PERSONAL[what](rng, part)
                break
        else:
            new = rng.choice(told.NOOKS) if f.get("place") else None
    if not new or new == old:
        return []
    f["value"] = new
    f["say"] = f["say"].replace(old, new) if old in f["say"] else words.capital(f"{f['back']} is {new}.")
    said = state(f)
    back = f"{f['back']} is {new}"
    text = CORRECT.pick(rng, part).format(s=said, S=words.capital(said), o=old)
    parts = text.split(". ", 1)
    if len(parts) == 2:
        text = parts[0] + ". " + words.capital(parts[1])
    return [("user", text), ("assistant", rng.choice(FIXED).format(s=back, S=words.capital(back)))]


def never(rng, part, known):
    """A question about something nobody told."""
    for _ in range(30):
        f = told.fact(rng, part, [told.personal, told.called, told.hidden, told.thing]) if rng.random() < 0.8 or "my name" in known else name_fact(rng, part)
        taken = {k["np"] for k in known.values()} | {k["key"] for k in known.values()} | {k["back"] for k in known.values()}
        if f["key"] in taken or f["np"] in taken:
            continue
        text, _ = asked(rng, part, f)
        return [("user", text), ("assistant", rng.choice(NOT_YET_PLACE if f.get("place") else NOT_YET).format(n=f["back"]))]
    return []


def system_facts(rng, part, known):
    """A system message that tells one to three facts."""
    said = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        f = name_fact(rng, part) if "my name" not in known and rng.random() < 0.4 else new_fact(rng, part, known)
        known[f["key"]] = f
        np = f["np"]
        if f.get("clause"):
            said.append(f["say"].rstrip(".").replace("You live", "The user lives").replace("You are", "The user is").replace("You have", "The user has").replace("Your ", "The user's "))
        else:
            said.append((("the user's " + np[3:]) if np.startswith("my ") else np.replace(" my ", " the user's ")) + f" is {f['value']}")
    text = ". ".join(words.capital(x) for x in said)
    return ("system", SYSTEM_FACT.pick(rng, part).format(s=text, S=text).replace("that The ", "that the "))


def make(rng, part):
    messages, known = [], {}
    if rng.random() < 0.12:
        messages.append(system_facts(rng, part, known))
    if rng.random() < 0.25:
        messages += [("user", HELLO.pick(rng, part)), ("assistant", rng.choice(GREET))]
    plan = (["name"] if rng.random() < 0.65 and "my name" not in known else []) + ["fact"] * rng.choice((0, 1, 1, 2, 2, 3, 4, 6))
    if not plan and not known:
        plan = ["name"]
    if rng.random() < 0.4:
        rng.shuffle(plan)
    while plan:
        step = plan.pop(0)
        f = name_fact(rng, part) if step == "name" else new_fact(rng, part, known)
        known[f["key"]] = f
        text, reply = f["tell"], f["reply"]
        if rng.random() < 0.22:                              # several at once
            for _ in range(rng.choice((1, 1, 2, 3))):
                extra = (sibling(rng, part, f, known) if rng.random() < 0.4 else None) or new_fact(rng, part, known)
                text = text.rstrip(".!") + ". " + extra["tell"]
            reply = rng.choice(TOGETHER)
        if rng.random() < 0.08 and f["key"] != "my name":    # told and something asked at once
            text, reply = text.rstrip(".!") + ". " + words.capital(asked(rng, part, f)[0]), f["say"]
        messages += [("user", text), ("assistant", reply)]
        if rng.random() < 0.15:
            other = sibling(rng, part, f, known)
            if other:
                messages += [("user", other["tell"]), ("assistant", other["reply"])]
        if rng.random() < 0.35:
            messages += distractor(rng, part)
        if rng.random() < 0.09:
            messages += correct(rng, part, f)
        if rng.random() < 0.04:
            messages += never(rng, part, known)
    for _ in range(rng.choice((0, 0, 1, 1, 2, 4))):
        messages += distractor(rng, part)
    pending = list(known)
    rng.shuffle(pending)
    for key in pending[: rng.choice((1, 2, 3, 4))]:
        text, reply = asked(rng, part, known[key])
        messages += [("user", casual(rng, text) if part == "train" else text), ("assistant", reply)]
        if rng.random() < 0.15:
            messages += distractor(rng, part, long=False)
    if rng.random() < 0.2:
        messages += never(rng, part, known)
    if "my name" in known and rng.random() < 0.1:            # the two names stay apart
        messages += about.name_turn(rng, part)
    if rng.random() < 0.1:
        v = known["my name"]["value"] if "my name" in known else None
        messages += [("user", BYE.pick(rng, part)), ("assistant", rng.choice([f"Goodbye, {v}!", f"See you soon, {v}!", f"Goodbye, {v}! It was nice to talk to you."] if v else ["Goodbye!", "See you soon!", "Goodbye! It was nice to talk to you."]))]
    return messages


def unasked(rng, part):
    """Questions about facts nobody told: the honest answer is that it is unknown."""
    messages = distractor(rng, part) if rng.random() < 0.4 else []
    return messages + never(rng, part, {})


def case(rng, part):
    """Two to four facts, other turns between, then one is asked for."""
    known, messages = {}, []
    for _ in range(rng.choice((1, 2, 3))):
        f = name_fact(rng, part) if rng.random() < 0.3 and "my name" not in known else new_fact(rng, part, known)
        known[f["key"]] = f
        messages += [("user", f["tell"]), ("assistant", f["reply"])]
        for _ in range(rng.choice((0, 1, 1))):
            messages += distractor(rng, part, long=False)
    if rng.random() < 0.15:
        messages += correct(rng, part, known[rng.choice(list(known))])
    for _ in range(rng.choice((1, 1, 2))):
        messages += distractor(rng, part)
    f = known[rng.choice(list(known))]
    text, reply = asked(rng, part, f)
    messages.append(("user", text))
    return {"messages": [{"role": role, "content": text} for role, text in messages], "think": False, "max_tokens": 64,
            "check": {"kind": "contains", "all": [told.your(f["value"])]}, "reference": reply}
