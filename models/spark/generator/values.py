"""Values for JSON and tool calls: names, places, dates, numbers, codes.  Half of the words are new to everybody, so they must be copied."""

from . import parts, words

CITIES = """Paris London Berlin Rome Madrid Lisbon Oslo Vienna Prague Dublin Athens Cairo Tokyo Delhi Lima Boston Chicago Toronto Sydney Nairobi Lagos Moscow Warsaw Geneva Munich Hamburg Milan
Naples Porto Zurich Bergen Krakow Dakar Quito Seoul Kyoto Denver Austin Seattle Leeds York Bristol Lyon Nice""".split()
STREETS = "Oak Elm Mill River Station Garden Church Hill Park Lake Bridge School Market Harbor North South Forest Meadow Castle Rose Tower Green Sun Stone".split()
STREET_KINDS = "Street Road Lane Avenue Way Square".split()
DOMAINS = "example.com example.org mail.example post.example home.example work.example".split()
MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
GOODS = """lamp chair table kettle backpack notebook umbrella blanket bicycle helmet printer monitor keyboard camera speaker tent jacket scarf mug teapot clock mirror ladder drill hammer shovel bucket rug
pillow towel candle guitar violin drum puzzle kite ball racket scooter router cable charger battery phone tablet""".split()
ADJECTIVES = "red blue green black white small large wooden steel folding electric light heavy round soft warm quiet silver cotton glass".split()
TOPICS = """budget plan report garden website launch survey holiday contract recipe training review office roof garage library concert workshop market harvest festival picnic election school museum kitchen
bridge network backup release security design""".split()
COMPANY_ENDS = "Ltd,Works,Foods,Tools,Books,Systems,Travel,Media,Motors,Labs,Bakery,Garden,Shop,Group,Brothers".split(",")


def word(rng, part):
    """A lower-case word: half are new."""
    return words.glued(rng, part) if rng.random() < 0.6 else rng.choice(words.MATERIAL)


def first_name(rng, part):
    return words.person(rng, part, 0.5)[0]


def full_name(rng, part):
    first = first_name(rng, part)
    return first if rng.random() < 0.3 else f"{first} {words.new_name(rng, part) if rng.random() < 0.8 else words.person(rng, part, 0)[0]}"


def city(rng, part):
    return rng.choice(CITIES) if rng.random() < 0.5 else words.new_name(rng, part)


def street(rng, part):
    name = rng.choice(STREETS) if rng.random() < 0.5 else words.new_name(rng, part)
    return f"{rng.randint(1, 199)} {name} {rng.choice(STREET_KINDS)}"


def zip_code(rng, part):
    return str(rng.randint(10000, 99999))


def email(rng, part):
    first, second = word(rng, part), word(rng, part)
    name = rng.choice([f"{first}.{second}", first, f"{first}{rng.randint(1, 99)}", f"{first}_{second}"])
    return f"{name}@{rng.choice(DOMAINS) if rng.random() < 0.6 else words.glued(rng, part) + rng.choice(['.example', '.com', '.org', '.net'])}"


def phone(rng, part):
    return rng.choice(["555-{:04d}", "+44 555 {:04d}", "0555 {:04d}", "555 {:04d}"]).format(rng.randint(0, 9999))


def date(rng, part):
    year, month, day = rng.randint(2019, 2029), rng.randint(1, 12), rng.randint(1, 28)
    draw = rng.random()
    if draw < 0.5:
        return f"{year}-{month:02d}-{day:02d}"
    if draw < 0.7:
        return f"{day} {MONTHS[month - 1]} {year}"
    if draw < 0.85:
        return f"{MONTHS[month - 1]} {day}"
    return f"{day} {MONTHS[month - 1]}"


def clock(rng, part):
    return rng.choice([f"{rng.randint(0, 23):02d}:{rng.choice((0, 10, 15, 20, 30, 40, 45, 50)):02d}"] * 3 + [f"{rng.randint(1, 12)} {rng.choice(['am', 'pm'])}"])


def price(rng, part):
    whole = rng.choice([rng.randint(1, 20), rng.randint(1, 99), rng.randint(100, 999)])
    return whole if rng.random() < 0.4 else float(f"{whole}.{rng.choice((5, 95, 99, 49, 25, 75, 45, 15, 35))}")


def code(rng, part):
    letters = "".join(rng.choice("ABCDEFGHKLMNPRSTUVWXZ") for _ in range(rng.choice((1, 2, 2, 3))))
    return f"{letters}{rng.choice(['-', '', '-'])}{rng.randint(10, 99999)}"


def goods(rng, part):
    draw = rng.random()
    thing = rng.choice(GOODS)
    if draw < 0.4:
        return f"{rng.choice(ADJECTIVES)} {thing}"
    return thing if draw < 0.6 else f"{words.new_name(rng, part)} {thing}"


def item_list(rng, part):
    size = rng.choice((1, 2, 2, 3, 3, 4))
    pool = rng.choice([words.FOODS, GOODS, words.FOODS, None])
    if pool is None:
        return list(dict.fromkeys(word(rng, part) for _ in range(size)))
    return rng.sample(pool, size)


def title(rng, part):
    draw = rng.random()
    if draw < 0.4:
        return f"The {rng.choice(ADJECTIVES).capitalize()} {rng.choice(words.MATERIAL).capitalize()}"
    if draw < 0.7:
        return f"{words.new_name(rng, part)} and the {rng.choice(words.MATERIAL).capitalize()}"
    return " ".join(word(rng, part).capitalize() for _ in range(2))


def topic(rng, part):
    return rng.choice([f"{rng.choice(TOPICS)} {rng.choice(['meeting', 'talk', 'day', 'review', 'evening'])}", f"{words.new_name(rng, part)} {rng.choice(TOPICS)}", rng.choice(TOPICS)])


def company(rng, part):
    return f"{words.new_name(rng, part)} {rng.choice(COMPANY_ENDS)}" if rng.random() < 0.8 else words.new_name(rng, part)


def whole(low, high):
    return lambda rng, part: rng.randint(low, high)


def of(items):
    return lambda rng, part: rng.choice(items)


def wording(rng, part, *pieces):
    """A composed wording: one of each piece, drawn again until the whole belongs to the part."""
    while True:
        text = "".join(rng.choice(piece) if not isinstance(piece, str) else piece for piece in pieces)
        if parts.hashed(text) == part:
            return text
