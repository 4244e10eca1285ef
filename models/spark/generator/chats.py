"""Conversations in which the user tells facts and asks for them later.

Between telling and asking come other things: sums, stories, small talk.
That is what makes it memory and not repetition.
"""

from . import about, facts, stories, sums, words

HELLO = ["Hello!", "Hi!", "Hello", "hi", "Hey!", "Good morning!", "Good evening!", "Hello there!", "Hi there!", "Greetings!", "hey", "Good afternoon!", "Hello, spark!"]
GREET = ["Hello! How can I help you?", "Hello! Nice to meet you. What can I do for you?", "Hi! I am spark. What would you like?", "Hello! Would you like a story or a small sum?"]
NAME = ["my name is {v}", "I am {v}", "I'm {v}", "my name's {v}", "you can call me {v}", "people call me {v}", "this is {v}", "call me {v}", "it's {v} here", "please call me {v}"]
NAME_HELD = ["my name is {v} and I am new here", "I go by {v}"]
NAME_REPLY = ["Hello, {v}! Nice to meet you.", "Nice to meet you, {v}!", "Hello {v}! How can I help you?", "Hi, {v}! What can I do for you?", "Welcome, {v}! It is nice to meet you."]
ASK_NAME = ["What is my name?", "What's my name?", "what is my name?", "Do you remember my name?", "Do you know my name?", "Who am I?", "Can you tell me my name?", "How am I called?", "Please say my name.",
            "What was my name again?", "Tell me my name.", "And what is my name?", "Do you still know my name?", "What did I say my name was?", "I forgot my name. What is it?"]
ASK_NAME_HELD = ["Could you remind me what my name is?", "Which name did I tell you?"]
SAY_NAME = ["Your name is {v}."] * 5 + ["You are {v}.", "You told me that your name is {v}.", "Of course. Your name is {v}."]

CITIES = """Paris London Berlin Rome Madrid Lisbon Oslo Vienna Prague Dublin Athens Cairo Tokyo Delhi Lima Boston Chicago Toronto Sydney Nairobi Lagos Moscow Warsaw Geneva Munich Hamburg Milan
Naples Porto Zurich Bergen Krakow Dakar Quito Seoul Kyoto Denver Austin Seattle Leeds York Bristol Lyon Nice""".split()
JOBS = "teacher baker nurse doctor farmer pilot painter driver cook gardener student writer singer carpenter sailor dentist tailor engineer musician librarian".split()
HOBBIES = "painting swimming reading dancing singing cooking hiking fishing gardening chess football tennis drawing running knitting sailing cycling climbing skating".split()
ANIMALS = "dog cat rabbit horse hamster parrot turtle goldfish pony mouse bird hen".split()
KIN = "sister brother mother father friend teacher aunt uncle cousin neighbor daughter son grandmother grandfather boss".split()
OWNED = "car house bike boat coat hat bag door cup umbrella kitchen room scarf pen phone".split()
WEEKDAYS = facts.DAYS
LOC = ["in the kitchen", "under the bed", "on the table", "in the car", "behind the door", "in the blue box", "on the shelf", "in my bag", "in the garden", "next to the lamp", "in the drawer", "under the chair"]
HIDDEN = "keys glasses wallet book phone umbrella hat ticket passport ring shoes scarf".split()


def your(text):
    return text.replace("my ", "your ")


def fact(rng, part):
    """A personal fact: {key, tell, reply, ask, say} with the value filled in."""
    pick = rng.randrange(13)
    v = None
    if pick == 0:
        v = rng.choice(words.COLORS)
        tell = [f"My favorite color is {v}.", f"I like {v} best of all colors.", f"{v.capitalize()} is my favorite color."]
        ask, say = ["What is my favorite color?", "Which color do I like best?", "What's my favorite color?"], [f"Your favorite color is {v}.", f"Your favorite color is {v}."]
        reply = [f"{v.capitalize()} is a lovely color.", "That is a nice color!"]
        key = "color"
    elif pick == 1:
        v = rng.choice(words.FOODS)
        tell = [f"My favorite food is {v}.", f"I love to eat {v}.", f"The food I like best is {v}."]
        ask, say = ["What is my favorite food?", "What do I like to eat?", "Which food do I like best?"], [f"Your favorite food is {v}.", f"You like {v}."]
        reply = ["That sounds good!", "That is tasty."]
        key = "food"
    elif pick == 2:
        v = rng.choice(CITIES) if rng.random() < 0.7 else words.new_name(rng, part)
        tell = [f"I live in {v}.", f"I am from {v}.", f"My home is in {v}."]
        ask, say = ["Where do I live?", "Which city do I live in?", "Where is my home?", "Do you know where I live?"], [f"You live in {v}."]
        reply = ["That must be a nice place.", f"I would like to hear more about {v}.", "Good to know!"]
        key = "city"
    elif pick == 3:
        v = rng.randint(5, 89)
        tell = [f"I am {v} years old.", f"My age is {v}."]
        ask, say = ["How old am I?", "What is my age?"], [f"You are {v} years old."]
        reply = ["Thank you for telling me.", f"{v} is a good age!"]
        key = "age"
    elif pick in (4, 5):
        animal = rng.choice(ANIMALS)
        v = rng.choice(words.share(words.PETS, part)) if rng.random() < 0.6 else words.new_name(rng, part)
        tell = [f"I have a {animal} named {v}.", f"My {animal} is called {v}.", f"My {animal}'s name is {v}.", f"I have a {animal}. Its name is {v}."]
        ask = [f"What is my {animal}'s name?", f"What is the name of my {animal}?", f"What is my {animal} called?", f"Do you remember the name of my {animal}?"]
        say = [f"Your {animal}'s name is {v}.", f"Your {animal} is called {v}."]
        reply = [f"{v} is a nice name for a {animal}.", f"Say hello to {v} from me!", f"I am sure that {v} is a lovely {animal}."]
        key = animal
    elif pick in (6, 7):
        kin = rng.choice(KIN)
        v = words.person(rng, part, 0.4)[0]
        tell = [f"My {kin} is called {v}.", f"My {kin}'s name is {v}.", f"I have a {kin}. The name is {v}.", f"The name of my {kin} is {v}."]
        ask = [f"What is my {kin}'s name?", f"What is my {kin} called?", f"What is the name of my {kin}?", f"Who is my {kin}?"]
        say = [f"Your {kin}'s name is {v}.", f"Your {kin} is called {v}."]
        reply = [f"{v} is a nice name.", "Good to know!", f"Please say hello to {v}."]
        key = kin
    elif pick == 8:
        v = rng.choice(JOBS)
        a = words.article(v)
        tell = [f"I am {a}.", f"I work as {a}.", f"My job is {v}."]
        ask, say = ["What is my job?", "What do I do for work?", "What do I work as?"], [f"You are {a}.", f"You work as {a}."]
        reply = ["That is an important job.", "That sounds interesting!"]
        key = "job"
    elif pick == 9:
        v = rng.choice(HOBBIES)
        tell = [f"My hobby is {v}.", f"I like {v} very much.", f"In my free time I enjoy {v}."]
        ask, say = ["What is my hobby?", "What do I do in my free time?", "What do I enjoy?"], [f"Your hobby is {v}.", f"You enjoy {v}."]
        reply = ["That sounds like fun!", f"{v.capitalize()} is a nice hobby."]
        key = "hobby"
    elif pick == 10:
        thing, v = rng.choice(OWNED), rng.choice(words.COLORS)
        tell = [f"My {thing} is {v}.", f"I have {words.article(v)} {thing}."]
        ask, say = [f"What color is my {thing}?", f"Which color does my {thing} have?"], [f"Your {thing} is {v}."]
        reply = ["That must look nice.", "Good to know!"]
        key = thing
    elif pick == 11:
        thing, v = rng.choice(HIDDEN), rng.choice(LOC)
        verb = "are" if thing in ("keys", "glasses", "shoes") else "is"
        tell = [f"My {thing} {verb} {v}.", f"I put my {thing} {v}.", f"Please remember: my {thing} {verb} {v}."]
        ask, say = [f"Where {verb} my {thing}?", f"Where did I put my {thing}?"], [f"Your {thing} {verb} {your(v)}."]
        reply = ["I will remember that.", "Okay, I will remember it."]
        key = thing
    else:
        v = rng.randint(10, 9999)
        tell = [f"My number is {v}.", f"Please remember the number {v}.", f"The secret number is {v}."]
        ask, say = ["What is the number?", "Which number did I tell you?", "What was the number?"], [f"The number is {v}."]
        reply = ["I will remember that.", f"Okay, {v}."]
        key = "number"
    return dict(key=key, tell=rng.choice(tell), reply=rng.choice(reply + ["Thank you for telling me.", "I will remember that."]), ask=rng.choice(ask), say=rng.choice(say), value=str(v))


NEVER_TOLD = [("What is my name?", "name"), ("Who am I?", "name"), ("Do you know my name?", "name"), ("What is my favorite color?", "color"), ("Where do I live?", "city"), ("How old am I?", "age"), ("What is my job?", "job"),
              ("What is my favorite food?", "food"), ("What is my hobby?", "hobby"), ("What is my dog's name?", "dog"), ("What is my sister's name?", "sister"), ("What is my cat called?", "cat"), ("Where are my keys?", "keys"),
              ("What is the name of my brother?", "brother"), ("What color is my car?", "car"), ("What was the number?", "number")]
NOT_YET = ["You have not told me that yet.", "I do not know. You have not told me yet.", "I do not know that yet. Please tell me."]


def distractor(rng, part):
    """Something else in between: a list of messages."""
    kind = rng.random()
    if kind < 0.34:
        text, reply, _ = sums.one(rng, part)
    elif kind < 0.5:
        text, reply = about.talk_turn(rng, part)
    elif kind < 0.62:
        text, reply = about.self_turn(rng, part)
    elif kind < 0.72:
        text, reply = about.unknown_turn(rng, part)
    elif kind < 0.85:
        text, reply = facts.turn(rng, part)
    else:
        return stories.make(rng, part, with_questions=False)
    return [("user", text), ("assistant", reply)]


def introduce(rng, part, v):
    how = rng.choice(NAME if part == "train" else NAME + NAME_HELD).format(v=v)
    style = rng.random()
    if style < 0.5:
        hello = rng.choice(HELLO)
        if hello[-1] in "!" and rng.random() < 0.5:
            return f"{hello[:-1]}, {how}."
        return f"{hello.rstrip('!')}! {words.capital(how)}."
    end = rng.choice([".", ".", "!", ""])
    return (words.capital(how) if rng.random() < 0.8 else how) + end


def name_reply(rng, v):
    return rng.choice(NAME_REPLY).format(v=v)


def make(rng, part):
    messages, known, asks = [], {}, []
    v = None
    if rng.random() < 0.25:
        messages += [("user", rng.choice(HELLO)), ("assistant", rng.choice(GREET))]
    plan = []
    if rng.random() < 0.8:
        plan.append("name")
    plan += ["fact"] * rng.choice((0, 0, 1, 1, 2, 3, 4))
    if not plan:
        plan = ["name"]
    if rng.random() < 0.3:
        rng.shuffle(plan)
    pending = []
    for step in plan:
        if step == "name":
            v = words.person(rng, part, 0.5)[0]
            if rng.random() < 0.15:
                v += " " + words.person(rng, part, 0.6)[0]
            text, reply = introduce(rng, part, v), name_reply(rng, v)
            if rng.random() < 0.12:                          # told and asked something at once
                extra = fact(rng, part)
                if extra["key"] not in known:
                    text = text.rstrip(".!") + ". " + extra["tell"]
                    known[extra["key"]] = extra
                    pending.append(extra["key"])
            messages += [("user", text), ("assistant", reply)]
            pending.append("name")
        else:
            told = fact(rng, part)
            if told["key"] in known:
                continue
            known[told["key"]] = told
            pending.append(told["key"])
            messages += [("user", told["tell"]), ("assistant", told["reply"])]
        if rng.random() < 0.35:
            messages += distractor(rng, part)
        if rng.random() < 0.06 and v and step == "name":     # a correction: the later name counts
            v = words.person(rng, part, 0.5)[0]
            messages += [("user", rng.choice(["Sorry, my name is {v}.", "Actually, my name is {v}.", "I made a mistake. My name is {v}.", "No, my name is {v}."]).format(v=v)),
                         ("assistant", rng.choice(["Oh, I see. Hello, {v}!", "Thank you, {v}. I will remember that.", "Nice to meet you, {v}!"]).format(v=v))]
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        messages += distractor(rng, part)
    rng.shuffle(pending)
    for key in pending[: rng.choice((1, 2, 3, 4))]:
        if key == "name":
            ask = rng.choice(ASK_NAME if part == "train" else ASK_NAME_HELD + ASK_NAME)
            messages += [("user", ask), ("assistant", rng.choice(SAY_NAME).format(v=v))]
        else:
            messages += [("user", known[key]["ask"]), ("assistant", known[key]["say"])]
        if rng.random() < 0.15:
            messages += distractor(rng, part)
    if rng.random() < 0.15:
        ask, key = rng.choice(NEVER_TOLD)
        if key not in known and not (key == "name" and v):
            messages += [("user", ask), ("assistant", rng.choice(NOT_YET))]
    if v and rng.random() < 0.15:
        messages += [("user", rng.choice(["Goodbye!", "Bye!", "Thank you, bye!", "Good night!"])), ("assistant", rng.choice([f"Goodbye, {v}!", f"See you soon, {v}!", f"Goodbye, {v}! It was nice to talk to you."]))]
    return messages


def unasked(rng, part):
    """Questions about facts nobody told: the honest answer is that it is unknown."""
    messages = []
    if rng.random() < 0.4:
        messages += distractor(rng, part)
    ask, _ = rng.choice(NEVER_TOLD)
    messages += [("user", ask), ("assistant", rng.choice(NOT_YET))]
    return messages
