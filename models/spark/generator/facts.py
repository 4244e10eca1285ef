"""A little common knowledge: opposites, sounds, colors, days."""

from . import words
from .wording import Wording, casual

OPPOSITES = """big/small hot/cold good/bad fast/slow old/young new/old tall/short long/short happy/sad light/dark day/night up/down left/right open/closed full/empty hard/soft loud/quiet strong/weak
rich/poor early/late clean/dirty wet/dry heavy/light thick/thin wide/narrow near/far high/low first/last black/white yes/no inside/outside begin/end win/lose push/pull give/take love/hate sweet/sour
brave/afraid kind/mean easy/difficult deep/shallow true/false cheap/expensive sharp/dull smooth/rough warm/cool summer/winter buy/sell laugh/cry front/back""".split()
SOUNDS = """dog/barks/woof cat/meows/meow cow/moos/moo sheep/bleats/baa pig/grunts/oink duck/quacks/quack horse/neighs/neigh lion/roars/roar frog/croaks/croak owl/hoots/hoo rooster/crows/cock-a-doodle-doo
bee/buzzes/buzz snake/hisses/hiss mouse/squeaks/squeak wolf/howls/howl hen/clucks/cluck crow/caws/caw bird/sings/tweet goat/bleats/meh bear/growls/growl""".split()
BABIES = """dog/puppy cat/kitten cow/calf sheep/lamb horse/foal duck/duckling hen/chick bear/cub lion/cub fox/cub frog/tadpole goat/kid pig/piglet swan/cygnet deer/fawn owl/owlet kangaroo/joey goose/gosling""".split()
COLORED = """grass/green snow/white coal/black blood/red a_lemon/yellow a_banana/yellow an_orange/orange a_carrot/orange a_tomato/red a_frog/green milk/white the_night/dark the_sun/yellow chocolate/brown an_elephant/gray the_sky/blue a_flamingo/pink a_cherry/red""".split()
LEGS = "dog/4 cat/4 cow/4 horse/4 bird/2 hen/2 duck/2 spider/8 ant/6 bee/6 beetle/6 fish/no snake/no fox/4 frog/4 octopus/no person/2 rabbit/4 lion/4 worm/no".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
EATS = """rabbit/grass_and_carrots cow/grass horse/grass_and_hay cat/mice_and_fish fox/mice_and_berries bear/berries,_fish_and_honey squirrel/nuts panda/bamboo monkey/fruit owl/mice lion/meat sheep/grass bee/nectar_from_flowers
mouse/seeds_and_grain giraffe/leaves elephant/grass_and_leaves koala/leaves duck/plants_and_small_insects frog/insects dog/meat_and_other_food goat/grass_and_leaves""".split()
HOMES = "fox/den bee/hive bird/nest rabbit/burrow dog/kennel horse/stable spider/web bear/cave fish/water cow/barn ant/anthill pig/sty".split()


CLASSES = """fox/animal owl/bird rose/flower apple/fruit carrot/vegetable Monday/day June/month red/color hammer/tool piano/instrument chess/game football/sport car/vehicle hat/garment table/piece_of_furniture oak/tree salmon/fish
bee/insect tulip/flower pear/fruit potato/vegetable blue/color violin/instrument ship/vehicle coat/garment chair/piece_of_furniture eagle/bird ant/insect tennis/sport flute/instrument horse/animal""".replace("\n", " ").split()
USES = """key/open_a_door knife/cut_bread pen/write umbrella/stay_dry_in_the_rain clock/tell_the_time broom/sweep_the_floor oven/bake lamp/make_light needle/sew spoon/eat_soup bed/sleep boat/cross_the_water ladder/climb_up
scissors/cut_paper hammer/drive_in_nails cup/drink camera/take_photos map/find_the_way brush/paint shovel/dig soap/wash telescope/look_at_the_stars""".replace("\n", " ").split()
MADE = "bread/flour cheese/milk butter/milk wine/grapes honey/nectar glass/sand paper/wood candles/wax wool/sheep's_hair chocolate/cocoa_beans juice/fruit ice/water omelets/eggs".split()
PLURALS = "mouse/mice child/children foot/feet tooth/teeth goose/geese man/men woman/women fox/foxes leaf/leaves knife/knives city/cities baby/babies box/boxes wolf/wolves sheep/sheep fish/fish bus/buses cherry/cherries potato/potatoes dog/dogs cat/cats house/houses".split()
PAST = "go/went see/saw eat/ate run/ran come/came take/took give/gave write/wrote sing/sang swim/swam fly/flew find/found make/made think/thought bring/brought buy/bought speak/spoke sleep/slept break/broke walk/walked play/played help/helped".split()
COUNTS = "days in a week/seven,months in a year/twelve,hours in a day/twenty-four,minutes in an hour/sixty,seconds in a minute/sixty,seasons in a year/four,fingers on a hand/five,wheels on a bicycle/two,wheels on a car/four,sides in a triangle/three,corners in a square/four,eggs in a dozen/twelve,days in June/thirty,days in January/thirty-one,letters in the alphabet/twenty-six,legs on a spider/eight,players in a duet/two".split(",")

DO_YOU = "(Do you know|Can you tell me|Could you tell me|Tell me|Please tell me|I wonder|I want to know|Say)"
OPPOSITE = Wording("!What is the opposite of {a}?", "!opposite of {a}", "(Tell me|Give me|Name|Say|Find|I need) the opposite of (the word |){a}(.|, please.)", "(What|Which word) is the (opposite|contrary|reverse) (of|to) (the word |){a}?", DO_YOU + " the (opposite|contrary) of {a}(?|.)", "(Which|What) word (means|says) the opposite of {a}?", "If something is not {a}, what is its opposite?")
SOUND = Wording("!What sound does {a} make?", "!What does {a} say?", "(Which|What) (sound|noise|call) (does {a} make|comes from {a}|do you hear from {a})?", "How does {a} (sound|speak|call)?", DO_YOU + " (what sound|which noise) {a} makes(?|.)", "(Make|Imitate|Write) the sound of {a}.")
BABY = Wording("!What is a baby {a} called?", "(How|What) do (you|we|people) call (a baby|a young|the young of a|the child of a) {a}?", "(What|Which) is the (name|word) for a (baby|young) {a}?", DO_YOU + " (what a baby {a} is called|the name of a baby {a})(?|.)", "The (baby|young) of a {a} is called what?")
COLOR = Wording("!What color is {a}?", "(Which|What) color (does {a} have|is {a}|has {a})( usually| mostly|)?", DO_YOU + " (which|what) color {a} (is|has)(?|.)", "(Name|Tell me|Give me|Say) the color of {a}.", "What is the color of {a}?")
LEG = Wording("!How many legs does {a} have?", "(How many|What number of) legs (does {a} have|are there on {a}|has {a} got)?", DO_YOU + " how many legs {a} has(?|.)", "(Count|Tell me) the legs of {a}.", "On how many legs does {a} (walk|stand)?")
NEXT = {(u, d): Wording(f"!What {u} comes {d} {{a}}?", f"(Which|What) {u} (comes|is|stands) (right |directly |just |){d} {{a}}?", DO_YOU + f" (which|what) {u} (comes|is) {d} {{a}}(?|.)", f"(Name|Give me|Say|Tell me) the {u} {d} {{a}}.", f"{d.capitalize()} {{a}} comes which {u}?", f"What is the {'next' if d == 'after' else 'previous'} {u} {d} {{a}}?") for u in ("day", "month", "number") for d in ("after", "before")}
FOOD = Wording("!What does {a} eat?", "(What|Which food) (does {a} (eat|like to eat|feed on|live on)|is eaten by {a})( mostly| usually|)?", DO_YOU + " what {a} (eats|likes to eat|feeds on)(?|.)", "What (do you|can I|should I) (feed|give) {a} to eat?", "What is the food of {a}?")
HOME = Wording("!Where does {a} live?", "(Where|In what place|In what home) does {a} (live|sleep|stay|have its home)?", DO_YOU + " where {a} (lives|sleeps|has its home)(?|.)", "What is the home of {a} called?", "What do we call the home of {a}?")
CLASS = Wording("!What is {a}?", "(What kind of thing|What sort of thing|What) is {a}?", DO_YOU + " what {a} is(?|.)", "(Explain|Describe) in one word what {a} is.", "To what group does {a} belong?")
IS_IT = Wording("!Is {a} {b}?", "(Would you say|Is it right|Is it true|Do you agree) that {a} is {b}?", "(Tell me|Say|I wonder) if {a} is {b}(.|, please.)")
USE = Wording("!What is {a} for?", "What (do people|do we|do you|can I|would you) use {a} for?", "What (can|do) (you|I|we|people) do with {a}?", DO_YOU + " what {a} is (good |used |)for(?|.)", "Why do (people|we|you) (need|have|use) {a}?")
MAKE = Wording("!What do you need to make {a}?", "(From|Out of) what do they make {a}?", DO_YOU + " what they make {a} (of|from)(?|.)", "What do (people|we|you) need to make {a}?", "What is used to make {a}?")
PLURAL = Wording("!What is the plural of {a}?", "(Tell me|Give me|Name|Say|Write) the plural of (the word |){a}(.|, please.)", DO_YOU + " the plural of {a}(?|.)", "(How do you|How do I|How do we) say more than one {a}?", "One {a}, two what?", "What is the plural form of (the word |){a}?")
PASTS = Wording("!What is the past tense of {a}?", "(Tell me|Give me|Name|Say|Write) the past tense of (the verb |the word |){a}(.|, please.)", DO_YOU + " the past tense of {a}(?|.)", "(How do you|How do I|How do we) (say|write) {a} in the past?", "Today I {a}. What did I do yesterday, in one word?", "What is the past form of (the verb |){a}?")
HOW_MANY = Wording("!How many {a}?", "(How many|What is the number of) {a}( are there|)?", DO_YOU + " how many {a}( there are|)(?|.)", "(Give me|Tell me|Say|Name) the number of {a}.")


def ticked(entry):
    return entry.replace("_", " ").split("/")


def after(rng, part, names, unit):
    i = rng.randrange(len(names))
    way = "after" if rng.random() < 0.6 else "before"
    other = names[(i + 1) % len(names)] if way == "after" else names[i - 1]
    return NEXT[unit, way].pick(rng, part).format(a=names[i]), f"{way.capitalize()} {names[i]} comes {other}."


def turn(rng, part):
    kind = rng.randrange(17)
    if kind == 0:
        a, b = rng.choice(OPPOSITES).split("/")
        if rng.random() < 0.3 and b not in ("short", "old", "light"):
            a, b = b, a
        return OPPOSITE.pick(rng, part).format(a=a), f"The opposite of {a} is {b}."
    if kind == 1:
        animal, verb, sound = rng.choice(SOUNDS).split("/")
        the = words.article(animal)
        return SOUND.pick(rng, part).format(a=the), f"{words.capital(the)} {verb}: {sound}!"
    if kind == 2:
        animal, baby = rng.choice(BABIES).split("/")
        return BABY.pick(rng, part).format(a=animal).replace("a ow", "an ow"), f"A baby {animal} is called {words.article(baby)}."
    if kind == 3:
        thing, color = ticked(rng.choice(COLORED))
        return COLOR.pick(rng, part).format(a=thing), f"{words.capital(thing)} is {color}."
    if kind == 4:
        animal, legs = rng.choice(LEGS).split("/")
        the = words.article(animal)
        return LEG.pick(rng, part).format(a=the), f"{words.capital(the)} has {legs} legs."
    if kind == 5:
        return after(rng, part, DAYS, "day")
    if kind == 6:
        return after(rng, part, MONTHS, "month")
    if kind == 7:
        animal, food = ticked(rng.choice(EATS))
        the = words.article(animal)
        return FOOD.pick(rng, part).format(a=the), f"{words.capital(the)} eats {food}."
    if kind == 8:
        animal, home = rng.choice(HOMES).split("/")
        the = words.article(animal)
        return HOME.pick(rng, part).format(a=the), f"{words.capital(the)} lives in {'the water' if home == 'water' else words.article(home)}."
    if kind == 9:
        n = rng.randint(1, 99)
        way = rng.choice(["after", "before"])
        return NEXT["number", way].pick(rng, part).format(a=n), f"{way.capitalize()} {n} comes {n + 1 if way == 'after' else n - 1}."
    if kind == 10:
        thing, group = ticked(rng.choice(CLASSES))
        name = thing if thing[0].isupper() or group == "color" or group in ("game", "sport") else words.article(thing)
        if rng.random() < 0.5:
            return CLASS.pick(rng, part).format(a=name), f"{words.capital(name)} is {words.article(group)}."
        other = ticked(rng.choice(CLASSES))[1]
        yes = other == group or (group in ("bird", "fish", "insect") and other == "animal")
        return IS_IT.pick(rng, part).format(a=name, b=words.article(other)), f"Yes, {name} is {words.article(other)}." if yes else f"No, {name} is not {words.article(other)}. It is {words.article(group)}."
    if kind == 11:
        thing, use = ticked(rng.choice(USES))
        name = thing if thing in ("scissors", "soap") else words.article(thing)
        return USE.pick(rng, part).format(a=name), f"You use {name} to {use}."
    if kind == 12:
        thing, of = ticked(rng.choice(MADE))
        return MAKE.pick(rng, part).format(a=thing), f"{words.capital(thing)} {'are' if thing in ('candles', 'omelets') else 'is'} made from {of}."
    if kind == 13:
        one, many = rng.choice(PLURALS).split("/")
        return PLURAL.pick(rng, part).format(a=one), f"The plural of {one} is {many}."
    if kind == 14:
        now, then = rng.choice(PAST).split("/")
        return PASTS.pick(rng, part).format(a=now), f"The past tense of {now} is {then}."
    if kind == 15:
        what, n = rng.choice(COUNTS).split("/")
        return HOW_MANY.pick(rng, part).format(a=what), f"There are {n} {what}."
    return relation(rng, part)


def relation(rng, part):
    """A tiny world told and asked in one message."""
    a, b, c = (words.person(rng, part)[0] for _ in range(3))
    while len({a, b, c}) < 3:
        a, b, c = (words.person(rng, part)[0] for _ in range(3))
    more, less, most, least = rng.choice([("taller", "shorter", "tallest", "shortest"), ("older", "younger", "oldest", "youngest"), ("faster", "slower", "fastest", "slowest"), ("stronger", "weaker", "strongest", "weakest")])
    if rng.random() < 0.5:
        up = rng.random() < 0.5
        return TWO.pick(rng, part).format(a=a, b=b, m=more, w=more if up else less), f"{a if up else b} is {more if up else less}."
    first, second = (f"{a} is {more} than {b}.", f"{b} is {more} than {c}.")
    told = f"{first} {second}" if rng.random() < 0.6 else f"{second} {first}"
    up = rng.random() < 0.5
    return THREE.pick(rng, part).format(s=told, w=most if up else least), f"{a if up else c} is the {most if up else least}."


TWO = Wording("!{a} is {m} than {b}. Who is {w}?", "(We know that|Suppose|I know that|Let us say that|I heard that) {a} is {m} than {b}. (Who is {w}?|Which of them is {w}?|Who of the two is {w}?|Tell me who is {w}.)", "{a} is {m} than {b}. (Which one is {w}?|So who is {w}?|Name the one who is {w}.|Who is the {w} one?)")
THREE = Wording("!{s} Who is the {w}?", "{s} (Which of them is the {w}?|Who of the three is the {w}?|Tell me who is the {w}.|So who is the {w}?|Name the {w}.|Which one is the {w}?)", "(Listen:|Three people:|A puzzle:|We know this:) {s} Who is the {w}?")


def make(rng, part):
    messages = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        text, reply = turn(rng, part)
        messages += [("user", casual(rng, text) if part == "train" else text), ("assistant", reply)]
    return messages
