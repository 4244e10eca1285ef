"""Short stories about what was asked for, and questions about them afterwards.

A request names a kind of hero, perhaps a name, something that happens or a
thing; the story keeps to all of them.  Each story passes the suite's own check
(checks.story) before it is used.
"""

import re

from . import checks, plots, plots_more, plots_things, words
from .wording import Wording
from .world import FIXED_GENDER, NATURES, Being, World, plain

TALE = "(story|short story|tale|little story|bedtime story|nice story|fairy tale|short tale|children's story|story for children|new story|good story)"
ASK = Wording("!Tell me a story about {a}.", "!Tell me a story about {a}.", "!Tell me a short story about {a}.", "!Write a story about {a}.", "!Can you tell me a story about {a}?", "!A story about {a}, please.",
              f"(Please |)(tell me|tell us|write me|write|give me|read me|read us|make up|invent|compose|create|think up) a {TALE} about {{a}}(.|, please.)", f"(Can|Could|Would|Will) you (please |)(tell me|tell us|tell|write|write me|make up|invent|compose|create|think of) a {TALE} about {{a}}?",
              f"(I want|I would like|I'd like|I would love|We want|I wish) (to hear |to read |)a {TALE} about {{a}}(.|, please.)", f"(How about|What about|Do you know|Do you have|Have you got) a {TALE} about {{a}}?", f"(A |One |Once more a ){TALE} about {{a}}(, please.|!|.|)",
              f"(I am bored.|I can't sleep.|It is bedtime.|My child is tired.|We have time.|I love stories.|It is raining.) (Tell me|Write|Give me|Read us|Tell us) a {TALE} about {{a}}(.|, please.)", f"(Let us hear|Let me hear|Let's have|Time for|I am in the mood for) a {TALE} about {{a}}.",
              f"(Tell|Read) (my child|my daughter|my son|the children|the kids|my class|my sister) a {TALE} about {{a}}(.|, please.)", "(My child wants|My son wants|My daughter would like|The children want|We need) a (story|bedtime story|tale) about {a}.", "(Story|Tale|Topic|Story idea|Story time|Subject|Today's story): {a}.",
              "{a} - (can you make|please make|make|write) a (story|tale) (about|of) that(?|.)", "(What happens|What happened) to {a}? (Tell me|Write|Make up) a (story|tale).", "(Please |)(write|tell|make up) a (story|tale) (in which|where) {a} (is the hero|plays a part|is the main character).",
              "(Make|Write|Tell) a (story|tale|bedtime story)( for me|). (It should be|It must be|Let it be|I want it to be|It has to be) about {a}.")
ANY = Wording("!Tell me a story.", "!Write a short story.", "!tell me a story", f"(Please |)(tell me|tell us|write|give me|read me|make up|invent) a {TALE}(.|, please.)", f"(Can|Could|Would|Will) you (please |)(tell me|tell us|write|make up|invent) a {TALE}?", f"(I want|I would like|I'd like|We want) (to hear |)a {TALE}(.|, please.)", "(Any story|Surprise me with a story|One story|Just a story|A story|Story time|Some story)(, please.|.|!)")
NAMED = Wording("!{k} named {n}", "!{k} named {n}", "!{k} called {n}", "!{n} the {p}", "{n}(,| -) {k}", "{k} (by the name of|with the name|whose name is|known as) {n}", "{k}, (named|called) {n},")
CALL = Wording("!The {p} is called {n}.", "!The {p}'s name is {n}.", "(Call|Name) the {p} {n}(.|, please.)", "(The hero|The main character|The {p}|The hero of the story) (is called|is named|should be called|should be named|must be called|has the name) {n}.", "(The hero's name|The name of the {p}|The name of the hero|The main character's name) (is|should be|must be) {n}.", "(Please use|Use|Give the {p}|Give it) the name {n}(.|, please.)")
ABOUT_NAME = Wording("!{n}", "someone (called|named) {n}", "a hero (called|named) {n}", "my friend {n}", "a (child|friend) (called|named) {n}")
LEAD = ["Sure! ", "Of course. ", "Here is a story about {a}.\n\n", "Here is a story for you.\n\n"]
SEA_FOOD = ["sea grapes", "seaweed", "sweet algae", "tasty plankton", "seaweed cakes", "sea salad"]
LOOKS = "red blue green yellow orange purple pink brown black white silver golden old small new tiny shiny little wooden broken heavy round soft".split()
CROPS = ["sunflower", "pumpkin", "apple tree", "bean plant", "rose bush", "carrot", "cherry tree", "tomato plant", "pear tree", "lemon tree", "tulip"]

# Something that happens to a thing or in a place: (plot, slot, which nouns, clauses).
# {x} is "a red kite", {n} "red kite".
EVENTS = [
    (plots.lost_thing, "thing", "object", Wording("!who loses {x}", "!who lost {x}", "who (loses|lost|has lost|misses|can't find|cannot find|is looking for|looks for|searches for|wants to find|must find) {x}", "(looking for|searching for|in search of|on the search for) {x}", "whose {n} is (gone|lost|missing|nowhere to be found)", "and (a lost|the lost|a missing|the missing) {n}", "(with|who has) a lost {n}")),
    (plots_more.finder, "thing", "object", Wording("!who finds a lost {n}", "!who finds {x}", "who (finds|found|discovers|comes across|picks up|brings back|gives back|returns|stumbles over) (a lost|somebody's|a stranger's|someone else's|the lost) {n}", "who (finds|discovers|sees) {x}( on the way| one day| by chance|)", "and (the owner of|the search for the owner of) {x}")),
    (plots.honesty, "item", "object", Wording("!who breaks {x}", "who (breaks|broke|drops and breaks|has broken) (a friend's|somebody's|a neighbor's) {n}", "who (tells the truth about|lies about|hides|is sorry about) a broken {n}", "and a broken {n}")),
    (plots_things.found_and_fixed, "obj", "made", Wording("!who repairs an old {n}", "who (repairs|fixes|mends|restores|finds and fixes|cleans and paints|rescues) an old {n}", "and an old {n}", "(repairing|fixing|mending) an old {n}", "who gives an old {n} a new life")),
    (plots_things.gone_and_back, "obj", "made", Wording("!whose {n} disappears", "who (forgets|leaves) (a|the) {n} somewhere", "who (loses and finds|loses and gets back) {x}", "whose {n} (disappears|is taken away|vanishes|is not there any more|goes missing)", "who wants (the|a lost) {n} back")),
    (plots_things.present, "obj", "made", Wording("!who gets {x}", "who (gets|buys|receives|is given|saves money for|unpacks) {x}", "(with|who has) a new {n}", "who (does not want to share|will not share|learns to share|won't lend out) (a|the) {n}", "and (a|the) new {n}")),
    (plots_things.baked, "obj", "eaten", Wording("!who makes {x}", "who (bakes|makes|wants|dreams of|shares|is hungry for|looks for) {x}", "and {x}", "who (wants to eat|needs|longs for) {x}")),
    (plots_things.watched, "obj", "watched", Wording("!who loves {x}", "who (loves|likes|admires|talks to|looks at|watches|visits|misses) {x}", "and {x}", "who is (a friend of|fond of) {x}")),
    (plots_things.visit, "place", "place", Wording("!who goes to the {n}", "who (visits|goes to|travels to|dreams of|wants to see|walks to|discovers|explores) the {n}", "at the {n}", "(on the way to|on a trip to) the {n}", "and the (secret of the|way to the) {n}")),
    (plots_things.saved, "place", "place", Wording("!who saves the {n}", "who (saves|rescues|cleans up|takes care of|fights for|repairs|loves) the {n}", "and the old {n}", "(saving|cleaning) the {n}")),
    (plots.planting, "crop", "crop", Wording("!who plants {x}", "who (plants|grows|raises|takes care of|waters|waits for) {x}", "(planting|growing) {x}", "and {x}")),
]
WET_EVENTS = [e for e in EVENTS if e[0] in (plots.lost_thing, plots_more.finder)]
PLOTS = {"dry": plots.EVERYONE + plots_more.EVERYONE, "wet": plots.WET + plots_more.WET}
WHO = dict(plots.WHO, finder=["who finds something", "who brings something back", "who is honest"], snow=["in the snow", "who sees snow for the first time", "in winter"], quarrel=["who has a quarrel", "who says sorry", "who is angry at a friend"],
           song=["who has a song", "who loves music", "who looks for the end of a song"], guest=["who has a guest", "who gets a visit", "who likes order"])
THEMES = dict(plots.THEMES, finder=["honesty", "a good deed"], snow=["snow", "winter"], quarrel=["a quarrel", "forgiveness", "saying sorry"], song=["a song", "music"], guest=["a visit", "a guest"])
SO_THEME = ["That is a story about {t}.", "And so this was a story about {t}.", "Remember it when you think of {t}.", "That is what a story about {t} can tell us.", "So much about {t}."]
THIS_THEME = ["This is a story about {t}.", "Here is a story about {t}.", "Let me tell you about {t}.", "This story is about {t}."]

KINDS = [(words.LAND, "land", 9), (words.AIR, "air", 4), (words.SEA, "sea", 2), (words.PEOPLE, "town", 6)]
THINGS = {"object": words.OBJECTS, "place": words.PLACES}
MADE = [w for w in words.OBJECTS if w.replace("_", " ") not in words.EATEN | words.WATCHED]
NOUNS = {"object": MADE, "made": MADE, "eaten": [w for w in words.OBJECTS if w.replace("_", " ") in words.EATEN], "watched": [w for w in words.OBJECTS if w.replace("_", " ") in words.WATCHED], "place": words.PLACES}
COMPANIONS = {"land": words.LAND + words.AIR, "air": words.LAND + words.AIR, "sea": words.SEA, "town": words.PEOPLE + ["boy/boys", "girl/girls"] * 6}


def fill_slots(w, rng):
    w["food"] = rng.choice(SEA_FOOD if w.wet else words.FOODS)
    w["color"] = rng.choice(words.COLORS)
    time = w["time"]
    w["time_low"] = time[0].lower() + time[1:]
    w["time_again"] = rng.choice(["A little later", "After a while", "The next day", "In the evening"])
    w["meet"] = w.meet()
    w["meet_"] = words.capital(w["meet"])
    w["hname_say"], w["fname_say"] = w.hero.name, w.friend.name


# ---- what is asked for ---------------------------------------------------------------------------

class Wish:
    """What a story has to keep to."""

    def __init__(self, habitat, kind, **more):
        self.habitat, self.kind = habitat, kind
        self.name = self.friend_kind = self.friend_name = self.plot = self.nature = self.theme = None
        self.preset, self.things, self.ask = {}, [], ""
        self.__dict__.update(more)

    def words(self):
        """The words of the topic that the story has to hold."""
        return self.things + ([self.kind] if self.habitat and not self.things_only() else [])

    def things_only(self):
        return bool(self.__dict__.get("hero_free"))


def pick_hero(rng, part, new=0.25):
    """(habitat, kind, plural or None); a fourth are words nobody has seen."""
    if rng.random() < new:
        return rng.choice(["land", "land", "land", "town", "air"]), words.glued(rng, part), None
    kinds, habitat, _ = rng.choices(KINDS, [k[2] for k in KINDS])[0]
    entry = rng.choice(words.topics(kinds, part))
    return habitat, plain(entry), entry.split("/")[1].replace("_", " ") if "/" in entry else None


def noun(rng, part, which):
    if which == "crop":
        return rng.choice(CROPS) if rng.random() < 0.5 else words.glued(rng, part) + rng.choice(["", " tree", " plant", " bush", " flower"])
    if rng.random() < 0.3 and which != "eaten":
        return words.glued(rng, part)
    return plain(rng.choice(words.topics(NOUNS[which], part)))


def child(rng):
    return rng.choice(["boy", "girl", "girl", "boy", "child"])


def event(rng, part, wish):
    """Choose what happens -> the clause that asks for it."""
    wet = wish.habitat == "sea"
    if rng.random() < 0.62:
        plot, slot, which, clause = rng.choice(WET_EVENTS if wet else EVENTS)
        thing = noun(rng, part, which)
        said = f"{rng.choice(LOOKS)} {thing}" if which == "object" and rng.random() < 0.4 else thing
        wish.plot, wish.preset[slot], wish.things = plot, said, [thing]
        if thing == wish.kind:
            return event(rng, part, wish)
        return clause.pick(rng, part).format(x=words.article(said), n=said)
    wish.plot = rng.choice(PLOTS["wet" if wet else "dry"])
    return rng.choice(WHO[wish.plot.__name__])


def hero_phrase(rng, part, wish, plural):
    """(what is asked for, sentence that gives the name or nothing)."""
    draw = rng.random()
    if draw < 0.14:
        wish.nature = rng.choice(NATURES)
    kind = f"{wish.nature} {wish.kind}" if wish.nature else wish.kind
    if not wish.name:
        if plural and not wish.nature and draw > 0.92:
            return plural, ""
        return (words.article(kind) if draw < 0.85 or wish.nature else kind if draw < 0.88 else "the " + kind), ""
    if rng.random() < 0.2:
        return words.article(kind), " " + CALL.pick(rng, part).format(p=wish.kind, n=wish.name)
    return NAMED.pick(rng, part).format(k=words.article(kind), p=wish.kind, n=wish.name), ""


def request(rng, part):
    """A Wish with its question."""
    style = rng.random()
    habitat, kind, plural = pick_hero(rng, part)
    if style < 0.05:                                          # any story
        habitat, kind, _ = pick_hero(rng, part, new=0)        # nobody asked for a strange word
        return Wish(habitat, kind, ask=ANY.pick(rng, part), hero_free=True)
    if style < 0.20:                                          # a thing or a place
        which = rng.choice(["object", "object", "eaten", "watched", "place"])
        thing = noun(rng, part, which)
        plots_for = {"object": plots_things.OBJECT_PLOTS + [plots_things.forgotten], "eaten": plots_things.FOOD_PLOTS, "watched": plots_things.NATURE_PLOTS, "place": plots_things.PLACE_PLOTS}[which]
        wish = Wish("town", child(rng), plot=rng.choice(plots_for), preset={"place" if which == "place" else "obj": thing}, things=[thing], hero_free=True)
        a = "the " + thing if which in ("place", "watched") and rng.random() < 0.5 else words.article(thing)
        wish.ask = ask(rng, part, a)
        if rng.random() < 0.2 and wish.plot is not plots_things.forgotten:
            wish.name = words.person(rng, part)[0]
            wish.ask += " " + CALL.pick(rng, part).format(p="hero", n=wish.name)
        return wish
    if style < 0.26:                                          # a theme
        wish = Wish(habitat, kind, hero_free=True)
        while True:
            wish.plot = rng.choice(PLOTS["wet" if habitat == "sea" else "dry"])
            if wish.plot.__name__ in THEMES:
                break
        wish.theme = rng.choice(THEMES[wish.plot.__name__])
        phrase = wish.theme
        if rng.random() < 0.4:
            wish.name, wish.hero_free = words.person(rng, part)[0], False
            phrase += f" {rng.choice(['with', 'and'])} " + NAMED.pick(rng, part).format(k=words.article(kind), p=kind, n=wish.name).rstrip(",")
        wish.ask = ask(rng, part, phrase)
        return wish
    if style < 0.31:                                          # only a name
        name = words.person(rng, part)[0]
        wish = Wish("town", "girl" if name in words.GIRLS else "boy" if name in words.BOYS else child(rng), name=name, hero_free=True)
        wish.ask = ask(rng, part, ABOUT_NAME.pick(rng, part).format(n=name) + (" " + event(rng, part, wish) if rng.random() < 0.5 else ""))
        return wish
    wish = Wish(habitat, kind)
    if rng.random() < 0.6:
        wish.name = words.person(rng, part)[0] if rng.random() < 0.85 else rng.choice(words.share(words.PETS, part))
    a, sentence = hero_phrase(rng, part, wish, plural)
    if rng.random() < 0.55:
        a = f"{a} {event(rng, part, wish)}"
        if wish.things and rng.random() < 0.12 and wish.name and not sentence:
            said = list(wish.preset.values())[0]
            a = f"{'the ' + said if 'place' in wish.preset else words.article(said)} and {NAMED.pick(rng, part).format(k=words.article(kind), p=kind, n=wish.name)}".rstrip(",")
    elif rng.random() < 0.3:                                  # and a friend
        friend = plain(rng.choice(words.topics(COMPANIONS[habitat], part))) if rng.random() < 0.7 else words.glued(rng, part)
        if friend != kind:
            wish.friend_kind = friend
            b = words.article(friend)
            if rng.random() < 0.4:
                wish.friend_name = words.person(rng, part)[0]
                b = NAMED.pick(rng, part).format(k=b, p=friend, n=wish.friend_name) if wish.friend_name != wish.name else b
                wish.friend_name = None if wish.friend_name == wish.name else wish.friend_name
            a = f"{a.rstrip(',')} and {b}".rstrip(",")
    wish.ask = ask(rng, part, a.rstrip(",")) + sentence
    return wish


def ask(rng, part, about):
    text = ASK.pick(rng, part).format(a=about)
    return words.capital(text) if rng.random() < 0.93 or part != "train" else text[0].lower() + text[1:].rstrip(".")


# ---- the story -----------------------------------------------------------------------------------

def named_gender(name, kind):
    """Nora is "she", unless the kind has a gender of its own."""
    return None if kind in FIXED_GENDER else "f" if name in words.GIRLS else "m" if name in words.BOYS else None


def draft(rng, part, wish):
    hero = Being(rng, wish.kind, part, gender=named_gender(wish.name, wish.kind))
    if wish.name:
        hero.name = wish.name
    if wish.nature:
        hero.nature = wish.nature
    friend = Being(rng, wish.friend_kind or plain(rng.choice(words.topics(COMPANIONS[wish.habitat], "train"))), part, avoid=(hero.name,), back=True)
    if wish.friend_name:
        friend.name = wish.friend_name
    for other in ("mouse", "owl") if wish.habitat in ("land", "air") else ("crab", "seal") if wish.habitat == "sea" else ("neighbor", "cook"):
        if friend.kind == hero.kind or friend.kind in wish.things:
            friend.kind = other
    w = World(rng, part, hero, wish.habitat, friend)
    if wish.nature:
        w["akind"] = words.article(f"{hero.nature} {hero.kind}")
    fill_slots(w, rng)
    w.preset = wish.preset
    for slot in ("obj", "place"):
        if slot in wish.preset:
            w[slot] = wish.preset[slot]
    plot = wish.plot or rng.choice(PLOTS["wet" if w.wet else "dry"])
    if wish.theme and rng.random() < 0.7:
        w.say(*[t.format(t=wish.theme) for t in THIS_THEME])
    if plot is plots_things.forgotten:
        w.say("Once upon a time, there was an old {obj}.", "Once there was a small {obj}.", "In a little house {home}, there was a {obj}.", "This is the story of a {obj}.")
        w.facts["solo"] = "yes"
        w.solo = True
    else:
        w.opening()
        w.color()
        w.solo = False
    plot(w)
    if wish.theme:
        w.say(*[t.format(t=wish.theme) for t in SO_THEME])
    return w, fix_articles(w.text())


class Told:
    def __init__(self, world, text):
        self.world, self.text = world, text


def tell(rng, part, wish):
    """A story that keeps to the wish and passes every rule -> Told."""
    low, high = checks.STORY_WORDS
    for _ in range(200):
        w, text = draft(rng, part, wish)
        if not low <= len(text.split()) <= high:
            continue
        need = wish.words() + ([] if w.solo else [w.hero.kind]) + [x for x in (wish.friend_kind,) if x]
        if checks.story(text, None if w.solo else w.hero.name, need) or checks.occurs(text, w.friend.name) == 0:
            continue
        if wish.theme and checks.occurs(text, wish.theme) < 1:
            continue
        return Told(w, text)
    return None


ARTICLE = re.compile(r"\b([Aa])n?( \"?)(?=([A-Za-z][\w-]*))")


def fix_articles(text):
    """"a owl" -> "an owl": the templates write "a {obj}" without looking."""
    return ARTICLE.sub(lambda m: m.group(1) + ("n" if checks.starts_with_vowel(m.group(3)) else "") + m.group(2), text)


QUESTIONS = {
    "lost": (["What did {H} lose?", "What was lost in the story?", "What was {H} looking for?"], "{H} lost a {v}."),
    "game": (["What game did they play?", "Which game did they play in the story?"], "They played {v}."),
    "afraid": (["What was {H} afraid of?", "What scared {H}?"], "{H} was afraid of {v}."),
    "tool": (["What did {H} use to help?", "With what did {H} help {F}?"], "{H} used {v}."),
    "prize": (["What was the prize?", "What could they win?"], "The prize was {v}."),
    "skill": (["What did {H} want to learn?", "What was the dream of {H}?"], "{H} wanted to {v}."),
    "plant": (["What did the seed become?", "What grew from the seed?"], "It became a {v}."),
    "food": (["What food did {H} love?", "What did {H} like to eat?"], "{H} loved {v}."),
    "treasure": (["What did they find?", "What was found?"], "They found {v}."),
    "broke": (["What did {H} break?", "What was broken?"], "{H} broke a {v}."),
    "gift": (["What was the present?", "What did {H} make for {F}?"], "{H} made {v}."),
    "built": (["What did {H} build?", "What was built in the story?"], "{H} built a {v}."),
    "sign": (["What did they follow?", "How did they find the way?"], "They followed {v}."),
    "reason": (["Where did the noise come from?", "Who made the noise?"], "It was {F}, who {v}."),
    "secret": (["What was the secret?", "Which secret was there?"], "The secret was {v}."),
    "wish": (["What was the wish?", "What did {H} wish?"], "{H} wished {v}."),
    "dish": (["What did {H} cook?", "What did they cook?"], "{H} made {v}."),
    "lost_by_friend": (["What did {F} lose?", "What was lost?"], "{F} lost a {v}."),
}
NAME_OF = Wording("!What was the name of the {k}?", "!What is the {k} called?", "(What|How) (was|is) the {k} (called|named)( in the story|)?", "(Tell me|Do you remember|What was|Say) the (name of the {k}|{k}'s name)(?|.)", "(Which|What) name did the {k} have( in the story|)?")
WHO_IS = Wording("!Who is {n}?", "(Who was|Who is|Tell me who is) {n}( in the story| again|)?", "(What kind of|Which) (animal or person|hero) is {n}?", "(Do you remember|Can you tell me) who {n} is?")


def follow_up(rng, part, told):
    """A question about the story just told, with its answer."""
    w = told.world
    hero, friend = w.hero, w.friend
    asked = []
    both = [friend] if w.solo else [hero, hero, friend]
    for being in both:
        asked += [(NAME_OF.pick(rng, part).format(k=being.kind), rng.choice([f"The {being.kind}'s name was {being.name}.", f"The {being.kind} was called {being.name}."])),
                  (WHO_IS.pick(rng, part).format(n=being.name), f"{being.name} is the {being.kind} in the story.")]
    for key, value in w.facts.items():
        if key in QUESTIONS and value and not w.solo:
            question, answer = QUESTIONS[key]
            asked += [(rng.choice(question).format(H=hero.name, F=friend.name), answer.format(H=hero.name, F=friend.name, v=value))] * 2
    question, answer = rng.choice(asked)
    return question, fix_articles(answer)


def wished(rng, part):
    """A wish together with a story that fulfils it."""
    while True:
        wish = request(rng, part)
        told = tell(rng, part, wish)
        if told:
            return wish, told


def make(rng, part, with_questions=True):
    """Messages of one conversation about a story."""
    wish, told = wished(rng, part)
    lead = rng.choice(LEAD).format(a=words.article(wish.things[0] if wish.things else wish.kind)) if rng.random() < 0.06 and not wish.things_only() else ""
    messages = [("user", wish.ask), ("assistant", lead + told.text)]
    while with_questions and rng.random() < 0.3 and len(messages) < 7:
        question, answer = follow_up(rng, part, told)
        if any(question == m[1] for m in messages):
            break
        messages += [("user", question), ("assistant", answer)]
    if with_questions and rng.random() < 0.1:
        messages += another(rng, part, wish)
    return messages


ANOTHER = Wording("!Another one, please.", "!Tell me another story.", "(Another one|One more|Again|A different one|A new one|More|And another|Next story)(, please.|!|.)", "(Tell me|Write|Give me|I want|Can you tell me) (another|one more|a different|a second) (story|tale)(.|, please.)")
ANOTHER_ABOUT = Wording("!Tell me another story about {a}.", "(Tell me|Write|Give me|I want|Can you tell me) (another|one more|a different|a second) (story|tale) about {a}(.|, please.)", "(Another|One more|A different) (story|tale) about {a}(, please.|!|.)", "(Now|And now|Next,) (a story|a tale|one) about {a}(.|, please.)")


def another(rng, part, before):
    """"Another one": on the same topic when it is named again, or on a new one, else on any."""
    while True:
        habitat, kind, _ = (before.habitat, before.kind, None) if rng.random() < 0.4 and not before.things_only() else pick_hero(rng, part)
        if rng.random() < 0.3:
            habitat, kind, _ = pick_hero(rng, part, new=0)
            wish = Wish(habitat, kind, ask=ANOTHER.pick(rng, part), hero_free=True)
        else:
            wish = Wish(habitat, kind, name=words.person(rng, part)[0] if rng.random() < 0.5 else None)
            wish.ask = ANOTHER_ABOUT.pick(rng, part).format(a=NAMED.pick(rng, part).format(k=words.article(kind), p=kind, n=wish.name).rstrip(",") if wish.name else words.article(kind))
        told = tell(rng, part, wish)
        if told:
            return [("user", wish.ask), ("assistant", told.text)]


def case(rng, part):
    """A story with a named hero of a given kind, mostly with something that happens."""
    while True:
        wish, told = wished(rng, part)
        if wish.name and not wish.theme and not wish.things_only():
            break
    need = [wish.kind] + wish.things
    topic = wish.kind + (", " + list(wish.preset.values())[0] if wish.preset else "")
    return {"messages": [{"role": "user", "content": wish.ask}], "think": False, "max_tokens": 480, "check": {"kind": "story", "name": wish.name, "topic": topic, "words": need}, "reference": told.text}
