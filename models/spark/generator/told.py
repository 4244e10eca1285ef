"""Facts that somebody can tell and ask for later: about the user, about others, about things.

A fact is a noun phrase ("my sister's favorite color", "the code of the blue
locker") with a value, or a place ("where my keys are").  Telling and asking
are composed around it, so each of hundreds of frames meets each kind of fact.
"""

from . import words
from .wording import Wording

CITIES = """Paris London Berlin Rome Madrid Lisbon Oslo Vienna Prague Dublin Athens Cairo Tokyo Delhi Lima Boston Chicago Toronto Sydney Nairobi Lagos Moscow Warsaw Geneva Munich Hamburg Milan
Naples Porto Zurich Bergen Krakow Dakar Quito Seoul Kyoto Denver Austin Seattle Leeds York Bristol Lyon Nice""".split()
JOBS = "teacher baker nurse doctor farmer pilot painter driver cook gardener student writer singer carpenter sailor dentist tailor engineer musician librarian plumber lawyer actor judge dancer waiter".split()
HOBBIES = "painting swimming reading dancing singing cooking hiking fishing gardening chess football tennis drawing running knitting sailing cycling climbing skating pottery baking archery surfing juggling".split()
ANIMALS = "dog cat rabbit horse hamster parrot turtle goldfish pony mouse bird hen snake lizard duck donkey".split()
KIN = "sister brother mother father friend teacher aunt uncle cousin neighbor daughter son grandmother grandfather boss doctor wife husband roommate coach".split()
OWNED = "car house bike boat coat hat bag door cup umbrella kitchen room scarf pen phone desk sofa lamp tent suitcase jacket mug".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
HIDDEN = "key,wallet,book,phone,umbrella,hat,ticket,passport,ring,scarf,watch,camera,letter,map,pen,notebook,bag,card,flashlight,charger,guitar,medal,torch,diary".split(",")
NOOKS = """in the kitchen;under the bed;on the table;in the car;behind the door;in the blue box;on the shelf;in the garden;next to the lamp;in the drawer;under the chair;under the bench;behind the mirror;in the old shoe;on the roof;in the cellar;
in the attic;beside the well;under the carpet;inside the piano;behind the oven;in the red bag;between the books;in the barn;on the windowsill;under the stairs;in the top drawer;behind the curtain;in the mailbox;in the green tin;at the office;
near the fountain;inside the clock;under the flower pot;in the garage;on the fridge;in the locker;behind the statue""".replace("\n", "").split(";")
DRINKS = "tea coffee water milk lemonade cocoa juice cider soda".split()
SEASONS = "spring summer autumn winter".split()
FRUITS = "apples pears plums cherries grapes bananas mangoes oranges peaches melons kiwis figs dates limes".split()
SPORTS = "football tennis rugby hockey golf rowing boxing judo basketball volleyball cricket skiing fencing karate".split()
FLOWERS = "roses tulips lilies daisies violets poppies orchids sunflowers irises".split()
INSTRUMENTS = "piano violin guitar flute drums harp trumpet cello banjo organ".split()
SUBJECTS = "history math music art biology geography physics chemistry English".split()
LOCKS = "locker safe gate door suitcase cabinet vault garage bike shed chest elevator".split()
DEVICES = "computer router printer tablet server camera website account phone radio laptop".split()
EVENTS = "meeting party concert exam wedding picnic workshop lecture class game dinner interview match show trip".split()
GROUND = "ship boat cafe village river island hotel bridge street mountain horse school bakery star team band farm castle".split()


def code(rng):
    return str(rng.randint(1000, 9999)) if rng.random() < 0.75 else str(rng.randint(10, 999))


def somebody(rng, part):
    return words.person(rng, part, 0.6)[0]


def strange(rng, part):
    return words.new_name(rng, part)


# attribute of a person -> value
PERSONAL = {
    "favorite color": lambda r, p: r.choice(words.COLORS), "favorite food": lambda r, p: r.choice(words.FOODS), "favorite drink": lambda r, p: r.choice(DRINKS),
    "favorite animal": lambda r, p: "the " + r.choice(ANIMALS + ["lion", "tiger", "owl", "fox", "panda", "whale"]), "favorite season": lambda r, p: r.choice(SEASONS), "favorite fruit": lambda r, p: r.choice(FRUITS),
    "favorite sport": lambda r, p: r.choice(SPORTS), "favorite flower": lambda r, p: "the " + r.choice("rose tulip lily daisy violet poppy orchid iris".split()), "favorite number": lambda r, p: str(r.randint(1, 99)),
    "favorite day": lambda r, p: r.choice(DAYS), "favorite city": lambda r, p: r.choice(CITIES), "favorite game": lambda r, p: r.choice(["chess", "cards", "tag", "dominoes", "checkers", "hide and seek", strange(r, p)]),
    "favorite song": lambda r, p: strange(r, p), "favorite book": lambda r, p: strange(r, p), "hobby": lambda r, p: r.choice(HOBBIES), "birthday": lambda r, p: f"{r.choice(MONTHS)} {r.randint(1, 28)}",
    "home town": lambda r, p: r.choice(CITIES) if r.random() < 0.4 else strange(r, p), "shoe size": lambda r, p: str(r.randint(30, 47)), "phone number": lambda r, p: str(r.randint(10000, 999999)),
    "room number": lambda r, p: str(r.randint(1, 999)), "lucky number": lambda r, p: str(r.randint(1, 999)), "nickname": lambda r, p: strange(r, p), "last name": lambda r, p: strange(r, p), "street": lambda r, p: strange(r, p) + r.choice([" Street", " Road", " Lane"]),
    "best friend": somebody, "instrument": lambda r, p: "the " + r.choice(INSTRUMENTS), "favorite subject": lambda r, p: r.choice(SUBJECTS), "team": lambda r, p: "the " + strange(r, p) + "s", "password": lambda r, p: words.glued(r, p),
    "secret word": lambda r, p: words.glued(r, p), "seat number": lambda r, p: str(r.randint(1, 99)), "table number": lambda r, p: str(r.randint(1, 60)), "dream job": lambda r, p: r.choice(JOBS), "school": lambda r, p: strange(r, p) + " School",
    "code name": lambda r, p: strange(r, p), "dentist": somebody, "house number": lambda r, p: str(r.randint(1, 400)), "ticket number": lambda r, p: code(r),
}


def owner(rng, part):
    draw = rng.random()
    if draw < 0.6:
        return "my", "your"
    if draw < 0.8:
        kin = rng.choice(KIN)
        return f"my {kin}'s", f"your {kin}'s"
    name = somebody(rng, part)
    return f"{name}'s", f"{name}'s"


def personal(rng, part):
    whose, back = owner(rng, part)
    what = rng.choice(list(PERSONAL))
    return dict(np=f"{whose} {what}", back=f"{back} {what}", value=PERSONAL[what](rng, part))


def called(rng, part):
    """The name of a pet or a relative, in one of its two forms."""
    who = rng.choice(ANIMALS + KIN)
    v = (rng.choice(words.share(words.PETS, part)) if rng.random() < 0.4 else strange(rng, part)) if who in ANIMALS else words.person(rng, part, 0.6)[0]
    np = rng.choice([f"my {who}'s name", f"the name of my {who}"])
    return dict(np=np, back=your(np), value=v, direct_tell=CALLED_TELL.pick(rng, part).format(k=who, v=v, a=words.article(who)), direct_ask=CALLED_ASK.pick(rng, part).format(k=who), say=rng.choice([f"Your {who}'s name is {v}.", f"Your {who} is called {v}."]), key=f"name of my {who}")


def thing(rng, part):
    """A property of a thing that nobody can know without being told."""
    kind = rng.randrange(12)
    color, name = rng.choice(words.COLORS), strange(rng, part)
    if kind == 0:
        np, v = f"the code of the {color} {rng.choice(LOCKS)}", code(rng)
    elif kind == 1:
        np, v = f"the password of the {rng.choice(['old', 'new', color, 'small', 'big'])} {rng.choice(DEVICES)}", rng.choice([words.glued(rng, part), code(rng)])
    elif kind == 2:
        np, v = f"the name of the {rng.choice(['old', 'new', color, 'small', 'big'])} {rng.choice(GROUND)}", strange(rng, part)
    elif kind == 3:
        np, v = f"the capital of {name}", strange(rng, part)
    elif kind == 4:
        np, v = f"the platform of the train to {rng.choice([rng.choice(CITIES), name])}", str(rng.randint(1, 30))
    elif kind == 5:
        np, v = f"the price of the {color} {rng.choice(OWNED)}", f"{rng.randint(2, 900)} dollars"
    elif kind == 6:
        np, v = f"the room of the {rng.choice(EVENTS)}", rng.choice([str(rng.randint(1, 400)), f"{rng.randint(1, 40)}{rng.choice('ABCD')}"])
    elif kind == 7:
        np, v = f"the day of the {rng.choice(EVENTS)}", rng.choice(DAYS)
    elif kind == 8:
        np, v = f"the owner of the {color} {rng.choice(OWNED)}", somebody(rng, part)
    elif kind == 9:
        np, v = f"the number of {rng.choice(['locker', 'room', 'bus', 'house', 'file', 'box', 'order', 'table'])} {name}".replace("number of locker", "code of locker"), code(rng)
    elif kind == 10:
        np, v = f"the winner of the {rng.choice(EVENTS)} in {rng.choice([name, rng.choice(CITIES)])}", somebody(rng, part)
    else:
        np, v = f"the color of {somebody(rng, part)}'s {rng.choice(OWNED)}", color
    return dict(np=np, back=np, value=v)


def hidden(rng, part):
    """Where something is."""
    draw = rng.random()
    what = rng.choice(HIDDEN)
    if draw < 0.4:
        whose, back = f"my {what}", f"your {what}"
    elif draw < 0.75:
        name = somebody(rng, part)
        whose = back = f"{name}'s {what}"
    else:
        whose = back = f"the {rng.choice(words.COLORS)} {what}"
    v = rng.choice(NOOKS)
    return dict(np=whose, back=back, value=v, place=True)


def lives(rng, part):
    draw = rng.random()
    who, back, verb, do = ("I", "you", "live", "do") if draw < 0.65 else (None, None, "lives", "does")
    if not who:
        who = back = somebody(rng, part)
        if draw > 0.85:
            kin = rng.choice(KIN)
            who, back = f"my {kin}", f"your {kin}"
    v = rng.choice(CITIES) if rng.random() < 0.5 else strange(rng, part)
    return dict(np=f"where {who} {verb}", back=f"where {back} {verb.rstrip('s') if back == 'you' else verb}", value=v, clause=True, key=f"home of {who}", direct_tell=words.capital(LIVE_TELL[verb].pick(rng, part).format(w=who, v=v)),
                direct_ask=LIVE_ASK.pick(rng, part).format(do=do, w=who), say=words.capital(f"{back} {verb} in {v}."))


def age(rng, part):
    me = rng.random() < 0.6
    who, back = ("I", "you") if me else (lambda k: (f"my {k}", f"your {k}"))(rng.choice(KIN)) if rng.random() < 0.5 else (lambda n: (n, n))(somebody(rng, part))
    v, be = rng.randint(4, 94), "am" if me else "is"
    return dict(np=f"how old {who} {be}", back=f"how old {back} {'are' if me else 'is'}", value=str(v), clause=True, key=f"age of {who}", direct_tell=words.capital(AGE_TELL.pick(rng, part).format(w=who, be=be, v=v)),
                direct_ask=AGE_ASK.pick(rng, part).format(w=who, be=be), say=words.capital(f"{back} {'are' if me else 'is'} {v} years old."))


def job(rng, part):
    v = rng.choice(JOBS)
    a = words.article(v)
    me = rng.random() < 0.6
    if me:
        return dict(np="my job", back="your job", value=v, key="my job", direct_tell=JOB_TELL.pick(rng, part).format(a=a, v=v), direct_ask=JOB_ASK.pick(rng, part), say=f"You are {a}.", clause=False)
    who, back = (lambda k: (f"my {k}", f"your {k}"))(rng.choice(KIN)) if rng.random() < 0.5 else (lambda n: (n, n))(somebody(rng, part))
    return dict(np=f"{who}'s job", back=f"{back}'s job", value=v, direct_tell=words.capital(f"{who} {rng.choice(['is', 'works as'])} {a}."), direct_ask=f"What does {who} do for work?", say=words.capital(f"{back} is {a}."))


def possession(rng, part):
    what, v = rng.choice(OWNED), rng.choice(words.COLORS)
    return dict(np=f"the color of my {what}", back=f"the color of your {what}", value=v, key=f"color of my {what}", direct_tell=OWN_TELL.pick(rng, part).format(x=what, v=v, a=words.article(v)), direct_ask=OWN_ASK.pick(rng, part).format(x=what), say=f"Your {what} is {v}.")


def number(rng, part):
    v = rng.randint(10, 99999)
    np = rng.choice(["the secret number", "my number", "the magic number", "the number", "the special number"])
    return dict(np=np, back=your(np), value=str(v))


def count_of(rng, part):
    """How many the user has of something."""
    what, v = rng.choice("cats,dogs,brothers,sisters,cousins,bikes,plants,books,cups,chairs,goats,hens,guitars,hats".split(",")), rng.randint(2, 30)
    return dict(np=f"how many {what} I have", back=f"how many {what} you have", value=str(v), clause=True, key=f"number of my {what}", direct_tell=HAVE_TELL.pick(rng, part).format(x=what, v=v), direct_ask=HAVE_ASK.pick(rng, part).format(x=what), say=f"You have {v} {what}.")


CALLED_TELL = Wording("!I have {a} named {v}.", "!My {k} is called {v}.", "!My {k}'s name is {v}.", "(My {k} is named|My {k} goes by|We call my {k}|Everybody calls my {k}|I call my {k}) {v}.", "I have {a}( named| called| by the name of|, and the name is) {v}.", "I have {a}. (The name is|The name I use is) {v}.",
                      "(Meet my {k}:|This is my {k},|Let me tell you about my {k},|I live with my {k},|I love my {k}) {v}.", "{v} is (my {k}|my {k}'s name|the name of my {k}|what I call my {k}).")
CALLED_ASK = Wording("!What is my {k} called?", "!What's my {k}'s name?", "!Who is my {k}?", "(How is|What is) my {k} (called|named)( again|)?", "(Do you remember|Do you know|Tell me|Can you say|Could you tell me|Remind me) (what my {k} is called|my {k}'s name|how my {k} is called|who my {k} is)(?|, please.)", "(What|Which) name does my {k} have?", "(What|How) do I call my {k}?")
LIVE_TELL = {"live": Wording("!{w} live in {v}.", "!{w} am from {v}.", "{w} (live|reside|dwell|stay|am at home|have lived for years) in {v}.", "(I moved to|My home is in|My house is in|My flat is in|I come from|I was born and live in) {v}."),
             "lives": Wording("!{w} lives in {v}.", "{w} (lives|resides|stays|is at home|has a house|has lived for years|has a flat) in {v}.", "{w} (moved to|has moved to) {v} and lives there.", "(The home of {w}|The house of {w}) is in {v}.")}
LIVE_ASK = Wording("!Where {do} {w} live?", "(In which|In what) (city|town|place) {do} {w} live?", "(Which|What) (city|town|place) {do} {w} live in?", "Where {do} {w} (stay|have a home|reside)?")
AGE_TELL = Wording("!{w} {be} {v} years old.", "{w} {be} {v}( years old| years of age| years old now|).", "{w} (just |already |recently |)turned {v}( this year| last week|).", "(Right now|Now|At the moment) {w} {be} {v}( years old|).", "{w} {be} {v} years old (today|this year|since May).")
AGE_ASK = Wording("!How old {be} {w}?", "(What age|How many years old) {be} {w}?", "How old {be} {w}( again| now|, do you remember)?")
JOB_TELL = Wording("!I am {a}.", "!I work as {a}.", "!My job is {v}.", "(I earn my money|I make my living|I work|I am employed|I have worked for years) as {a}.", "(By profession|By trade|In my work|For a living) I am {a}.", "(My profession is|My trade is|My work is|My occupation is) {v}.")
JOB_ASK = Wording("!What is my job?", "!What do I work as?", "What do I do (for work|for a living|as a job|all day at work)?", "(Which|What) (profession|job|occupation|work|trade) do I have?", "(How do I earn my money|What am I by profession|What is my profession|What is my work|What kind of work do I do)?")
OWN_TELL = Wording("!My {x} is {v}.", "!I have {a} {x}.", "(I own|I bought|I got|I use|I now have|I picked) {a} {x}.", "My {x} (is painted|was painted|is all|is completely) {v}.", "The {x} I (own|have|use) is {v}.")
OWN_ASK = Wording("!What color is my {x}?", "(Which|What) color (is my {x}|does my {x} have|has my {x}|did I say my {x} is)?", "(Do you know|Do you remember|Can you tell me|Tell me|Remind me) (which|what) color my {x} (is|has)(?|, please.)")
HAVE_TELL = Wording("!I have {v} {x}.", "(I own|There are|I keep|We have|I have got|At home I have|All in all I have) {v} {x}(.| at home.| at my place.)")
HAVE_ASK = Wording("!How many {x} do I have?", "(How many|What number of) {x} (do I have|do I own|have I got|did I say I have)?", "(Do you know|Do you remember|Can you tell me|Tell me|Remind me) how many {x} I (have|own)(?|, please.)")

SAY_THAT = ["(Please |)(remember|note|keep in mind|do not forget|memorize|store|save)(:| that) {s}.", "(By the way|Just so you know|For later|For the record|Also|Listen|Hey|Something else|One more thing|A note), {s}.", "(I should tell you that|You should know that|I want you to know that|Let me tell you that|I must tell you that|It is good to know that|Here is a fact:|Important:|Remember:|Note:|Info:) {s}.", "!{S}."]
TELL_NP = Wording("!{N} is {v}.", *[t.replace("{s}", "{n} is {v}").replace("{S}", "{N} is {v}") for t in SAY_THAT], "{N}: {v}", "(I was told that|I learned that|I found out that|I can tell you that|From now on,|As you may know,|If anyone asks,) {n} is {v}.", "{v} is {n}.", "{N} (will be|has been|was) {v}.")
TELL_PLACE = Wording("!{N} is {v}.", *[t.replace("{s}", "{n} is {v}").replace("{S}", "{N} is {v}") for t in SAY_THAT], "(I put|I left|I placed|I hid|We keep|Someone left|You will find|I saw) {n} {v}.", "{N} (lies|is lying|is kept|was left|is hidden|stays|can be found) {v}.")
ASK_NP = Wording("!What is {n}?", "!What's {n}?", "!Do you remember {n}?", "(Do you (still |)(remember|know|recall)|Can you (still |)(tell me|remember|say|recall|repeat)|Could you (please |)(tell me|say|recall|repeat)|Will you tell me|Please tell me|Tell me|Do you happen to know) (what {n} is|{n})(?| now?|, please?)",
                 "(Remind me|Could you remind me|Can you remind me|Please remind me|Would you remind me|Help me remember) (what {n} is|what {n} was|of {n})(?|, please.)", "(I forgot|I have forgotten|I can't remember|I do not recall|I no longer know|I lost track of|I am not sure about|It slipped my mind,) {n}. (What is it?|Can you tell me?|Can you help me?|Do you know it?|What was it?|Please tell me.|)",
                 "What (was|is|did I say was) {n}( again| once more|)?", "(What did I say|What did I tell you) {n} (was|is)?", "{N}?", "(And|So|Now|Quick|Well)(,|:) what('s| is) {n}?", "(I would like to know|I want to know|I need to know|I wonder|Tell me again|Say again|Please say|Let me know) what {n} is.",
                 "(Please answer|Answer this|Question|My question is|Here is my question|Test): what is {n}?", "(From what I told you|Based on what I said|According to what I said|As I told you before|Going by my messages|Looking back), what is {n}?", "What would you say {n} is?")
ASK_PLACE = Wording("!Where is {n}?", "!Where's {n}?", "(Do you (still |)(remember|know|recall)|Can you (still |)(tell me|remember|say|recall)|Could you (please |)(tell me|say|recall)|Please tell me|Tell me|Remind me|Could you remind me|Can you remind me|Do you happen to know) where {n} (is|was)(?| now?|, please?)",
                    "(I forgot|I have forgotten|I can't remember|I do not recall|I no longer know|I am not sure) where {n} is. (Where is it?|Can you tell me?|Can you help me?|Do you know it?|Please tell me.)", "(Where did I say|Where did I tell you) {n} (was|is)?", "(And|So|Now|Quick|Well)(,|:) where is {n}?", "(I would like to know|I want to know|I need to know|I wonder|I am asking) where {n} is.",
                    "Where (can I find|should I look for|do I find|do I have to look for|must I go to get|could I find) {n}?", "I am looking for {n}. (Where is it?|Do you know where it is?|Can you help me?|Any idea?|Where should I look?)", "(Please answer|Answer this|Question|My question is|Here is my question|Test): where is {n}?", "In which place is {n}?")
ASK_CLAUSE = Wording("!Do you remember {n}?", "(Do you (still |)(remember|know|recall)|Can you (still |)(tell me|remember|say|recall)|Could you (please |)(tell me|say|recall)|Please tell me|Tell me|Remind me|Could you remind me|Can you remind me|Do you happen to know|Will you tell me) {n}(?| now?|, please?)",
                     "(I forgot|I have forgotten|I can't remember|I do not recall|I no longer know|I am not sure) {n}. (Can you tell me?|Can you help me?|Do you know it?|Please tell me.)", "(I would like to know|I want to know|I need to know|I wonder|Please say|Let me know) {n}.")


def your(text):
    """What the user calls "my" is "your" to the one who answers."""
    out = f" {text} ".replace(" my ", " your ").replace(" I have ", " you have ").replace(" I live ", " you live ").replace(" I am ", " you are ").replace(" My ", " Your ")
    return out[1:-1]


KINDS = [(personal, 34), (called, 14), (thing, 18), (hidden, 14), (lives, 6), (age, 4), (job, 4), (possession, 5), (number, 3), (count_of, 3)]
REPLY = ["Thank you for telling me.", "I will remember that.", "Okay, I will remember it.", "Good to know!", "Noted.", "All right, noted.", "Thanks, I have noted that.", "Got it.", "Understood.", "I see. I will keep that in mind.", "Thank you, I will keep it in mind."]


LOWERED = ("My ", "The ", "We ", "This ", "Meet ", "Let ", "Right ", "By ", "In ", "For ", "At ", "All ", "There ", "Everybody ")


def complete(rng, part, f):
    """Fill in how a raw fact is told, acknowledged, asked for and answered."""
    np, v = f["np"], f["value"]
    f.setdefault("key", np)
    place, clause = f.get("place"), f.get("clause")
    if not ("direct_tell" in f and (clause or rng.random() < 0.6)):
        f["tell"] = (TELL_PLACE if place else TELL_NP).pick(rng, part).format(n=np, N=words.capital(np), v=v)
    else:
        f["tell"] = f["direct_tell"]
        if rng.random() < 0.2:
            said = f["tell"] if not f["tell"].startswith(LOWERED) else f["tell"][0].lower() + f["tell"][1:]
            f["tell"] = rng.choice(["By the way, ", "Just so you know, ", "Please remember: ", "Note: ", "Also, ", "For later: ", "Remember this: "]) + said
    f["tell"] = words.capital(f["tell"])
    f["ask"] = ask(rng, part, f)
    if "say" not in f:
        f["say"] = words.capital(f"{f['back']} is {v}.")
    draw = rng.random()
    f["reply"] = rng.choice(REPLY) if draw < 0.6 else rng.choice([f"Okay: {f['back']} is {v}.", f"I will remember that {f['back']} is {v}.", f"Noted: {f['back']} is {v}."]) if not clause and draw < 0.8 else rng.choice(["Okay! ", "Noted. ", "I see. ", "Good to know! "]) + f["say"]
    return f


def ask(rng, part, f):
    if "direct_ask" in f and rng.random() < (0.6 if f.get("clause") else 0.45):
        return f["direct_ask"]
    frame = ASK_PLACE if f.get("place") else ASK_CLAUSE if f.get("clause") else ASK_NP
    return frame.pick(rng, part).format(n=f["np"], N=words.capital(f["np"])).strip()


def fact(rng, part, kinds=None):
    """One fact: key, value, tell, reply, ask, say."""
    make = rng.choices([k[0] for k in KINDS], [k[1] for k in KINDS])[0] if not kinds else rng.choice(kinds)
    return complete(rng, part, make(rng, part))

