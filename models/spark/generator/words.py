"""Names and nouns that every kind of text draws from.

Some of the entries are kept out of training (`held`), so that validation
can ask about names and topics that were never seen together with a task.
"""

import re
import zlib

GIRLS = """Ada Alma Amy Anna Bea Bella Cara Clara Cora Daisy Dina Edith Ella Elsa Emma Esme Eva Fay Flora Freya Gina
Greta Hana Hazel Heidi Helen Holly Ida Ines Iris Isla Ivy Jane Jenny Joan Julia June Kate Kira Lara Lena Lila Lily Lina
Lola Lucy Luna Maya Mara Marta Mary Maud Mia Mila Mina Molly Nadia Nell Nina Nora Olive Olga Paula Pearl Petra Pia Polly
Poppy Rita Rosa Rose Ruby Ruth Sally Sara Selma Sofia Stella Susie Tess Thea Tilda Tina Uma Vera Viola Wanda Willa Yara
Yuki Zara Zelda Zoe Leila Amina Mei Priya Aisha Chika Dalia Ingrid Noor Rania Sunita Ling Fatima Carmen Lucia Astrid""".split()
BOYS = """Abe Adam Alan Alfie Andy Arlo Ben Bill Bruno Carl Charlie Colin Dan David Dean Dylan Eddie Eli Elmer Emil Eric
Ezra Felix Finn Frank Fred Gabe George Gus Hank Harry Henry Hugo Ian Igor Isaac Ivan Jack Jake James Jamie Jasper Jim Joe
John Jonah Jude Kai Karl Kurt Lars Leo Leon Levi Liam Louis Luca Luke Marco Mark Martin Matt Max Miles Milo Nathan Ned
Nico Noah Oliver Omar Oscar Otto Owen Paul Pedro Percy Peter Pip Ralph Ray Remy Rex Robin Roger Rory Sam Simon Stan Ted
Theo Tim Toby Tom Tony Victor Walt Will Winston Yan Zack Ravi Kofi Hiro Amir Chen Diego Hassan Jamal Kenji Mateo Nikhil
Rashid Santiago Tariq Wei Yusuf Bjorn Anders Dmitri""".split()
PETS = """Biscuit Pepper Button Clover Misty Pebble Pudding Rusty Scout Shadow Smoky Snowy Socks Spot Sunny Tiger Waffle
Whiskers Bubbles Cookie Dusty Fluffy Ginger Honey Jumper Lucky Maple Muffin Nutmeg Oreo Patch Peanut Pickle Rocket Sandy
Speedy Tinker Toffee Velvet Ziggy Acorn Bramble Cinnamon Dot Echo Fern Hopper Jingle Kiwi Mango Noodle Pumpkin Quill
Raisin Star Teddy Twig Willow Bean Copper""".split()

# topic: (word, plural, homes) - an animal's story happens at one of its homes
LAND = """fox/foxes dog/dogs cat/cats rabbit/rabbits bear/bears mouse/mice squirrel/squirrels hedgehog/hedgehogs wolf/wolves
deer/deer badger/badgers goat/goats sheep/sheep lamb/lambs cow/cows horse/horses pony/ponies donkey/donkeys pig/pigs
hamster/hamsters mole/moles raccoon/raccoons skunk/skunks beaver/beavers otter/otters moose/moose chipmunk/chipmunks
lion/lions tiger/tigers elephant/elephants giraffe/giraffes zebra/zebras monkey/monkeys gorilla/gorillas panda/pandas
koala/koalas kangaroo/kangaroos camel/camels cheetah/cheetahs leopard/leopards hippo/hippos rhino/rhinos sloth/sloths
lizard/lizards snake/snakes tortoise/tortoises turtle/turtles frog/frogs toad/toads kitten/kittens puppy/puppies
calf/calves bunny/bunnies hare/hares weasel/weasels llama/llamas alpaca/alpacas porcupine/porcupines armadillo/armadillos
lynx/lynxes jaguar/jaguars bison/bison buffalo/buffaloes gecko/geckos chameleon/chameleons meerkat/meerkats
snail/snails dragon/dragons unicorn/unicorns dinosaur/dinosaurs ant/ants beetle/beetles spider/spiders caterpillar/caterpillars""".split()
AIR = """bird/birds owl/owls crow/crows sparrow/sparrows robin/robins eagle/eagles parrot/parrots pigeon/pigeons duck/ducks
goose/geese swan/swans hen/hens rooster/roosters chick/chicks duckling/ducklings peacock/peacocks penguin/penguins
seagull/seagulls stork/storks woodpecker/woodpeckers bat/bats butterfly/butterflies bee/bees ladybug/ladybugs
dragonfly/dragonflies firefly/fireflies cricket/crickets moth/moths raven/ravens falcon/falcons heron/herons""".split()
SEA = """fish/fish whale/whales dolphin/dolphins seal/seals crab/crabs octopus/octopuses shark/sharks starfish/starfish
seahorse/seahorses lobster/lobsters walrus/walruses jellyfish/jellyfish goldfish/goldfish squid/squids""".split()
PEOPLE = """baker/bakers farmer/farmers pilot/pilots sailor/sailors king/kings queen/queens prince/princes princess/princesses
knight/knights wizard/wizards witch/witches teacher/teachers doctor/doctors nurse/nurses painter/painters singer/singers
gardener/gardeners fisherman/fishermen shepherd/shepherds carpenter/carpenters cook/cooks tailor/tailors miller/millers
clockmaker/clockmakers inventor/inventors explorer/explorers pirate/pirates captain/captains astronaut/astronauts
firefighter/firefighters librarian/librarians musician/musicians dancer/dancers robot/robots giant/giants fairy/fairies
elf/elves mermaid/mermaids clown/clowns postman/postmen shopkeeper/shopkeepers blacksmith/blacksmiths beekeeper/beekeepers
boy/boys girl/girls child/children grandmother/grandmothers grandfather/grandfathers snowman/snowmen ghost/ghosts
scientist/scientists detective/detectives writer/writers potter/potters weaver/weavers hunter/hunters builder/builders
driver/drivers cowboy/cowboys monk/monks toymaker/toymakers student/students judge/judges mayor/mayors alien/aliens""".split()
OBJECTS = """kite lamp boat clock bicycle drum violin ball balloon book lantern umbrella hat coat scarf teapot cup spoon
blanket pillow mirror key map compass bell candle broom basket box toy doll puzzle robot train car bus truck tractor wagon
sled ship plane rocket telescope camera pencil crayon brush guitar flute piano trumpet whistle shoe boot button needle
ladder hammer wheel chair table cupboard door window rug vase pot pan kettle cake cookie pie pumpkin apple pear carrot
potato seed flower rose sunflower tree leaf acorn stone pebble shell feather nest egg snowflake cloud star moon puppet
necklace ring crown coin letter postcard stamp suitcase backpack tent rope bucket shovel sandcastle fan radio phone
computer toaster oven fridge bathtub sock glove mitten sweater ribbon marble yo-yo spinning_top music_box teddy_bear
wooden_horse paper_boat paper_plane treasure_chest magic_wand flying_carpet hot_air_balloon snow_globe rocking_chair
watering_can wheelbarrow fishing_rod birdhouse scarecrow jar bottle bench swing seesaw slide raft canoe anchor net
quilt loaf_of_bread bowl_of_soup jam_jar honey_pot cuckoo_clock trampoline skateboard scooter""".replace("\n", " ").split()
PLACES = """forest garden lighthouse island castle farm village school library museum bakery market mountain cave river lake
beach desert jungle meadow park playground hill valley pond waterfall bridge tower mill barn harbor train_station zoo circus
theater toy_shop bookshop kitchen attic cellar treehouse cottage city town swamp orchard palace volcano moon_base
snowy_mountain old_house secret_garden quiet_street candy_shop flower_shop hospital airport fire_station tunnel maze""".replace("\n", " ").split()

# Objects that are eaten, and objects that stay where they are: they need plots of their own.
EATEN = set("cake,cookie,pie,pumpkin,apple,pear,carrot,potato,loaf of bread,bowl of soup".split(","))
WATCHED = set("cloud,star,moon,tree,flower,rose,sunflower,snowflake,leaf,seed,nest,bridge,fridge,oven,bathtub".split(","))

COLORS = "red blue green yellow orange purple pink brown black white gray silver golden".split()
FOODS = """apples pears plums cherries berries nuts bread cheese soup pancakes cookies honey cake pie carrots grapes
strawberries noodles rice potatoes tomatoes corn peas sandwiches waffles muffins popcorn oranges bananas mangoes pizza
pasta salad ice_cream chocolate porridge dumplings""".replace("_", " ").replace("ice cream", "ice_cream").split()
FOODS = [f.replace("_", " ") for f in FOODS]


def part_of(word: str) -> str:
    """The one part that uses this word: 8 % are held, 7 % valid, the rest is for training."""
    share = zlib.crc32(word.lower().encode()) % 100
    return "held" if share < 8 else "valid" if share < 15 else "train"


SHARED = {}


def share(words, part):
    """The names of one part, in their order."""
    key = (id(words), part)
    if key not in SHARED:
        SHARED[key] = (words, [w for w in words if part_of(w) == part])       # the list itself is kept, so its id stays its own
    return SHARED[key][1]


# Topics are few and people ask for them, so only these stay out of training.
HELD_TOPICS = set("""alpaca heron gorilla cricket squid alien weaver mayor mitten canoe scooter compass necklace
watering_can lantern yo-yo attic airport volcano otter moose zebra lizard ant sparrow walrus tailor librarian robot trumpet backpack bell map island theater pie tree""".split())


VALID_TOPICS = set("""llama falcon toad lobster potter clown astronaut mirror camera teapot suitcase sled drum library
harbor meadow tunnel badger camel sheep eagle crab pilot nurse pirate violin basket hat circus cake star""".split())


def topics(words, part):
    """Topics of one part; a list with none of its own lends all its training topics."""
    key = (id(words), part, "topics")
    if key not in SHARED:
        def place(w):
            w = w.split("/")[0]
            return "held" if w in HELD_TOPICS else "valid" if w in VALID_TOPICS else "train"
        SHARED[key] = (words, [w for w in words if place(w) == part] or [w for w in words if place(w) == "train"])
    return SHARED[key][1]


def article(phrase: str) -> str:
    """"an owl", "a unicorn", "an hour" - by sound, for the words used here."""
    first = phrase.lower()
    vowel = first[0] in "aeiou" and not first.startswith(("uni", "use", "eu", "one", "u-"))
    return ("an " if vowel or first.startswith(("hour", "honest")) else "a ") + phrase


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def listing(items) -> str:
    items = list(items)
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def favored(rng, names, back=False):
    """A choice that prefers some names, the last ones if `back`.

    If all names were equally likely, the likeliest name for a friend would be the
    hero's own, by mistake; with favorites of their own, the two stay apart.
    """
    place = min(int(rng.expovariate(1 / 18)), len(names) - 1) if rng.random() < 0.7 else rng.randrange(len(names))
    return names[-1 - place] if back else names[place]


ONSETS = "b bl br c ch cl d dr f fl g gl gr h j k kl l m n p pr qu r s sh sk sl st t th tr v w y z".split()
MIDDLES = "a e i o u ai ea ee ia io oo ou".split()
ENDS = ["", "", "n", "l", "r", "s", "m", "x", "th", "ck", "nd", "lla", "ra", "no", "ta", "ko", "vi", "rin", "dor", "sha"]


def invented(rng, part="train") -> str:
    """A name nobody has: teaches copying instead of remembering a list."""
    while True:
        name = "".join(rng.choice(ONSETS) + rng.choice(MIDDLES) for _ in range(rng.choice((1, 1, 2)))) + rng.choice(ENDS)
        if 3 <= len(name) <= 9 and part_of(name) == part and not RUDE.search(name):
            return name.capitalize()


def every_word():
    """All nouns and names above, as material for glued words."""
    nouns = [w.split("/")[0].replace("_", " ") for group in (LAND, AIR, SEA, PEOPLE, OBJECTS, PLACES) for w in group]
    return [w.lower() for entry in nouns + GIRLS + BOYS + PETS + FOODS + COLORS for w in entry.split() if len(w) > 2]


MATERIAL = every_word()
KNOWN = set(MATERIAL)
# Pieces that must not come together by chance.
RUDE = re.compile("fuc|fuk|shit|cunt|nigg|niga|rape|porn|dick|cock|slut|whor|bitch|puss|anus|penis|arse|tits|nazi|fag|cum|sex|piss|poop|hell|kill|suck|boob|turd|crap|damn|retard|spic|kike|twat|wank|jizz|dyke|homo|jew")
NO_START = ("u", "eu", "ewe", "ouija", "hei", "on", "hon", "hou", "her", "ing", "ss", "nn", "tt", "ll", "pp", "ck", "rr", "ff", "dd", "gg", "bb", "mm", "ng", "nt", "nd", "lt", "rt", "rs", "ns")


PLAIN = [w.split("/")[0] for group in (LAND, AIR, SEA, PEOPLE, OBJECTS) for w in group if "_" not in w]


def plain_word(rng, part="train"):
    """A noun of this part, in one word."""
    return rng.choice(share(PLAIN, part))


def glued(rng, part="train"):
    """A word nobody has seen, cut from pieces of known ones: "kangelma", "torbrist".

    Unlike `invented` its spelling has no system, so the only way to say it
    again is to copy it, piece by piece.
    """
    while True:
        out = ""
        for _ in range(rng.choice((1, 2, 2, 3))):
            word = rng.choice(MATERIAL)
            size = rng.randint(2, 5)
            start = rng.randint(0, max(0, len(word) - size))
            out += word[start: start + size]
        if 3 <= len(out) <= 11 and "-" not in out and part_of(out) == part and not out.startswith(NO_START) and out not in KNOWN and not RUDE.search(out) and any(c in "aeiouy" for c in out):
            return out


def new_name(rng, part="train"):
    return invented(rng, part) if rng.random() < 0.3 else glued(rng, part).capitalize()


def person(rng, part="train", new=0.45):
    """(name, gender) with gender "f" or "m"."""
    gender = rng.choice("fm")
    if rng.random() < new:
        return new_name(rng, part), gender
    return rng.choice(share(GIRLS if gender == "f" else BOYS, part)), gender
