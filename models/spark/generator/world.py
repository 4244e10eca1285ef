"""The small world a story happens in: who, where, and how they are spoken of.

A World is the mapping behind the story templates.  Plain slots hold fixed
text; `{H}` and `{F}` (the hero and the friend) are looked up anew each time
and alternate between a name and "the little fox", the way people write.
Slots that begin with a capital and end in `_` start a sentence.
"""

from . import words

PRONOUNS = {
    "m": {"he": "he", "him": "him", "his": "his", "himself": "himself"},
    "f": {"he": "she", "him": "her", "his": "her", "himself": "herself"},
}
SMALL = "little small young tiny".split()
NATURES = "brave clever kind curious shy cheerful gentle quiet playful lonely hungry sleepy proud funny careful busy".split()
FIXED_GENDER = dict(king="m", queen="f", prince="m", princess="f", witch="f", wizard="m", boy="m", girl="f",
                    grandmother="f", grandfather="m", rooster="m", hen="f", fisherman="m", postman="m", cow="f",
                    snowman="m", mermaid="f", cowboy="m", monk="m", knight="m", fairy="f")

HABITATS = {
    "land": dict(walk="walked", ran="ran", walking="walking", go="walk", come="came running",
                 homes=["in the forest", "near the river", "at the edge of the woods", "on a green hill", "in a quiet valley",
                        "behind an old farm", "under a big oak tree", "in a cozy burrow", "beside a small pond", "in a wide meadow"],
                 spots=["the old oak tree", "the tall grass", "the muddy pond", "the wooden bridge", "the mossy rocks",
                        "the blackberry bushes", "the hollow log", "the sunny meadow", "the dark cave", "the stone wall",
                        "the windy hill", "the little stream"]),
    "air": dict(walk="flew", ran="flew quickly", walking="flying", go="fly", come="came flying",
                homes=["in a tall pine tree", "near the river", "on the roof of an old barn", "at the edge of the woods",
                       "by the lake", "in a quiet garden", "beside a small pond", "in the forest"],
                spots=["the old oak tree", "the church tower", "the muddy pond", "the red barn", "the apple orchard",
                       "the tall grass", "the sunny meadow", "the windy hill", "the stone wall", "the little stream"]),
    "sea": dict(walk="swam", ran="swam quickly", walking="swimming", go="swim", come="came swimming",
                homes=["in the deep blue sea", "near a bright coral reef", "in a calm bay", "by a small island",
                       "in a warm lagoon", "under the waves"],
                spots=["the coral reef", "the old shipwreck", "the seaweed garden", "the sandy floor", "the dark sea cave",
                       "the big round rock", "the mouth of the bay", "the pile of shells"]),
    "town": dict(walk="walked", ran="ran", walking="walking", go="walk", come="came running",
                 homes=["in a small village", "in a busy town", "near the harbor", "in a house by the sea", "on a quiet street",
                        "in a little cottage", "at the foot of a mountain", "in a tall narrow house", "next to the old mill"],
                 spots=["the market", "the town square", "the old bridge", "the library", "the harbor", "the bakery", "the park",
                        "the apple orchard", "the train station", "the windy hill", "the school yard", "the mill"]),
}
TIMES = ["One morning", "One sunny morning", "One day", "One afternoon", "One cold day", "One bright day", "One windy day",
         "Early one morning", "On a warm summer day", "One rainy day", "One quiet afternoon", "On the first day of spring",
         "One autumn day", "One snowy morning"]
OPENINGS = ["Once upon a time, there was", "Once there was", "There once was", "Long ago, there was", "Once upon a time, there lived",
            "A long time ago, there lived", "Not so long ago, there was"]


def plain(topic: str) -> str:
    return topic.split("/")[0].replace("_", " ")


class Being:
    """Someone in the story: a kind ("fox"), perhaps a name, a gender and a nature."""

    def __init__(self, rng, kind, part, named=True, avoid=(), gender=None, back=False):
        self.kind = kind
        self.gender = gender or FIXED_GENDER.get(kind) or rng.choice("fm")
        self.size = rng.choice(SMALL)
        self.nature = rng.choice(NATURES)
        self.name = ""
        self.by_name = True                 # the introduction has just given the name
        while named and (not self.name or self.name in avoid):
            if rng.random() < 0.12:
                self.name = words.invented(rng, part)
            elif rng.random() < 0.25 and kind not in ("boy", "girl"):
                self.name = words.favored(rng, words.share(words.PETS, part), back)
            else:
                self.name = words.favored(rng, words.share(words.GIRLS if self.gender == "f" else words.BOYS, part), back)

    def mention(self, rng) -> str:
        """A name and "the fox" take turns, mostly: the topic stays present to the end,
        also when the likeliest word is taken each time."""
        use_name = self.name and rng.random() < (0.2 if self.by_name else 0.75)
        self.by_name = bool(use_name)
        if use_name:
            return self.name
        if rng.random() < 0.15:
            return f"the {self.size} {self.kind}"
        return f"the {self.kind}"

    def described(self, rng) -> str:
        return words.article(f"{rng.choice([self.size, self.nature])} {self.kind}")


class World(dict):
    def __init__(self, rng, part, hero, habitat, friend):
        super().__init__()
        self.rng, self.part, self.hero, self.friend = rng, part, hero, friend
        self.habitat = HABITATS[habitat]
        self.wet = habitat == "sea"
        self.lines, self.facts, self.preset = [], {}, {}
        for slot in ("walk", "ran", "walking", "go", "come"):
            self[slot] = self.habitat[slot]
        for slot, text in PRONOUNS[hero.gender].items():
            self[slot] = text
            self[words.capital(slot) + "_"] = words.capital(text)
        for slot, text in PRONOUNS[friend.gender].items():
            self["f" + slot] = text
            self["F" + slot + "_"] = words.capital(text)
        self["home"] = rng.choice(self.habitat["homes"])
        self["spot"], self["spot2"], self["spot3"] = rng.sample(self.habitat["spots"], 3)
        self["kind"], self["fkind"] = hero.kind, friend.kind
        self["akind"], self["afkind"] = hero.described(rng), friend.described(rng)
        self["hname"], self["fname"] = hero.name or "the " + hero.kind, friend.name or "the " + friend.kind
        self["time"] = rng.choice(TIMES)

    def __getitem__(self, slot):
        if slot == "H":
            return self.hero.mention(self.rng)
        if slot == "H_":
            return words.capital(self.hero.mention(self.rng))
        if slot == "F":
            return self.friend.mention(self.rng)
        if slot == "F_":
            return words.capital(self.friend.mention(self.rng))
        return super().__getitem__(slot)

    def fill(self, text):
        return text.format_map(self)

    def say(self, *variants, chance=1.0):
        """Add one of the variants; with a chance below 1, perhaps nothing."""
        if chance == 1.0 or self.rng.random() < chance:
            self.lines.append(self.fill(self.rng.choice(variants)))

    def part_ways(self):
        """A new paragraph."""
        if self.lines and self.lines[-1] != "\n\n":
            self.lines.append("\n\n")

    def choose(self, slot, options):
        """A slot's value: what was asked for, else one of the options."""
        self[slot] = self.preset.get(slot) or self.rng.choice(options)
        return dict.__getitem__(self, slot)

    def named(self, being, text):
        """Where a name fits: ` named Ruby`, or nothing for a nameless being."""
        return f"{text} {self.rng.choice(['named', 'named', 'called'])} {being.name}" if being.name else text

    def opening(self):
        rng = self.rng
        first = self.named(self.hero, self["akind"])
        style = rng.random()
        if style < 0.6:
            self.lines.append(f"{rng.choice(OPENINGS)} {first} who lived {self['home']}.".replace("there lived", "there was"))
        elif style < 0.8:
            self.lines.append(f"{words.capital(first)} lived {self['home']}.")
        else:
            self.lines.append(f"{rng.choice(OPENINGS)} {first}.")
            self.say("{H_} lived {home}.", "{He_} lived {home} and knew every corner of it.", "{His_} home was {home}.")

    def color(self):
        """Sometimes a detail that is not needed for the plot."""
        self.say("{He_} liked {food} and quiet evenings.", "{He_} had a warm heart and a good sense of humor.", "Every morning {he} greeted the sun with a song.",
                 "{He_} was known for {his} loud laugh.", "{He_} had many questions and not many answers.", "Some said that {H} was a dreamer.",
                 "{He_} knew everybody, and everybody knew {him}.", "{His_} days were calm and simple.", "{He_} was always the first to wake up.",
                 "On most days {he} was happy with very little.", "{He_} liked the smell of rain." if not self.wet else "{He_} liked the sound of the waves.",
                 "{He_} collected small things that others threw away.", "Life there was quiet, and {H} liked it that way.",
                 "{He_} was never without a plan.", "When it rained, {he} counted the drops." if not self.wet else "When the moon was full, {he} danced.", chance=0.3)

    def meet(self):
        """The friend, introduced: "a shy mouse named Pip"."""
        return self.named(self.friend, self["afkind"])

    def text(self):
        out = ""
        for line in self.lines:
            out += line if line == "\n\n" or not out or out.endswith("\n\n") else " " + line
        return out.strip()
