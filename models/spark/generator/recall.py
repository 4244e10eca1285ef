"""Finding a fact again after hundreds or thousands of tokens of other text.

The filler is notes, logs, stories and facts of the same kinds about others, so
that only the right one answers.  Length is given in characters (about 3.2 a
token), or measured with `count_tokens` where it must be exact.
"""

from . import stories, told, words
from .wording import Wording, casual

NOTE = Wording("!{S}.", "(Note|Memo|Entry|Reminder|Remark|Item|Log|Record|Info|Fact)(:| -) {s}.", "(Please |)(remember|note|keep in mind|do not forget|write down)(:| that) {s}.", "(It was written that|Somebody said that|The list says that|We were told that|According to the notes,|The book says that|It is known that|They told us that) {s}.", "(Important|For later|Attention|Do not forget|To remember)(:|!) {S}.")
ABOVE = Wording("!{q}", "!{q}", "(According to the text|Based on the notes above|From the text above|In the text|Looking at all this|As written above|From what you read|Going by the notes)(,|:) {q}", "(Question|My question|Now the question|Here is my question|A question about the text|Answer this)(:| -) {q}", "(Read it again and answer|Now tell me|Please answer|That was all. Now|End of the notes. Now|Thank you for reading. Now)(:|,) {q}")
INTRO = Wording("!Here are some notes.", "!Read this text.", "(Here are|These are|Below are|I copied|I will send you|Please read|Look at) (my notes|some notes|the notes|the records|many entries|the minutes|my diary|the log|all the facts)( of this week| of today| of the club| of our house|)(.|:|, and then answer my question.)", "(Read|Study|Go through|Keep in mind) (this|the following|this long text|all of this)( first|)(.|:| and answer the question at the end.)")
WHO = "the guard,the cook,a visitor,the driver,the gardener,a student,the clerk,the captain,the nurse,a stranger,the baker,the teacher,the old man,the twins,the painter,a tourist,the mayor,the judge,the plumber,the pilot".split(",")
DID = """opened the window;closed the gate;asked for water;waited in the hall;counted the chairs;read the news;fed the birds;cleaned the floor;lost a glove;found a coin;called a taxi;watered the plants;went home early;came back late;
made some tea;wrote a letter;fixed the lamp;sang a song;ordered new paper;looked for a pen;painted the fence;took the last bus;sat by the fire;told a joke;slept in a chair;missed the train;swept the yard;moved the boxes;bought fresh bread;
walked around the lake;rang the bell twice;talked to the neighbors;carried a big basket;turned off the radio;drew a map;took a long nap;waved at the children;cut the grass;packed a suitcase;baked a cake;peeled the potatoes""".replace("\n", "").split(";")
WHEN = "In the morning,At noon,In the evening,Later,After that,At night,On Monday,On Tuesday,On Wednesday,On Thursday,On Friday,On Sunday,The next day,A little later,Before lunch,After dinner,During the break,At the same time,Shortly after,Some time later".split(",")
STATES = "The sky was gray;It rained a little;The wind was cold;The sun came out;Nobody was in the street;The room was quiet;The coffee was cold;The train was late;The shop was closed;A dog barked;The phone rang twice;The light went out;It smelled of bread;The clock stopped;The door was open;Snow began to fall;The bus was full;Music came from above;The garden was wet;The stairs were dark".split(";")
LEVELS = "INFO DEBUG WARN INFO INFO ERROR NOTICE".split()
EVENTS = "started,stopped,saved the file,sent a report,read a page,was slow,was restarted,cleaned up,opened a port,closed the door,wrote a backup,finished the task,waited for input,found nothing new,checked the clock".split(",")


def sentence(rng, part):
    draw = rng.random()
    if draw < 0.25:
        return rng.choice(STATES) + "."
    who = rng.choice(WHO) if rng.random() < 0.6 else words.person(rng, part)[0]
    if draw < 0.7:
        return f"{rng.choice(WHEN)} {who} {rng.choice(DID)}."
    return "{} {} and {}.".format(words.capital(who), *rng.sample(DID, 2))


def log_line(rng, part):
    return f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d} {rng.choice(LEVELS)} {words.glued(rng, part)} {rng.choice(EVENTS)}"


def paragraph(rng, part):
    return " ".join(sentence(rng, part) for _ in range(rng.randint(3, 7)))


def said(fact):
    if fact.get("clause"):
        return fact["direct_tell"].rstrip(".")
    return f"{fact['np']} is {fact['value']}"


def note(rng, part, fact):
    """A fact as one line of notes."""
    s = said(fact)
    text = NOTE.pick(rng, part).format(s=s, S=words.capital(s))
    return words.capital(text)


KINDS = [told.thing, told.thing, told.thing, told.hidden, told.personal, told.personal, told.lives, told.called]


def fresh(rng, part, known, make=None):
    """A fact whose noun phrase and value are not taken."""
    for tries in range(100_000):
        f = (make if make and tries < 20 else rng.choice(KINDS))(rng, part)          # a kind may run out of things
        key = f.get("key", f["np"])
        if key in known or f["np"] in {k["np"] for k in known.values()}:
            continue
        f["key"], f["maker"] = key, make
        known[key] = f
        return f
    raise RuntimeError("no new fact")


def needle(rng, part, known):
    make = rng.choice(KINDS)
    f = fresh(rng, part, known, make)
    f["maker"] = make
    return told.complete(rng, part, f)


def story_text(rng, part):
    return stories.make(rng, part, with_questions=False)[1][1]


def filler(rng, part, style, known, facts, decoys):
    """One piece of other text."""
    draw = rng.random()
    if draw < decoys:
        like = rng.choice(facts)["maker"] if rng.random() < 0.6 else None
        return note(rng, part, fresh(rng, part, known, like))
    if style == "log":
        return "\n".join(log_line(rng, part) for _ in range(rng.randint(2, 5)))
    if style == "list":
        return "\n".join(f"- {sentence(rng, part)}" for _ in range(rng.randint(2, 5)))
    if style == "story" or draw > 0.97:
        return story_text(rng, part)
    return paragraph(rng, part)


def context(rng, part, size, count=None, exact=None):
    """(pieces, facts): filler of `size` characters with the facts somewhere in it.

    With `exact` (a function from text to its number of tokens) size is in tokens.
    """
    known, facts = {}, []
    for _ in range(count or rng.choice((1, 1, 1, 2, 3))):
        facts.append(needle(rng, part, known))
    style, decoys = rng.choice(["notes", "notes", "log", "list", "story", "mixed"]), rng.choice([0.1, 0.25, 0.5, 0.8])
    measure = exact or len
    if not exact:                                            # logs have about half as many characters a token
        size = round(size * {"log": 0.55, "mixed": 0.8}.get(style, 1))
    told_facts = [note(rng, part, f) if rng.random() < 0.7 else f["tell"] for f in facts]
    pieces, used = [], measure("\n".join(told_facts))
    while used < size:
        kind = rng.choice(["notes", "log", "list", "story"]) if style == "mixed" else style
        piece = filler(rng, part, kind, known, facts, decoys)
        cost = measure(piece + "\n")
        if used + cost > size * 1.04 + 20:
            piece = sentence(rng, part)
            cost = measure(piece + "\n")
        pieces.append(piece)
        used += cost
    for text in told_facts:
        pieces.insert(0 if rng.random() < 0.2 else rng.randint(0, len(pieces)), text)
    return pieces, facts


def question(rng, part, f):
    return words.capital(told.ask(rng, part, f)), f["say"]


def asked_above(rng, part, q):
    """The question with a word about the text before it, where the two fit together."""
    return words.capital(ABOVE.pick(rng, part).format(q=q)) if q.startswith(("What", "Where", "How", "Which", "Who", "Do you", "Can you", "In ")) else q


def one_text(rng, part, size, exact=None, facts_count=None):
    """Everything in one user message, the question at its end (or its start)."""
    pieces, facts = context(rng, part, size, facts_count, exact)
    f = rng.choice(facts)
    q, say = question(rng, part, f)
    body = rng.choice(["\n", "\n", "\n\n", " "]).join(pieces) if not any(p.startswith("- ") or "\n" in p for p in pieces) else "\n".join(pieces)
    intro = INTRO.pick(rng, part) + "\n\n" if rng.random() < 0.5 else ""
    return f"{intro}{body}\n\n{asked_above(rng, part, q)}".strip(), say, f, facts


def many_turns(rng, part, size):
    """The same as a conversation of many turns."""
    from . import chats
    known, messages, facts, used = {}, [], [], 0
    want, place = rng.choice((1, 1, 2, 3)), rng.random() * 0.8
    while used < size or len(facts) < want:
        if len(facts) < want and used >= place * size:
            f = needle(rng, part, known)
            facts.append(f)
            some = [("user", f["tell"]), ("assistant", f["reply"])]
        elif rng.random() < 0.2 and facts:
            f = told.complete(rng, part, fresh(rng, part, known, rng.choice(facts)["maker"]))
            some = [("user", f["tell"]), ("assistant", f["reply"])]
        else:
            some = chats.distractor(rng, part)
        messages += some
        used += sum(len(t) + 24 for _, t in some)
    f = rng.choice(facts)
    q, say = question(rng, part, f)
    return messages + [("user", q), ("assistant", say)]


def make(rng, part, size=None):
    """`size` in characters; left out, 1,600 to 11,500."""
    size = size or (rng.randint(5500, 11500) if rng.random() < 0.4 else int(1600 * (11500 / 1600) ** rng.random()))
    if rng.random() < 0.3:
        return many_turns(rng, part, size)
    text, say, f, facts = one_text(rng, part, size)
    messages = [("user", casual(rng, text) if part == "train" and rng.random() < 0.3 else text), ("assistant", say)]
    for other in facts:
        if other is not f and rng.random() < 0.7:
            q, said_ = question(rng, part, other)
            messages += [("user", q), ("assistant", said_)]
    return messages


def case(rng, part, count_tokens=None):
    """One fact, 1,900 to 2,200 tokens before the question.

    The fact stands at the start of the text; without `count_tokens` a token is taken as 3.2 characters.
    """
    measure = count_tokens or (lambda text: round(len(text) / 3.2))
    known = {}
    f = needle(rng, part, known)
    style, decoys = rng.choice(["notes", "log", "list", "story"]), rng.choice([0.1, 0.3, 0.6])
    start = (INTRO.pick(rng, part) + "\n\n" if rng.random() < 0.5 else "") + note(rng, part, f)
    q, say = question(rng, part, f)
    end = "\n\n" + asked_above(rng, part, q)
    pieces, target = [], rng.randint(1960, 2140)
    used = 0
    while used < target:
        piece = filler(rng, part, style, known, [f], decoys)
        cost = measure("\n" + piece)
        if used + cost > target + 20:
            piece = sentence(rng, part)
            cost = measure("\n" + piece)
        pieces.append(piece)
        used += cost
    body = "\n".join(pieces)
    while measure("\n" + body) > 2190:
        body = body.rsplit("\n", 1)[0]
    return {"messages": [{"role": "user", "content": start + "\n" + body + end}], "think": False, "max_tokens": 64, "check": {"kind": "contains", "all": [told.your(f["value"])]}, "reference": say, "distance": measure("\n" + body)}
