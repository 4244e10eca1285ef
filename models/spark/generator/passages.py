"""A short passage with consistent facts, and questions that it answers, or does not."""

from . import parts, passages_grammar, values, words
from .grammar import normal

PETS = "dog cat rabbit horse parrot turtle pony hamster goat hen donkey goose".split()
JOBS = "teacher baker nurse doctor farmer pilot painter driver cook gardener singer carpenter sailor dentist tailor librarian clockmaker judge beekeeper miller".split()
REASONS = """the roof was broken,the bread was gone,it rained all day,the train was late,a storm was coming,the lamp was broken,the shop was closed,the bridge was closed,the soup was cold,the key was lost,the well was dry,
the night was cold,the boat had a hole,the music was too loud,the wheel was broken,the road was icy,the milk was sour,the clock had stopped,the garden was dry,the door was open""".replace("\n", "").split(",")
DEEDS = "went to the market,came home early,called the doctor,stayed in bed,walked to school,wrote a long letter,sold the house,bought a new coat,slept in the barn,ran to the harbor,asked for help,cancelled the trip,moved to the attic,took the bus,lit a fire".split(",")
BASE = {"went": "go", "came": "come", "called": "call", "stayed": "stay", "walked": "walk", "wrote": "write", "sold": "sell", "bought": "buy", "slept": "sleep", "ran": "run", "asked": "ask", "cancelled": "cancel", "moved": "move", "took": "take", "lit": "light"}
HIDING = ["under the bed", "in the attic", "behind the stove", "in the red box", "on the shelf", "in the garden", "under the stairs", "next to the door", "in the drawer", "behind the barn", "in the well", "on the roof"]
COUNTED = "apples pears books chickens sheep lamps boats stamps shells candles chairs clocks hats letters coins keys".split()

NOT_SAID = ["The passage does not say.", "The text does not say that.", "That is not in the passage.", "The passage does not say that.", "The text does not tell."]
NOT_SAID_GROUPS = [["does not say", "does not tell", "not in the passage", "not in the text", "does not mention", "not mentioned", "not said"]]


WIDE = 0.85


class Fact:
    """says: sentences; asks: (question, answer) wordings are lists; keys: words an answer must hold; yes / no: questions with that answer."""

    def __init__(self, name, kind, says, asks, answers, keys, yes=(), no=()):
        self.name, self.kind, self.says, self.asks, self.answers, self.keys, self.yes, self.no = name, kind, says, asks, answers, keys, yes, no
        self.grown, self.slots = None, {}

    def wide(self, grown, **slots):
        """Names the grammar that training says and asks it with, and its slots."""
        self.grown, self.slots = grown, {"n": self.name, **slots}
        return self

    def filled(self, template):
        for slot, text in self.slots.items():
            template = template.replace("{%s}" % slot, str(text))
        return template

    def said(self, rng, part):
        """A sentence that states it, in a wording of the part."""
        if part == "train" and self.grown and rng.random() < WIDE:
            kept = {normal(t) for p in ("valid", "held") for t in parts.dealt(self.says, p)}
            while True:
                text = words.capital(self.filled(passages_grammar.SAYS[self.grown].pick(rng)))
                if normal(text) not in kept:
                    return text + ("" if text[-1] in ".?!" else ".")
        return parts.of(rng, self.says, part)

    def asked(self, rng, part, fits=lambda ask: True):
        """A question for it, in a wording of the part that fits, or None."""
        if part == "train" and self.grown and rng.random() < WIDE:
            kept = {normal(t) for p in ("valid", "held") for t in parts.dealt(self.asks, p)}
            for _ in range(20):
                ask = words.capital(self.filled(passages_grammar.ASKS[self.grown].pick(rng)))
                if normal(ask) not in kept and fits(ask):
                    return ask
        some = [ask for ask in parts.dealt(self.asks, part) if fits(ask)]
        return rng.choice(some) if some else None


def other(rng, make, value):
    while True:
        found = make()
        if found != value:
            return found


def job(rng, part, n, _):
    v, w = rng.sample(JOBS, 2)
    a, b = words.article(v), words.article(w)
    return Fact(n, "job", [f"{n} is {a}.", f"{n} works as {a}.", f"For many years {n} has been {a}.", f"{n} became {a}.", f"People know {n} as {a}.", f"By day, {n} is {a}."],
                [f"What is {n}'s job?", f"What does {n} do for work?", f"What does {n} work as?", f"Which job does {n} have?", f"What is the profession of {n}?", f"How does {n} earn money?", f"What is {n} by profession?"],
                [f"{n} is {a}.", f"{n} works as {a}."], [v], [f"Is {n} {a}?", f"Does {n} work as {a}?"], [(f"Is {n} {b}?", f"No, {n} is {a}."), (f"Does {n} work as {b}?", f"No, {n} works as {a}.")]).wide("job", v=v, a=a)


def who_job(rng, part, n, _):
    fact = job(rng, part, n, _)
    v = fact.keys[0]
    return Fact(n, "job", fact.says, [f"Who is the {v}?", f"Who works as {words.article(v)}?", f"Which person is {words.article(v)}?", f"Who has the job of {words.article(v)}?", f"Name the {v}.", f"What is the {v} called?", f"What is the name of the {v}?"],
                [f"The {v} is {n}.", f"{n} is the {v}."], [n]).wide("who_job", v=v, a=words.article(v))


def home(rng, part, n, _):
    v, w = values.city(rng, part), values.city(rng, part)
    return Fact(n, "home", [f"{n} lives in {v}.", f"{n} has a house in {v}.", f"The home of {n} is in {v}.", f"{n} moved to {v}.", f"{n} has lived in {v} for years.", f"In {v} lives {n}."],
                [f"Where does {n} live?", f"In which town does {n} live?", f"Where is the home of {n}?", f"Which place is home for {n}?", f"Where would you find the house of {n}?", f"What is the home town of {n}?", f"In what place does {n} live?"],
                [f"{n} lives in {v}.", f"{n} lives in {v}."], [v], [f"Does {n} live in {v}?"], [(f"Does {n} live in {w}?", f"No, {n} lives in {v}.")] if v != w else []).wide("home", v=v)


def age(rng, part, n, _):
    v = rng.randint(6, 95)
    return Fact(n, "age", [f"{n} is {v} years old.", f"{n} turned {v} this year.", f"At the age of {v}, {n} still dances.", f"{n} is now {v}.", f"{n} has just had birthday number {v}.", f"With {v} years, {n} feels young."],
                [f"How old is {n}?", f"What is {n}'s age?", f"What age is {n}?", f"How many years old is {n}?", f"What is the age of {n}?", f"Tell me the age of {n}.", f"How many years has {n} lived?"],
                [f"{n} is {v} years old.", f"{n} is {v}."], [str(v)], [f"Is {n} {v} years old?"], [(f"Is {n} {v + rng.randint(1, 9)} years old?", f"No, {n} is {v} years old.")]).wide("age", v=v)


def pet(rng, part, n, _):
    animal = rng.choice(PETS)
    v = words.new_name(rng, part) if rng.random() < 0.7 else rng.choice(words.share(words.PETS, part))
    a = words.article(animal)
    return Fact(n, "pet", [f"{n} has {a} named {v}.", f"{n}'s {animal} is called {v}.", f"{n} owns {a}, and its name is {v}.", f"With {n} lives {a} called {v}.", f"{n} takes care of {a} whose name is {v}.", f"{v} is the {animal} of {n}."],
                [f"What is the name of {n}'s {animal}?", f"What is {n}'s {animal} called?", f"How is the {animal} of {n} called?", f"Which name does {n}'s {animal} have?", f"What did {n} call the {animal}?", f"What is the {animal}'s name?", f"Give the name of the {animal}."],
                [f"The {animal} is called {v}.", f"{n}'s {animal} is called {v}."], [v]).wide("pet", v=v, x=animal, x_a=a)


def pet_kind(rng, part, n, _):
    fact = pet(rng, part, n, _)
    v = fact.keys[0]
    animal = next(a for a in PETS if words.article(a) in fact.says[0])
    return Fact(n, "pet", fact.says, [f"What kind of animal is {v}?", f"What is {v}?", f"Which animal is {v}?", f"What animal does {n} have?", f"Which animal belongs to {n}?", f"What sort of pet is {v}?", f"Who or what is {v}?"],
                [f"{v} is {words.article(animal)}.", f"It is {words.article(animal)}."], [animal]).wide("pet_kind", v=v, x=animal, x_a=words.article(animal))


def count(rng, part, n, _):
    v, thing = rng.randint(2, 99), rng.choice(COUNTED)
    return Fact(n, "count " + thing, [f"{n} has {v} {thing}.", f"{n} bought {v} {thing}.", f"{n} owns {v} {thing}.", f"In the house of {n} there are {v} {thing}.", f"{n} counted {v} {thing}.", f"{n} is proud of {v} {thing}."],
                [f"How many {thing} does {n} have?", f"What is the number of {n}'s {thing}?", f"How many {thing} has {n}?", f"How many {thing} are there?", f"{n} has how many {thing}?", f"Tell me how many {thing} {n} has.", f"Count the {thing} of {n}."],
                [f"{n} has {v} {thing}.", f"There are {v} {thing}."], [str(v)], [f"Does {n} have {v} {thing}?"], [(f"Does {n} have {v + rng.randint(1, 9)} {thing}?", f"No, {n} has {v} {thing}.")]).wide("count", v=v, x=thing)


def hidden(rng, part, n, _):
    thing, v = values.word(rng, part), rng.choice(HIDING)
    return Fact(n, "hidden", [f"{n} keeps the {thing} {v}.", f"{n} hid the {thing} {v}.", f"The {thing} of {n} is {v}.", f"{n} put the {thing} {v}.", f"{n} left the {thing} {v}.", f"For safety, {n} has the {thing} {v}."],
                [f"Where is the {thing}?", f"Where does {n} keep the {thing}?", f"Where can the {thing} be found?", f"In which place is the {thing}?", f"Where should I look for the {thing}?", f"Where did {n} leave the {thing}?", f"What is the place of the {thing}?"],
                [f"The {thing} is {v}.", f"It is {v}."], [v]).wide("hidden", v=v, x=thing)


def color(rng, part, n, _):
    thing, (v, w) = rng.choice(values.GOODS), rng.sample(words.COLORS, 2)
    return Fact(n, "color " + thing, [f"{n}'s {thing} is {v}.", f"{n} has {words.article(v)} {thing}.", f"The {thing} of {n} is {v}.", f"{n} painted the {thing} {v}.", f"{n} carries {words.article(v)} {thing}.", f"Everybody knows the {v} {thing} of {n}."],
                [f"What color is {n}'s {thing}?", f"Which color does the {thing} have?", f"What color is the {thing}?", f"What is the color of the {thing}?", f"In which color is {n}'s {thing}?", f"Tell me the color of the {thing}.", f"What color does {n}'s {thing} have?"],
                [f"The {thing} is {v}.", f"{n}'s {thing} is {v}."], [v], [f"Is the {thing} {v}?"], [(f"Is the {thing} {w}?", f"No, the {thing} is {v}.")]).wide("color", v=v, x=thing, a=words.article(v))


def reason(rng, part, n, _):
    deed, v = rng.choice(DEEDS), rng.choice(REASONS)
    verb, _, rest = deed.partition(" ")
    base = f"{BASE[verb]} {rest}"
    day = rng.choice(values.DAYS)
    return Fact(n, "reason", [f"{n} {deed} because {v}.", f"On {day}, {n} {deed} because {v}.", f"Because {v}, {n} {deed}.", f"{n} {deed}, for {v}.", f"As {v}, {n} {deed}.", f"Since {v}, {n} {deed}."],
                [f"Why did {n} {base}?", f"What was the reason that {n} {deed}?", f"For what reason did {n} {base}?", f"{n} {deed}. Why?", f"What made {n} {base}?", f"Why was it that {n} {deed}?", f"How come {n} {deed}?"],
                [f"Because {v}.", f"{n} {deed} because {v}."], [v]).wide("reason", v=v, d=deed, b=base, day=day)


def gift(rng, part, n, m):
    thing = values.word(rng, part)
    says = [f"{n} gave {m} a {thing}.", f"{n} gave a {thing} to {m}.", f"{m} got a {thing} from {n}.", f"As a present, {n} gave {m} a {thing}.", f"{n} bought a {thing} for {m}.", f"From {n}, {m} received a {thing}."]
    draw = rng.randrange(3)
    if draw == 0:
        return Fact(n, "gift", says, [f"What did {n} give {m}?", f"What did {m} get from {n}?", f"Which present did {m} get?", f"What was the gift of {n}?", f"What did {n} give to {m}?", f"What was given to {m}?", f"Which thing did {n} give {m}?"], [f"{n} gave {m} a {thing}.", f"A {thing}."], [thing]).wide("gift 0", x=thing, m=m, day="Sunday")
    if draw == 1:
        return Fact(n, "gift", says, [f"Who gave {m} the {thing}?", f"From whom did {m} get the {thing}?", f"Who gave the {thing} to {m}?", f"Whose gift was the {thing}?", f"Who is the giver of the {thing}?", f"From whom is the {thing}?", f"Who brought the {thing}?"], [f"{n} gave {m} the {thing}.", f"{n}."], [n]).wide("gift 1", x=thing, m=m, day="Sunday")
    return Fact(n, "gift", says, [f"Who got the {thing}?", f"To whom did {n} give the {thing}?", f"Who received the {thing}?", f"For whom was the {thing}?", f"Who has the {thing} now?", f"Who was given the {thing}?", f"To whom went the {thing}?"], [f"{m} got the {thing}.", f"{m}."], [m]).wide("gift 2", x=thing, m=m, day="Sunday")


def when(rng, part, n, _):
    day, clock = rng.choice(values.DAYS), values.clock(rng, part)
    event = rng.choice(values.TOPICS)
    if rng.random() < 0.5:
        return Fact(n, "when", [f"{n}'s {event} is on {day}.", f"{n} plans the {event} for {day}.", f"The {event} of {n} takes place on {day}.", f"On {day} {n} has a {event}.", f"{n} has the {event} on {day}.", f"Every {day} {n} has a {event}."],
                    [f"When is the {event}?", f"On which day is the {event}?", f"What day is {n}'s {event}?", f"When does {n} have the {event}?", f"On what day is the {event} of {n}?", f"Which day is the {event}?", f"Tell me the day of the {event}."],
                    [f"The {event} is on {day}.", f"It is on {day}."], [day]).wide("day", v=day, x=event)
    return Fact(n, "when", [f"{n}'s {event} begins at {clock}.", f"{n} starts the {event} at {clock}.", f"The {event} of {n} is at {clock}.", f"At {clock} {n} has a {event}.", f"{n} has the {event} at {clock}.", f"{n} must be at the {event} at {clock}."],
                [f"When does the {event} begin?", f"At what time is the {event}?", f"What time is {n}'s {event}?", f"When is the {event}?", f"At which hour does {n} have the {event}?", f"What is the time of the {event}?", f"How late is the {event}?"],
                [f"The {event} is at {clock}.", f"It begins at {clock}."], [clock]).wide("clock", v=clock, x=event)


def likes(rng, part, n, _):
    v, w = rng.sample(words.FOODS, 2)
    return Fact(n, "likes", [f"{n} likes {v}.", f"{n} loves {v} most of all.", f"The favorite food of {n} is {v}.", f"{n} eats {v} every day.", f"Nothing makes {n} as happy as {v}.", f"{n} is fond of {v}."],
                [f"What does {n} like?", f"What does {n} like to eat?", f"What is {n}'s favorite food?", f"Which food does {n} love?", f"What food is {n} fond of?", f"What does {n} eat with joy?", f"Which food makes {n} happy?"],
                [f"{n} likes {v}.", f"{n} likes {v}."], [v], [f"Does {n} like {v}?"]).wide("likes", v=v)


class Grown(Fact):
    """A fact that only training knows: its wordings are grown."""

    def __init__(self, name, kind, says, asks, slots, answers, keys):
        super().__init__(name, kind, [], [], answers, keys)
        self.telling, self.asking, self.slots = says, asks, {"n": name, **slots}

    def said(self, rng, part):
        return words.capital(self.filled(self.telling.pick(rng))) + "."

    def asked(self, rng, part, fits=lambda ask: True):
        return next((ask for ask in (words.capital(self.filled(self.asking.pick(rng))) for _ in range(20)) if fits(ask)), None)


def own(rng, part, n, _):
    """What a person has by name: a nickname, a lucky number, or a thing nobody has heard of."""
    x, make = rng.choice(passages_grammar.OWN) if rng.random() < 0.5 else (values.word(rng, part), rng.choice((values.word, values.whole(1, 999), values.city, values.code, values.first_name, values.company)))
    v = make(rng, part)
    while v == n:
        v = make(rng, part)
    who = rng.random() < 0.3
    return Grown(n, f"own {x}", passages_grammar.OWN_SAYS, passages_grammar.OWN_WHO if who else passages_grammar.OWN_ASKS, {"x": x, "v": v},
                 [f"{n}.", f"It is {n}."] if who else [f"{n}'s {x} is {v}.", f"The {x} of {n} is {v}."], [n if who else str(v)])


def does(rng, part, n, _):
    """What a person does: speaks a language, reads a book, or does a thing nobody has heard of."""
    kind, says, asks, who_asks, make, answer = rng.choice(passages_grammar.DOES)
    v, w = make(rng, part), words.glued(rng, part)
    while v == n:
        v = make(rng, part)
    who = rng.random() < 0.35
    return Grown(n, f"does {kind}", says, who_asks if who else asks, {"v": v, "w": w}, [f"{n}.", f"It is {n}."] if who else [answer.replace("{n}", n).replace("{v}", str(v)).replace("{w}", w)], [n if who else str(v)])


MAKE = [job, who_job, home, age, pet, pet_kind, count, hidden, color, reason, gift, when, likes]
KIND = {"job": (job, who_job), "home": (home,), "age": (age,), "pet": (pet, pet_kind), "likes": (likes,)}


def place_lines(rng, part):
    """A place with numbers: (lines, facts)."""
    p = values.city(rng, part) if rng.random() < 0.3 else words.new_name(rng, part)
    kind = rng.choice(["village", "town", "island", "harbor town", "mountain village", "city"])
    people, year, river = rng.randint(20, 9000), rng.randint(900, 1990), words.new_name(rng, part)
    known = rng.choice(words.FOODS + COUNTED)
    facts = [
        Fact(p, "people", [f"{people} people live there.", f"It has {people} people.", f"{p} has {people} people.", f"The number of its people is {people}.", f"It is home to {people} people.", f"You meet {people} people there."],
             [f"How many people live in {p}?", f"How many people does {p} have?", f"What is the number of people in {p}?", f"How large is {p} in people?", f"For how many people is {p} home?", f"Count the people of {p}.", f"{p} has how many people?"],
             [f"{people} people live in {p}.", f"{p} has {people} people."], [str(people)]).wide("people", v=people),
        Fact(p, "founded", [f"It was founded in {year}.", f"{p} was founded in {year}.", f"The first house was built in {year}, when {p} was founded.", f"Its story began in {year}.", f"It has existed since {year}.", f"In {year} it was founded."],
             [f"When was {p} founded?", f"In which year was {p} founded?", f"What year did {p} begin?", f"How long has {p} existed?", f"Since when does {p} exist?", f"What is the year {p} was founded in?", f"When did the story of {p} begin?"],
             [f"{p} was founded in {year}.", f"In {year}."], [str(year)]).wide("founded", v=year),
        Fact(p, "river", [f"It lies at the river {river}.", f"The river {river} flows through it.", f"Through {p} flows the {river}, a river.", f"Its river is called {river}.", f"{p} lies at the river {river}.", f"The name of its river is {river}."],
             [f"Which river flows through {p}?", f"At which river is {p}?", f"What is the river called?", f"What is the name of the river?", f"Which river is at {p}?", f"Name the river of {p}.", f"What river does {p} have?"],
             [f"The river is called {river}.", f"{p} lies at the river {river}."], [river]).wide("river", v=river),
        Fact(p, "known", [f"It is known for {known}.", f"{p} is known for {known}.", f"People come for its {known}.", f"It is famous for {known}.", f"Everybody likes the {known} of {p}.", f"Its pride is its {known}."],
             [f"What is {p} known for?", f"What is {p} famous for?", f"For what do people come to {p}?", f"What makes {p} famous?", f"What is the pride of {p}?", f"Why do people know {p}?", f"What do people like about {p}?"],
             [f"{p} is known for {known}.", f"It is known for {known}."], [known]).wide("known", v=known)]
    return f"{p} is {words.article(kind)}.", rng.sample(facts, rng.choice((2, 3, 4)))


LINKS = ["", "", "", "", "", "", "", "", "Besides, ", "Also, ", "It is said that "]
FILLER = ["It was a quiet year.", "The summers are warm there.", "Nobody was in a hurry.", "The winter had been long.", "Most days are calm.", "There is always something to do.", "The bells ring at noon.", "People like to talk about it."]


def wide_world(rng, part):
    """As `world`, with more people and more that looks alike: often everybody is told of by the same facts."""
    names = []
    for _ in range(rng.choice((1, 2, 2, 3, 3, 4))):
        name = words.person(rng, part, 0.6)[0]
        if name not in names:
            names.append(name)
    lines, told, used = [], [], set()
    if rng.random() < 0.35:
        head, some = place_lines(rng, part)
        lines.append(head)
        for fact in some:
            lines.append(fact.said(rng, part))
            told.append(fact)
    alike = rng.sample(WIDE_MAKE, rng.choice((1, 2, 2, 3))) if rng.random() < 0.5 else None
    flat, taken = [], set()
    for name in names:
        for make in alike or rng.sample(WIDE_MAKE, rng.choice((1, 2, 2, 3))):
            if make is gift and len(names) < 2:
                continue
            fact = make(rng, part, name, rng.choice([m for m in names if m != name] or [name]))
            shared = fact.kind if fact.kind.split()[0] in ("count", "color", "when", "hidden", "gift") else None
            value = str(fact.slots.get("v", ""))
            if (name, fact.kind) in used or shared in used or value and value in taken and fact.kind.split()[0] in ("job", "own", "does", "pet"):
                continue
            used |= {(name, fact.kind), shared} if shared else {(name, fact.kind)}
            taken.add(value)
            flat.append(fact.said(rng, part))
            told.append(fact)
    if rng.random() < 0.6:
        rng.shuffle(flat)
    lines += flat
    for i in range(1, len(lines)):
        if rng.random() < 0.08 and lines[i].split()[0] in SMALL_STARTS | set(names):
            low = lines[i] if lines[i].split()[0] in names or lines[i].split()[0].rstrip(",") in values.DAYS else lines[i][0].lower() + lines[i][1:]
            lines[i] = passages_grammar.LINK.pick(rng) + low
    if rng.random() < 0.3 and lines:
        lines.insert(rng.randint(1, len(lines)), passages_grammar.ASIDE.pick(rng))
    missing = [(name, kind) for name in names for kind in KIND if (name, kind) not in used]
    return ("\n" if rng.random() < 0.08 else " ").join(lines), told, missing


SMALL_STARTS = set("The A In At For By It There As With".split())
WIDE_MAKE = [*MAKE, own, own, own, own, does, does]


def world(rng, part):
    """(text of the passage, facts in it, kinds nobody told with the person)"""
    if part == "train" and rng.random() < WIDE:
        return wide_world(rng, part)
    names = []
    for _ in range(rng.choice((1, 2, 2, 2, 3))):
        name = words.person(rng, part, 0.6)[0]
        if name not in names:
            names.append(name)
    lines, told = [], []
    if rng.random() < 0.35:
        head, some = place_lines(rng, part)
        lines.append(head)
        for fact in some:
            lines.append(parts.of(rng, fact.says, part) if rng.random() < 0.3 else rng.choice(parts.dealt(fact.says, "train")))
            told.append(fact)
    used, groups = set(), []
    for name in names:
        group = []
        for make in rng.sample(MAKE, rng.choice((1, 2, 2, 3, 3, 4))):
            if make is gift and len(names) < 2:
                continue
            fact = make(rng, part, name, rng.choice([m for m in names if m != name] or [name]))
            shared = fact.kind if fact.kind.split()[0] in ("count", "color", "when", "hidden", "gift") else None
            if (name, fact.kind) in used or shared in used:
                continue
            trade = fact.says[0].rsplit(" ", 1)[1]
            if fact.kind == "job" and trade in used:          # "Who is the baker?" must have one answer
                continue
            if fact.kind == "job":
                used.add(trade)
            used |= {(name, fact.kind), shared} if shared else {(name, fact.kind)}
            group.append((fact, parts.of(rng, fact.says, part)))
            told.append(fact)
        groups.append(group)
    # Kinds whose question names nobody, and jobs and pets two people share, must have one answer: the checks above see to it.
    if rng.random() < 0.5:
        for group in groups:
            lines += [line for _, line in group]
    else:
        flat = [line for group in groups for _, line in group]
        rng.shuffle(flat)
        lines += flat
    if rng.random() < 0.35:
        lines.insert(rng.randint(1 if lines else 0, len(lines)), rng.choice(FILLER))
    missing = [(name, kind) for name in names for kind in KIND if (name, kind) not in used]
    return " ".join(lines), told, missing


def unique(fact, told):
    """False when the question could mean something else in the passage: pets of the same kind, the same job."""
    if fact.kind == "pet":
        return sum(f.kind == "pet" for f in told) == 1 or fact.name in fact.asks[0]
    return True


def question(rng, part, told, missing):
    """(question, answer, groups of words one of which must be there)"""
    draw = rng.random()
    if draw < 0.13 and missing:
        name, kind = rng.choice(missing)
        fact = rng.choice(KIND[kind])(rng, part, name, name)
        if part == "train":
            ask = fact.asked(rng, part, lambda a: name in a and not any(k in a for k in fact.keys)) if kind != "pet" and fact.keys != [name] else None
            if ask:
                return ask, rng.choice(NOT_SAID), NOT_SAID_GROUPS
        ask = [a for a in fact.asks if name in a and not any(k in a for k in fact.keys)]
        if ask and kind != "pet" and (fact.kind != "job" or fact.keys != [name]):
            wording = [a for a in ask if a in parts.dealt(fact.asks, part)]
            if wording:
                return rng.choice(wording), rng.choice(NOT_SAID), NOT_SAID_GROUPS
    fact = rng.choice([f for f in told if unique(f, told)] or told)
    if draw < 0.3 and (fact.yes or fact.no):
        if fact.no and (rng.random() < 0.5 or not fact.yes):
            ask, reply = rng.choice(fact.no)
            return ask, reply, [["no"]]
        return rng.choice(fact.yes), rng.choice(["Yes.", "Yes, " + fact.answers[0]]), [["yes"]]
    if part == "train":
        shared = fact.kind == "pet" and sum(f.kind == "pet" for f in told) > 1
        ask = fact.asked(rng, part, lambda a: not shared or fact.name in a or any(k in a for k in fact.keys))
        return ask or fact.asks[0], rng.choice(fact.answers), [[key] for key in fact.keys]
    asks = parts.dealt(fact.asks, part)
    if fact.kind == "pet" and sum(f.kind == "pet" for f in told) > 1:
        asks = [a for a in asks if fact.name in a or fact.keys[0] in a or any(k in a for k in fact.keys)] or [fact.asks[0]]
    return rng.choice(asks), rng.choice(fact.answers), [[key] for key in fact.keys]


INTRO = ["Read this passage and answer the question.", "Here is a text:", "Passage:", "Text:", "Read the text.", "Answer from the passage.", "Use only this text to answer:", "Please read:", "Read this:", "Look at this text:", "Answer the question about the text.", "Context:"]
LABEL = ["Question: ", "", "Q: ", "My question: ", "", "Tell me: ", "Now: ", "", "Answer this: ", "I want to know: ", "", "Please answer: "]
AFTER = ["According to the text, ", "From the passage: ", "Based on the text: ", "In the passage, ", "By the text: ", "If you read the text: "]
READ = ["I have read it. What would you like to know?", "Thank you. What is your question?", "I have read the text. Ask me about it.", "All right, I have read it."]


def lowered(text):
    first = text.split()[0]
    return text[0].lower() + text[1:] if first in ("What", "Who", "Where", "When", "Why", "How", "Which", "In", "On", "At", "Is", "Does", "For", "From", "To") else text


def with_aside(aside, question_text):
    return aside + (question_text if aside.rstrip()[-1] == "." else lowered(question_text))


def asked(rng, part, question_text):
    if part == "train":
        draw = rng.random()
        if draw < 0.15:
            return with_aside(passages_grammar.ASIDES.pick(rng), question_text)
        if draw < 0.19:
            return lowered(question_text).rstrip("?.")
        if draw < 0.24:
            return question_text.rstrip("?.")
    if rng.random() < 0.15:
        return parts.of(rng, AFTER, part) + lowered(question_text)
    return question_text


def wide_messages(rng, text, ask):
    """The passage and the question in training's own frames."""
    intro, label = passages_grammar.INTRO.pick(rng), passages_grammar.LABEL.pick(rng) if rng.random() < 0.5 else ""
    draw = rng.random()
    if draw < 0.12:
        return [("system", intro + "\n" + text), ("user", label + ask)]
    if draw < 0.2:
        return [("user", intro + "\n" + text), ("assistant", rng.choice(READ)), ("user", label + ask)]
    if draw < 0.4:
        return [("user", label + ask + rng.choice(["\n\n", "\n"]) + (intro + rng.choice([" ", "\n"]) if rng.random() < 0.3 else "") + text)]
    if draw < 0.6:
        return [("user", text + rng.choice([" ", "\n", "\n\n"]) + label + ask)]
    return [("user", intro + rng.choice([" ", "\n", "\n"]) + rng.choice([text, text, text, f"<text>\n{text}\n</text>", f"---\n{text}\n---"]) + rng.choice(["\n", "\n\n"]) + label + ask)]


def opening(rng, part):
    """(first messages up to a question, answer, groups, told, missing)"""
    text, told, missing = world(rng, part)
    while not told:
        text, told, missing = world(rng, part)
    q, reply, groups = question(rng, part, told, missing)
    ask = asked(rng, part, q)
    if part == "train" and rng.random() < 0.6:
        return wide_messages(rng, text, ask), reply, groups, told, missing
    draw = rng.random()
    if draw < 0.1:
        messages = [("system", parts.of(rng, INTRO, part) + "\n" + text), ("user", ask)]
    elif draw < 0.2:
        messages = [("user", parts.of(rng, INTRO, part) + "\n" + text), ("assistant", rng.choice(READ)), ("user", ask)]
    elif draw < 0.35:
        messages = [("user", parts.of(rng, LABEL, part) + ask + rng.choice(["\n\n", "\n"]) + text)]
    elif draw < 0.55:
        messages = [("user", text + rng.choice([" ", "\n", "\n\n"]) + parts.of(rng, LABEL, part) + ask)]
    else:
        messages = [("user", parts.of(rng, INTRO, part) + rng.choice([" ", "\n", "\n"]) + text + rng.choice(["\n", "\n\n"]) + parts.of(rng, LABEL, part) + ask)]
    return messages, reply, groups, told, missing


def make(rng, part):
    messages, reply, _, told, missing = opening(rng, part)
    messages.append(("assistant", reply))
    for _ in range(rng.choice((0, 0, 1, 2, 3))):
        q, reply, _ = question(rng, part, told, missing)
        if not any(text.endswith(q) for _, text in messages):
            messages += [("user", asked(rng, part, q)), ("assistant", reply)]
    return messages


def case(rng, part):
    messages, reply, groups, _, _ = opening(rng, part)
    return {"task": "passages", "messages": [{"role": role, "content": text} for role, text in messages], "think": False, "max_tokens": 64, "check": {"kind": "any", "groups": groups},
            "reference": reply}
