"""Short stories on a topic, and questions about them afterwards."""

from . import plots, plots_things, words
from .world import Being, World, plain

ASK = ["Tell me a story about {a}.", "Tell me a story about {a}.", "tell me a story about {a}", "Tell me a short story about {a}.", "Write a story about {a}.",
       "Write a short story about {a}.", "Can you tell me a story about {a}?", "Could you tell me a short story about {a}, please?",
       "Please tell me a story about {a}.", "I want to hear a story about {a}.", "I would like a story about {a}.", "Story about {a}, please.",
       "Make up a story about {a}.", "Do you know a story about {a}?", "Give me a short story about {a}.", "A story about {a}, please!",
       "Once more: a story about {a}.", "Tell my child a bedtime story about {a}.", "Tell a story about {a}", "Please write me a little story about {a}.",
       "Hi! Can you write a story about {a}?", "I am bored. Tell me a story about {a}.", "Write a bedtime story about {a}.", "a short story about {a}",
       "Tell me something about {a}, like a story.", "Please make a story. It should be about {a}.", "write me a story about {a}", "{A} - can you make a story about that?"]
ASK_HELD = ["Would you tell me a tale about {a}?", "Hello! I would love to hear a story about {a}.", "Invent a little story about {a} for me."]
ANY = ["Tell me a story.", "Write a short story.", "Can you tell me a story?", "I want a story, please.", "tell me a story", "Tell me a bedtime story.", "Any story, please.", "Surprise me with a story."]
NAMED = ["Tell me a story about {a} named {name}.", "Write a story about {a} called {name}.", "A story about {a} named {name}, please.", "Can you tell me a story about {name} the {kind}?",
         "Tell me a story about {name}, {a}."]
PAIR = ["Tell me a story about {a} and {b}.", "Write a story about {a} and {b}.", "Can you tell me a story about {a} and {b}?", "A story about {a} and {b}, please."]
WITH_NATURE = ["{nature} {kind}", "{size} {kind}"]
LEAD = ["Sure! ", "Of course. ", "Here is a story about {a}.\n\n", "Here is a story for you.\n\n"]
SEA_FOOD = ["sea grapes", "seaweed", "sweet algae", "tasty plankton", "seaweed cakes", "sea salad"]

KINDS = [(words.LAND, "land", 9), (words.AIR, "air", 4), (words.SEA, "sea", 2), (words.PEOPLE, "town", 6), (words.OBJECTS, "object", 7), (words.PLACES, "place", 3)]
COMPANIONS = {"land": words.LAND + words.AIR, "air": words.LAND + words.AIR, "sea": words.SEA,
              "town": words.PEOPLE + ["boy/boys", "girl/girls"] * 6, "object": ["boy/boys", "girl/girls"] * 3 + words.PEOPLE,
              "place": ["boy/boys", "girl/girls"] * 3 + words.PEOPLE}


def fill_slots(w, rng):
    w["food"] = rng.choice(SEA_FOOD if w.wet else words.FOODS)
    w["color"] = rng.choice(words.COLORS)
    time = w["time"]
    w["time_low"] = time[0].lower() + time[1:]
    w["time_again"] = rng.choice(["A little later", "After a while", "The next day", "In the evening"])
    w["meet"] = w.meet()
    w["meet_"] = words.capital(w["meet"])
    w["hname_say"], w["fname_say"] = w.hero.name, w.friend.name


def tell(rng, part, habitat, topic, friend_kind=None, name=None, plot=None):
    """One story -> World with its text and facts.  `topic` is the asked-for word."""
    child = rng.choice(["boy", "girl", "girl", "boy", "child"]) if part == "train" else rng.choice(["boy", "girl"])
    about_thing = habitat in ("object", "place")
    hero = Being(rng, child if about_thing else topic, part, gender=None)
    if name:
        hero.name = name
    friend = Being(rng, friend_kind or plain(rng.choice(words.topics(COMPANIONS[habitat], "train"))), part, avoid=(hero.name,), back=True)
    if friend.kind == hero.kind:
        friend.kind = rng.choice([k for k in ("mouse", "owl", "turtle", "rabbit") if k != hero.kind]) if habitat in ("land", "air") else \
            rng.choice([k for k in ("crab", "seal", "turtle") if k != hero.kind]) if habitat == "sea" else rng.choice(["neighbor", "cook", "gardener"])
    w = World(rng, part, hero, "town" if about_thing else habitat, friend)
    fill_slots(w, rng)
    if habitat == "object":
        w["obj"] = topic
        if topic in words.EATEN or topic in words.WATCHED:
            w.opening()
            w.color()
            rng.choice(plots_things.FOOD_PLOTS if topic in words.EATEN else plots_things.NATURE_PLOTS)(w)
        elif rng.random() < 0.25:
            w.say("Once upon a time, there was an old {obj}.", "Once there was a small {obj}.", "In a little house {home}, there was a {obj}.", "This is the story of a {obj}.")
            plots_things.forgotten(w)
            w.facts["solo"] = "yes"
        else:
            w.opening()
            rng.choice(plots_things.OBJECT_PLOTS)(w)
    elif habitat == "place":
        w["place"] = topic
        w.opening()
        w.color()
        rng.choice(plots_things.PLACE_PLOTS)(w)
    else:
        w.opening()
        w.color()
        (plot or rng.choice(plots.WET if w.wet else plots.EVERYONE))(w)
    return w


def fix_articles(text, topic):
    """"a owl" -> "an owl": the templates write "a {obj}" without looking."""
    for vowel in "aeiou":
        text = text.replace(f" a {vowel}", f" an {vowel}").replace(f"A {vowel}", f"An {vowel}")
    return text.replace(" an uni", " a uni").replace(" an one", " a one").replace("An uni", "A uni").replace("An one", "A one")


QUESTIONS = {
    "lost": (["What did {H} lose?", "What was lost in the story?"], "{H} lost a {v}."),
    "game": (["What game did they play?"], "They played {v}."),
    "afraid": (["What was {H} afraid of?"], "{H} was afraid of {v}."),
    "tool": (["What did {H} use to help?"], "{H} used {v}."),
    "prize": (["What was the prize?"], "The prize was {v}."),
    "skill": (["What did {H} want to learn?"], "{H} wanted to {v}."),
    "plant": (["What did the seed become?"], "It became a {v}."),
    "food": (["What food did {H} love?"], "{H} loved {v}."),
    "treasure": (["What did they find?", "What was the treasure?"], "They found {v}."),
    "broke": (["What did {H} break?"], "{H} broke a {v}."),
    "gift": (["What was the present?", "What did {H} make for {F}?"], "{H} made {v}."),
    "built": (["What did {H} build?"], "{H} built a {v}."),
    "sign": (["What did they follow?"], "They followed {v}."),
    "reason": (["Where did the noise come from?", "Who made the noise?"], "It was {F}, who {v}."),
    "secret": (["What was the secret?"], "The secret was {v}."),
    "wish": (["What was the wish?", "What did {H} wish?"], "{H} wished {v}."),
    "dish": (["What did {H} cook?", "What did they cook?"], "{H} made {v}."),
    "lost_by_friend": (["What did {F} lose?"], "{F} lost a {v}."),
}


def follow_up(rng, w, topic):
    """A question about the story just told, with its answer."""
    hero, friend = w.hero, w.friend
    asked = []
    if "solo" not in w.facts:
        asked += [(rng.choice([f"What was the name of the {hero.kind}?", f"What is the {hero.kind} called?", f"What was the {hero.kind}'s name?"]),
                   rng.choice([f"The {hero.kind}'s name was {hero.name}.", f"The {hero.kind} was called {hero.name}."]))] * 2
        asked += [(f"Who is {hero.name}?", f"{hero.name} is the {hero.kind} in the story.")]
    asked += [(f"Who is {friend.name}?", f"{friend.name} is the {friend.kind} in the story."),
              (f"What was the name of the {friend.kind}?", f"The {friend.kind}'s name was {friend.name}.")]
    for key, value in w.facts.items():
        if key in QUESTIONS and value:
            ask, answer = QUESTIONS[key]
            asked += [(rng.choice(ask).format(H=hero.name, F=friend.name), answer.format(H=hero.name, F=friend.name, v=value))] * 2
    question, answer = rng.choice(asked)
    return question, fix_articles(" " + answer, topic).strip()


def pick_topic(rng, part, new=0.25):
    """(habitat, entry); a fourth of the topics are words nobody has seen, so that the
    model takes the topic from the question and not from a list."""
    if rng.random() < new:
        return rng.choice(["land", "land", "town", "object", "object", "place"]), words.glued(rng, part)
    kinds, habitat, _ = rng.choices(KINDS, [k[2] for k in KINDS])[0]
    if part == "held":
        while not words.topics(kinds, "held"):
            kinds, habitat, _ = rng.choice(KINDS)
    return habitat, rng.choice(words.topics(kinds, part))


def make(rng, part, with_questions=True):
    """Messages of one conversation about a story."""
    habitat, entry = pick_topic(rng, part)
    topic = plain(entry)
    plural = entry.split("/")[1] if "/" in entry else None
    alive = habitat not in ("object", "place")
    asking = ASK if part == "train" else ASK_HELD
    plot = None
    style, name, friend_kind = rng.random(), None, None
    a = words.article(topic)
    if habitat == "place" and rng.random() < 0.5:
        a = "the " + topic
    if style < 0.07:
        habitat, entry = pick_topic(rng, part, new=0)        # nobody asked for a strange word
        topic = plain(entry)
        ask = rng.choice(ANY)
    elif alive and style < 0.17:
        name = words.person(rng, part)[0]
        ask = rng.choice(NAMED).format(a=a, name=name, kind=topic)
    elif alive and style < 0.27:
        friend_kind = plain(rng.choice(words.topics(COMPANIONS[habitat], part)))
        if friend_kind == topic:
            friend_kind = None
            ask = rng.choice(asking).format(a=a, A=words.capital(a))
        else:
            ask = rng.choice(PAIR).format(a=a, b=words.article(friend_kind))
    elif alive and style < 0.37:                             # asked for by what happens
        plot = rng.choice(plots.WET if habitat == "sea" else plots.EVERYONE)
        if rng.random() < 0.25 and plot.__name__ in plots.THEMES:
            theme = rng.choice(plots.THEMES[plot.__name__])
            ask = rng.choice(asking).format(a=theme, A=words.capital(theme))
        else:
            a = f"{a} {rng.choice(plots.WHO[plot.__name__])}"
            ask = rng.choice(asking).format(a=a, A=words.capital(a))
    else:
        if plural and style < 0.45:
            a = plural
        elif style > 0.93:
            a = topic
        ask = rng.choice(asking).format(a=a, A=words.capital(a))
    w = tell(rng, part, habitat, topic, friend_kind, name, plot)
    nature = None
    if alive and not name and rng.random() < 0.12 and a != plural and not plot and style >= 0.45:
        nature = w.hero.nature
        described = words.article(f"{nature} {topic}")
        ask = rng.choice(asking).format(a=described, A=words.capital(described))
        w.lines[0] = w.lines[0].replace(f"{words.article(w.hero.size + ' ' + topic)}", described)
    text = fix_articles(w.text(), topic)
    lead = rng.choice(LEAD).format(a=words.article(topic)) if rng.random() < 0.12 else ""
    messages = [("user", ask), ("assistant", lead + text)]
    while with_questions and rng.random() < 0.35 and len(messages) < 7:
        question, answer = follow_up(rng, w, topic)
        if any(question == m[1] for m in messages):
            break
        messages += [("user", question), ("assistant", answer)]
    if with_questions and rng.random() < 0.12:
        messages += another(rng, part, habitat, topic)
    return messages


def another(rng, part, habitat, topic):
    """"Another one": on the same topic when it is named again, else on any."""
    a = words.article(topic)
    if rng.random() < 0.6:
        ask = rng.choice(["Tell me another story about {a}.", "Another story about {a}, please.", "One more story about {a}!", "Can you tell me a different story about {a}?"]).format(a=a)
    else:
        ask = rng.choice(["Another one, please.", "Tell me another story.", "One more!", "Tell me a different story.", "Another story, please."])
        if rng.random() < 0.6:
            habitat, entry = pick_topic(rng, part, new=0)
            topic = plain(entry)
    return [("user", ask), ("assistant", fix_articles(tell(rng, part, habitat, topic).text(), topic))]
