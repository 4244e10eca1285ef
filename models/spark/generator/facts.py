"""A little common knowledge: opposites, sounds, colors, days."""

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


def after(rng, names, unit):
    i = rng.randrange(len(names))
    if rng.random() < 0.6:
        return rng.choice([f"What {unit} comes after {names[i]}?", f"Which {unit} comes after {names[i]}?"]), f"After {names[i]} comes {names[(i + 1) % len(names)]}."
    return rng.choice([f"What {unit} comes before {names[i]}?", f"Which {unit} is before {names[i]}?"]), f"Before {names[i]} comes {names[i - 1]}."


def turn(rng, part):
    kind = rng.randrange(9)
    if kind == 0:
        a, b = rng.choice(OPPOSITES).split("/")
        if rng.random() < 0.3 and b not in ("short", "old", "light"):
            a, b = b, a
        return rng.choice([f"What is the opposite of {a}?", f"opposite of {a}", f"Tell me the opposite of {a}.", f"What is the opposite of the word {a}?"]), f"The opposite of {a} is {b}."
    if kind == 1:
        animal, verb, sound = rng.choice(SOUNDS).split("/")
        the = "An" if animal[0] in "aeiou" else "A"
        return rng.choice([f"What sound does {the.lower()} {animal} make?", f"What does {the.lower()} {animal} say?"]), f"{the} {animal} {verb}: {sound}!"
    if kind == 2:
        animal, baby = rng.choice(BABIES).split("/")
        return rng.choice([f"What is a baby {animal} called?", f"How do you call a baby {animal}?"]), f"A baby {animal} is called a {baby}.".replace("a ow", "an ow")
    if kind == 3:
        thing, color = rng.choice(COLORED).replace("_", " ").split("/")
        return rng.choice([f"What color is {thing}?", f"Which color does {thing} have?"]), f"{thing[0].upper() + thing[1:]} is {color}."
    if kind == 4:
        animal, legs = rng.choice(LEGS).split("/")
        the = "an" if animal[0] in "aeiou" else "a"
        return f"How many legs does {the} {animal} have?", f"{the.capitalize()} {animal} has {legs} legs."
    if kind == 5:
        return after(rng, DAYS, "day")
    if kind == 6:
        return after(rng, MONTHS, "month")
    if kind == 7:
        animal, food = rng.choice(EATS).replace("_", " ").split("/")
        the = "an" if animal[0] in "aeiou" else "a"
        return f"What does {the} {animal} eat?", f"{the.capitalize()} {animal} eats {food}."
    animal, home = rng.choice(HOMES).split("/")
    the = "an" if animal[0] in "aeiou" else "a"
    if home == "water":
        return f"Where does {the} {animal} live?", f"{the.capitalize()} {animal} lives in the water."
    return f"Where does {the} {animal} live?", f"{the.capitalize()} {animal} lives in {'an' if home[0] in 'aeiou' else 'a'} {home}."


def make(rng, part):
    messages = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        text, reply = turn(rng, part)
        messages += [("user", text), ("assistant", reply)]
    return messages
