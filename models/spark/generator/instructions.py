"""Doing exactly what was asked: lists, counts, upper case, beginnings and endings.

`turn` returns (question, answer, check); the check is the one of the suite.
"""

from . import instructions_grammar as grown
from . import words
from .grammar import normal, others
from .wording import Wording, casual

CATEGORIES = {
    "animals": [w.split("/")[0] for w in words.LAND], "birds": "owl crow sparrow robin eagle parrot pigeon duck goose swan hen stork raven falcon heron".split(), "colors": words.COLORS,
    "fruits": "apple pear plum cherry grape banana mango orange peach melon lemon fig kiwi".split(), "vegetables": "carrot potato tomato onion pea bean corn cabbage leek pumpkin beet radish".split(),
    "foods": words.FOODS, "names": [n for n in words.GIRLS + words.BOYS if words.part_of(n) == "train"], "days": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),
    "months": "January February March April May June July August September October November December".split(), "jobs": "teacher baker nurse doctor farmer pilot painter driver cook gardener writer singer sailor dentist tailor".split(),
    "toys": "ball doll kite puzzle drum train robot balloon yo-yo teddy blocks marbles".split(), "tools": "hammer saw shovel broom brush ladder rope needle wheel bucket knife rake".split(), "sports": "football tennis hockey golf rowing boxing judo swimming running skating".split(),
    "sea animals": "fish whale dolphin seal crab octopus shark starfish lobster walrus squid".split(), "flowers": "rose tulip lily daisy violet poppy orchid sunflower iris".split(), "things in a kitchen": "pot pan spoon cup kettle oven bowl plate knife fork".split(),
    "vehicles": "car bus truck train tractor boat ship plane bicycle wagon sled".split(), "clothes": "hat coat scarf shoe boot sock glove mitten sweater shirt dress".split(), "numbers": [str(n) for n in range(1, 60)],
}
NUMBERS = "zero one two three four five six seven eight nine ten".split()
FORMS = {
    "bullets": ["as a bulleted list", "as bullet points", "with bullets", "as a list with dashes", "each with a dash in front", "in a bullet list", "as dashes", "as a list of bullets", "with a dash before each"],
    "numbered": ["as a numbered list", "with numbers", "numbered", "as a list with numbers in front", "each with its number", "in a numbered list", "as an enumerated list", "with a number before each"],
    "comma": ["separated by commas", "in one line with commas", "with commas between them", "as a comma-separated list", "on a single line, separated by commas", "comma-separated", "with a comma between each"],
}
FORM_WORDING = {form: Wording("!" + texts[0], "!" + texts[1], "(" + "|".join(texts[2:]) + ")") for form, texts in FORMS.items()}
LIST = Wording("!List {n} {c} {f}.", "!Name {n} {c} {f}.", "(Please |)(list|name|write|give me|write down|tell me|show me|mention|enumerate|provide|pick|think of) {n} {c}(,|) {f}(.|, please.)", "(Can|Could|Would) you (please |)(list|name|write|give me|write down|tell me|show) {n} {c}(,|) {f}?",
               "(I need|I want|I would like|We need) {n} {c}(,|) {f}(.|, please.)", "(What are|Which are) {n} {c}? (Answer|Write them|List them|Give them|Reply) {f}.", "(Exactly|Just|Only) {n} {c}(,|) {f}(.|, please.)", "(A list of|An answer with) {n} {c}(,|) {f}.", "{f}(:|, please:) {n} {c}.")
GIVEN = Wording("!Write these {f}: {x}", "!Make a list of {x} {f}.", "(Please |)(write|put|format|arrange|show|rewrite|list|give back|print|turn) (these|these words|the following|the following words|these items|this|my words) {f}(:| -) {x}(.|)", "(Here are|I have|My items are|The words are|Take|These are) {x}. (Write|Put|Show|Format|List|Rewrite|Give me) them {f}(.|, please.)",
                "(Can|Could) you (write|list|format|show|put) (these|the words) {f}: {x}?", "(Items|Words|My list|Shopping list|Things): {x}. (Answer|Write them|List them|Show them|Format them) {f}.")
UPPER = ["in capital letters", "in upper case", "in all caps", "in uppercase", "using only capital letters", "with all letters big"]
LOWER = ["in small letters", "in lower case", "in lowercase", "using only small letters", "without capital letters"]
CASED = {"upper": Wording("!" + UPPER[0], "!" + UPPER[1], "(" + "|".join(UPPER[2:]) + ")"), "lower": Wording("!" + LOWER[0], "!" + LOWER[1], "(" + "|".join(LOWER[2:]) + ")")}
AND = ["{t} Write it {c}.", "{t} Use {c2} only.", "{t} Please answer {c}.", "{t} Everything {c}.", "{t} And write {c}, please.", "{t} Do it {c}.", "{t} Answer {c}."]
CASE_THIS = Wording("!Write this {c}: {x}", "(Please |)(write|put|repeat|say|type|print|give me|show|rewrite|turn|convert|copy) (this|the following|these words|this text|my text|this line) {c}(:| -) {x}", "(Can|Could|Would) you (write|put|repeat|type|rewrite|convert) (this|the words) {c}: {x}?", "(The text is|My text|Here is a text|The words are|Text): {x}. (Write|Repeat|Type|Give) it {c}(.|, please.)")
REVERSE = Wording("!Reverse the order of these words: {x}", "(Please |)(reverse|turn around|flip|invert) (the order of |)(these words|the words|this list|the following words|my words)(:| -) {x}", "(Write|Say|Repeat|Give me|List|Put|Read) (these words|the words|the following words|this) (backwards|in reverse order|in reversed order|from last to first|starting with the last one|the other way around)(:| -) {x}",
                  "(Can|Could) you (write|say|repeat|list) (these words|the words) (in reverse order|from last to first|backwards): {x}?", "(Words|The words are|Here are words): {x}. (Write|Say|Repeat|List) them (in reverse order|from last to first|backwards).")
REPEAT = Wording("!Write the word {w} {k} times.", "!Repeat {w} {k} times.", "(Please |)(say|write|repeat|type|print|give me|echo|output) (the word |){w} {k} times(.|, please.| in a row.| after each other.)", "(Can|Could|Would) you (say|write|repeat|type|print) (the word |){w} {k} times?", "{k} times (the word |){w}(, please|).", "(I want to see|I need|I would like) (the word |){w} {k} times.")
LETTER = {"first": Wording("!What is the first letter of {w}?", "(Which|What) letter does {w} (start|begin) with?", "(Give me|Tell me|Say|Name|Write) (only |just |)the first letter of (the word |){w}.", "(First letter of|First letter in) {w}?", "With (which|what) letter does (the word |){w} (start|begin)?"),
          "last": Wording("!What is the last letter of {w}?", "(Which|What) letter does {w} (end|finish) with?", "(Give me|Tell me|Say|Name|Write) (only |just |)the last letter of (the word |){w}.", "(Last letter of|Last letter in) {w}?", "With (which|what) letter does (the word |){w} (end|finish)?")}
SPELL = Wording("!Spell {w}.", "(Please |)(spell|spell out) (the word |){w}(.|, please.| with dashes.| letter by letter.)", "(How do you|How do I|Can you|Could you) spell (the word |){w}?", "(Write|Give me|Say) {w} (letter by letter|one letter at a time)(.| with dashes.)")
COUNT = Wording("!How many words are here: {x}", "(How many|Count the|Tell me how many) words( are|)( in this|)(:| -) {x}", "(How many words|What number of words) (does this have|do you see|did I write|are in this line)(:|?) {x}")
WRAP = {"quotes": (Wording("!Put {x} in quotes.", "(Please |)(put|write|set|enclose) {x} (in|into|inside) (quotes|quotation marks|double quotes)(.|, please.)", "(Can|Could) you (put|write) {x} in (quotes|quotation marks)?", "(Write|Say) {x} with quotes around it."), '"{x}"'),
        "brackets": (Wording("!Put {x} in brackets.", "(Please |)(put|write|set|enclose) {x} (in|into|inside) (brackets|square brackets)(.|, please.)", "(Can|Could) you (put|write) {x} in (square |)brackets?", "(Write|Say) {x} with brackets around it."), "[{x}]"),
        "parentheses": (Wording("!Put {x} in parentheses.", "(Please |)(put|write|set|enclose) {x} (in|into|inside) (parentheses|round brackets)(.|, please.)", "(Can|Could) you (put|write) {x} in parentheses?", "(Write|Say) {x} with parentheses around it."), "({x})"),
        "stars": (Wording("!Put stars around {x}.", "(Please |)(put|write|set) stars (around|on both sides of) {x}(.|, please.)", "(Can|Could) you put stars around {x}?", "(Write|Say) {x} with a star on each side."), "*{x}*")}
JOIN = {"-": Wording("!Join these words with dashes: {x}", "(Please |)(join|connect|link|combine|put together) (these words|the words|this|the following) with (dashes|hyphens|a dash between them)(:| -) {x}", "(Write|Say) {x} with dashes (between|instead of spaces)."),
        "_": Wording("!Join these words with underscores: {x}", "(Please |)(join|connect|link|combine) (these words|the words|this|the following) with (underscores|an underscore between them)(:| -) {x}", "(Write|Say) {x} with underscores (between|instead of spaces)."),
        ", ": Wording("!Put commas between these words: {x}", "(Please |)(separate|split|join) (these words|the words|this|the following) (with|by) commas(:| -) {x}", "(Write|Say) {x} with commas (between|instead of spaces)."),
        "; ": Wording("!Separate these words with semicolons: {x}", "(Please |)(separate|split|join) (these words|the words|this|the following) (with|by) semicolons(:| -) {x}", "(Write|Say) {x} with semicolons between.")}
TOPIC = Wording("!Write {q} about {a}.", "(Please |)(write|say|give me|tell me|make|compose|create|invent|form) {q} about {a}(.|, please.)", "(Can|Could|Would) you (please |)(write|say|give me|make|form) {q} about {a}?", "(I need|I want|I would like|We need) {q} about {a}(.|, please.)", "(Say something|Write something|Tell me something) about {a} in {q}(.|, please.)", "(About|On the topic of) {a}: {q}(, please|).", "{Q} about {a}(, please|).")
SENTENCES = ["exactly {n} sentence", "{n} sentence", "just {n} sentence", "only {n} sentence", "{n} short sentence", "no more and no less than {n} sentence", "precisely {n} sentence"]
WORDS_OF = ["a sentence of exactly {n} words", "a sentence with {n} words", "a sentence of {n} words", "exactly {n} words", "{n} words", "a sentence that has {n} words", "a {n}-word sentence", "one sentence of {n} words"]
STARTS = Wording("!Begin with \"{s}\".", "!Start with \"{s}\".", "(Begin|Start|Open) (your answer |the answer |it |the text |)with (the words |the phrase |)\"{s}\"(.|, please.)", "(Your answer|The answer|It|The text) (must|should|has to) (begin|start|open) with \"{s}\".", "The first words (must be|should be|are) \"{s}\".")
ENDS = Wording("!End with \"{s}\".", "(End|Finish|Close) (your answer |the answer |it |the text |)with (the words |the phrase |)\"{s}\"(.|, please.)", "(Your answer|The answer|It|The text) (must|should|has to) (end|finish|close) with \"{s}\".", "The last words (must be|should be|are) \"{s}\".")
USE = Wording("!Use the word {w}.", "(Use|Include|Mention|Put in) the word {w}(.|, please.| somewhere.)", "(It|The text|Your answer) (must|should|has to) (contain|include|have) the word {w}.", "(Do not forget|Make sure to use|Make use of) the word {w}.")
YES_NO = Wording("!Answer only yes or no: {q}", "(Please |)(answer|reply|respond) (only |just |)(with |)yes or no(:| -) {q}", "{q} (Answer|Reply|Respond) (only |)(with |)yes or no(.|, please.)", "(Yes or no|Only yes or no|One word, yes or no)(:|?) {q}")
PHRASES = ["Well,", "Of course,", "In my view,", "As you know,", "To be short,", "Listen:", "My friend,", "Here we go:", "Sure:", "Once,", "Look,", "Dear reader,", "Today,", "Honestly,", "Let me see:", "Good news:"]
CLOSINGS = ["The end.", "That is all.", "Thank you.", "Good night!", "I am done.", "See you soon.", "Over and out.", "What a day!", "Is that enough?", "Have fun!", "That was it.", "Bye now."]
# sentences by their number of words; {t} is one word
SAID = {
    3: ["The {t} waits.", "I like {t}.", "The {t} stays.", "We love {t}.", "One {t} remains.", "This {t} works.", "A {t} appears."],
    4: ["The {t} is new.", "I see the {t}.", "My {t} is here.", "We need the {t}.", "The {t} looks nice.", "Everybody likes the {t}.", "Here is the {t}."],
    5: ["The {t} is very old.", "I have seen the {t}.", "My friend likes the {t}.", "The {t} is not here.", "We looked for the {t}.", "The {t} makes me smile.", "Nobody forgets the {t} here."],
    6: ["The {t} is near the river.", "Every day I see the {t}.", "We will find the {t} soon.", "The {t} was big and quiet.", "My sister talks about the {t}.", "In spring the {t} looks best."],
    7: ["The {t} is the best of all.", "I think about the {t} every day.", "We saw the {t} on the hill.", "The {t} was there before the rain.", "Last night the {t} was under the tree.", "All my friends know about the {t}."],
    8: ["The {t} is older than the house itself.", "I told my mother about the old {t}.", "In the morning we went to the {t}.", "The {t} stood in the middle of town.", "Nobody in the village had seen the {t}."],
    9: ["The {t} was the first thing that I saw today.", "We walked for an hour to look at the {t}."],
    10: ["My brother and I wrote a long letter about the {t}.", "The {t} is small, but it is important for our town."],
}
SAID = {n: [s for s in texts if len(s.split()) == n] for n, texts in SAID.items()}
SAID = {n: texts for n, texts in SAID.items() if texts}


# ---- training's own wordings: each of the above has a grammar beside it --------------------------------

WIDE = 0.85
KEPT = {}


def worded(rng, part, wording, grammar):
    """A wording of the part; training's is mostly grown, and never what the others say."""
    if part != "train" or rng.random() >= WIDE:
        return wording.pick(rng, part)
    if id(wording) not in KEPT:
        KEPT[id(wording)] = {normal(text) for text in others(wording)} - {normal(text) for group in wording.sets["train"] for text in group}
    while True:
        text = grammar.pick(rng)
        if normal(text) not in KEPT[id(wording)]:
            return words.capital(text)                      # a text to copy that comes first stays as it is


def lowered(text):
    return text[0].lower() + text[1:]


def form_phrase(rng, part, form):
    text = worded(rng, part, FORM_WORDING[form], grown.FORM[form])
    return lowered(text) if part == "train" else text


def case_phrase(rng, part, case):
    text = worded(rng, part, CASED[case], grown.CASE[case])
    return lowered(text) if part == "train" else text


def one_of(rng, part, texts, grammar):
    """As `worded`, where the parts share a short list."""
    return grammar.pick(rng) if part == "train" and rng.random() < WIDE else rng.choice(texts)


def opened(text, part):
    """With a capital; training's wordings have theirs already, where it changes no text to copy."""
    return text if part == "train" else words.capital(text)


def apart(rng, part):
    """Is the form said in a sentence of its own?"""
    return part == "train" and rng.random() < 0.3


def count_word(rng, n):
    return rng.choice([str(n), NUMBERS[n]]) if n <= 10 else str(n)


def topic(rng, part):
    """One word to write about."""
    draw = rng.random()
    if draw < 0.4:
        return words.glued(rng, part)
    return words.plain_word(rng, part)


def bullets(items):
    return "\n".join(f"- {i}" for i in items)


def numbered(items):
    return "\n".join(f"{n}. {i}" for n, i in enumerate(items, 1))


def shaped(form, items):
    return bullets(items) if form == "bullets" else numbered(items) if form == "numbered" else ", ".join(items)


def shape_rule(form, count):
    return {"rule": form, "count": count} if form != "comma" else {"rule": "separated", "by": ", ", "count": count}


def with_case(rng, part, text, answer, rules, chance):
    """Perhaps a second rule: upper or lower case."""
    if rng.random() >= chance:
        return text, answer, rules
    case = rng.choice(["upper", "upper", "lower"])
    if apart(rng, part):
        text = (text.rstrip() if text.rstrip()[-1] in ".?!" else text.rstrip() + ".") + " " + words.capital(grown.CASE_ALONE[case].pick(rng))
        return text, answer.upper() if case == "upper" else answer.lower(), rules + [{"rule": case}]
    how = case_phrase(rng, part, case)
    text = rng.choice(AND).format(t=text.rstrip() if text.rstrip()[-1] in ".?!" else text.rstrip() + ".", c=how, c2="capital letters" if case == "upper" else "small letters")
    return text, answer.upper() if case == "upper" else answer.lower(), rules + [{"rule": case}]


def listing(rng, part):
    name, pool = rng.choice(list(CATEGORIES.items()))
    n, form = rng.randint(2, min(8, len(pool))), rng.choice(["bullets", "numbered", "comma"])
    items = rng.sample(pool, n)
    if apart(rng, part):
        text = words.capital(grown.PLAIN_LIST.pick(rng).format(n=count_word(rng, n), c=name)) + rng.choice([". ", "; ", ", but: ", ". "])
        text = text.replace("Would you ", "Please ").replace("Can you ", "Please ").replace("Could you ", "Please ") + words.capital(grown.FORM_ALONE[form].pick(rng))
    else:
        text = worded(rng, part, LIST, grown.LIST).format(n=count_word(rng, n), c=name, f=form_phrase(rng, part, form))
    rules = [shape_rule(form, n)]
    if rng.random() < (0.25 if part == "train" else 0.15):
        must = rng.choice([words.glued(rng, part), rng.choice(pool)])
        if must not in items:
            items[rng.randrange(n)] = must
        text = closed(text, part) + " " + one_of(rng, part, ["One of them must be {m}.", "Include {m}.", "{m} has to be one of them.", "Do not forget {m}.", "Make sure that {m} is in the list."], grown.MUST).format(m=must)
        rules.append({"rule": "contains", "text": must})
    elif rng.random() < (0.25 if part == "train" else 0.12):
        bad = rng.choice([p for p in pool if not any(p in i for i in items)] or ["zebra"])
        text = closed(text, part) + " " + one_of(rng, part, ["Do not use {m}.", "But not {m}.", "Leave out {m}.", "{m} must not be in it."], grown.BAD).format(m=bad)
        rules.append({"rule": "excludes", "text": bad})
    elif name != "numbers" and rng.random() < 0.3:
        text, answer, rules = with_case(rng, part, words.capital(text), shaped(form, items), rules, 1)
        return text, answer, rules
    return words.capital(text), shaped(form, items), rules


def closed(text, part):
    """Training's wordings may end without a mark; a sentence that follows needs one."""
    return text + "." if part == "train" and text[-1] not in ".?!" else text


def some_words(rng, part, low, high):
    out, size = [], rng.randint(low, high)
    while len(out) < size:
        w = words.glued(rng, part) if rng.random() < 0.5 else words.plain_word(rng, part)
        if w not in out:
            out.append(w)
    return out


def given(rng, part):
    items, form = some_words(rng, part, 2, 6), rng.choice(["bullets", "numbered", "comma"])
    sep = rng.choice([", ", ", ", " ", "; "]) if form != "comma" else rng.choice([" ", "; ", " / "])
    if apart(rng, part):
        text = words.capital(grown.PLAIN_GIVEN.pick(rng)).format(x=sep.join(items) if rng.random() < 0.8 or form == "comma" else words.listing(items)) + rng.choice([". ", "\n", ". "]) + words.capital(grown.FORM_ALONE[form].pick(rng))
    else:
        text = worded(rng, part, GIVEN, grown.GIVEN).format(x=sep.join(items) if rng.random() < 0.8 or form == "comma" else words.listing(items), f=form_phrase(rng, part, form))
    rules = [shape_rule(form, len(items))] + [{"rule": "contains", "text": i} for i in items]
    text, answer, more = with_case(rng, part, opened(text, part), shaped(form, items), [], 0.15)
    if more:
        rules = [shape_rule(form, len(items))] + more + [{"rule": "contains", "text": i.upper() if more[0]["rule"] == "upper" else i.lower()} for i in items]
    return text, answer, rules


def case_change(rng, part):
    some = some_words(rng, part, 1, 7 if part == "train" else 5)
    case = rng.choice(["upper", "upper", "lower"])
    if case == "lower":
        some = [w.upper() if rng.random() < 0.5 else w.capitalize() for w in some]
    line = " ".join(some)
    answer = line.upper() if case == "upper" else line.lower()
    if apart(rng, part):
        return words.capital(grown.PLAIN_CASE.pick(rng)).format(x=line) + rng.choice([". ", "\n", ". "]) + words.capital(grown.CASE_ALONE[case].pick(rng)), answer, {"kind": "exact", "value": answer}
    return worded(rng, part, CASE_THIS, grown.CASE_THIS).format(x=line, c=case_phrase(rng, part, case)), answer, {"kind": "exact", "value": answer}


def reverse(rng, part):
    some = some_words(rng, part, 2, 5)
    answer = " ".join(reversed(some))
    return worded(rng, part, REVERSE, grown.REVERSE).format(x=" ".join(some)), answer, {"kind": "exact", "value": answer}


def repeat(rng, part):
    w, k = topic(rng, part), rng.randint(2, 8)
    text = opened(worded(rng, part, REPEAT, grown.REPEAT).format(w=w, k=count_word(rng, k)), part)
    if rng.random() < 0.5:
        text = closed(text, part) + " " + one_of(rng, part, ["Put commas between.", "Separate them with commas.", "With commas between them.", "Use commas."], grown.COMMAS)
        return text, ", ".join([w] * k), [{"rule": "separated", "by": ", ", "count": k}, {"rule": "contains", "text": w}]
    return text, " ".join([w] * k), [{"rule": "words", "count": k}, {"rule": "contains", "text": w}]


def small(rng, part):
    """Short tasks with one right answer."""
    kind = rng.randrange(6)
    if kind == 0:
        w, which = topic(rng, part), rng.choice(["first", "first", "last"])
        text, answer = worded(rng, part, LETTER[which], grown.LETTER[which]).format(w=w), w[0] if which == "first" else w[-1]
    elif kind == 1:
        w = topic(rng, part).replace("-", "")
        text, answer = worded(rng, part, SPELL, grown.SPELL).format(w=w), "-".join(w)
    elif kind == 2:
        some = some_words(rng, part, 2, 9)
        return worded(rng, part, COUNT, grown.COUNT).format(x=" ".join(some)), str(len(some)), {"kind": "number", "value": len(some)}
    elif kind == 3:
        x = " ".join(some_words(rng, part, 1, 3))
        name = rng.choice(list(WRAP))
        asked, form = WRAP[name]
        text, answer = worded(rng, part, asked, grown.WRAP[name]).format(x=x), form.format(x=x)
    elif kind == 4:
        some, sep = some_words(rng, part, 2, 5), rng.choice(list(JOIN))
        text, answer = worded(rng, part, JOIN[sep], grown.JOIN[sep]).format(x=" ".join(some)), sep.join(some)
    else:
        a, b = rng.sample(range(1, 99), 2)
        q = rng.choice([f"Is {a} bigger than {b}?", f"Is {a} more than {b}?"])
        text, answer = worded(rng, part, YES_NO, grown.YES_NO).format(q=q), "Yes" if a > b else "No"
    return opened(text, part), answer, {"kind": "exact", "value": answer}


def sentence(rng, part):
    """Sentences about a topic, of a given number, or with a given number of words."""
    t = topic(rng, part)
    rules, front, back = [], "", ""
    if rng.random() < 0.5:
        n = rng.choice(sorted(SAID))
        quantity, body = one_of(rng, part, WORDS_OF, grown.WORDS).format(n=count_word(rng, n)), [rng.choice(SAID[n])]
        rules.append({"rule": "words", "count": n})
        extra = 0.0
    else:
        n = rng.choice((1, 1, 2, 3, 4))
        quantity = one_of(rng, part, SENTENCES, grown.SENTENCE).format(n=NUMBERS[n] if rng.random() < 0.7 else n) + ("s" if n > 1 else "")
        body = rng.sample([s for k in (4, 5, 6, 7, 8) for s in SAID.get(k, [])], n)
        rules.append({"rule": "sentences", "count": n})
        extra = 0.3
    text = words.capital(worded(rng, part, TOPIC, grown.TOPIC).format(q=quantity, Q=words.capital(quantity), a=rng.choice([words.article(t), "the " + t, t])))
    rules.append({"rule": "contains", "text": t})
    body = [b.format(t=t) for b in body]
    draw = rng.random()
    if draw < extra:
        front = rng.choice(PHRASES)
        text = closed(text, part) + " " + worded(rng, part, STARTS, grown.STARTS).format(s=front)
        body[0] = front + " " + (body[0] if body[0].startswith(("I ", t.capitalize())) else body[0][0].lower() + body[0][1:])
        rules.append({"rule": "starts", "text": front})
    elif draw < 2 * extra:
        w = words.glued(rng, part)
        text = closed(text, part) + " " + worded(rng, part, USE, grown.USE).format(w=w)
        body[-1] = rng.choice([f"The {t} is as nice as the {w}.", f"I saw the {w} and the {t}.", f"The {w} is not far from the {t}.", f"We call the {t} our {w}."])
        rules.append({"rule": "contains", "text": w})
    answer = " ".join(body)
    if draw >= 2 * extra:
        text, answer, added = with_case(rng, part, text, answer, [], 0.18)
        if added:
            rules = [r for r in rules if r["rule"] != "contains"] + added + [{"rule": "contains", "text": t.upper() if added[0]["rule"] == "upper" else t.lower()}]
    return text, answer, rules


def framed(rng, part):
    """Any short text, but with a given beginning or ending."""
    t = topic(rng, part)
    body = rng.choice([s for k in (4, 5, 6, 7, 8) for s in SAID.get(k, [])]).format(t=t)
    text = one_of(rng, part, ["Tell me something about {a}.", "Write something about {a}.", "Say something about {a}.", "What about {a}?", "Write a line about {a}.", "Speak about {a}."], grown.SOMETHING).format(a=rng.choice([words.article(t), "the " + t]))
    rules = [{"rule": "contains", "text": t}]
    how = rng.random()
    if how < 0.65:
        front = rng.choice(PHRASES) if rng.random() < 0.6 else words.capital(" ".join(some_words(rng, part, 1, 2))) + rng.choice([":", ",", "!"])
        text = closed(text, part) + " " + worded(rng, part, STARTS, grown.STARTS).format(s=front)
        body = front + " " + (body if front[-1] == "!" or body.startswith("I ") else body[0].lower() + body[1:])
        rules.append({"rule": "starts", "text": front})
    if how > 0.4:
        back = rng.choice(CLOSINGS) if rng.random() < 0.6 else words.capital(" ".join(some_words(rng, part, 1, 2))) + rng.choice([".", "!"])
        text = closed(text, part) + " " + worded(rng, part, ENDS, grown.ENDS).format(s=back)
        body += " " + back
        rules.append({"rule": "ends", "text": back})
    return text, body, rules


# Training has more of what must be copied letter by letter.
TRAINING = [22, 18, 16, 6, 8, 15, 18, 10]
TASKS = [(listing, 24), (given, 16), (case_change, 12), (reverse, 6), (repeat, 9), (small, 15), (sentence, 20), (framed, 10)]


def turn(rng, part):
    text, answer, rules = rng.choices([t[0] for t in TASKS], TRAINING if part == "train" else [t[1] for t in TASKS])[0](rng, part)
    return text, answer, {"kind": "format", "rules": rules} if isinstance(rules, list) else rules


def make(rng, part):
    messages = []
    for _ in range(rng.choice((1, 1, 2, 3, 4))):
        text, answer, _ = turn(rng, part)
        if part == "train":
            text = grown.BEFORE.pick(rng) + text if rng.random() < 0.1 else casual(rng, text) if ":" not in text and "\n" not in text else text
        messages += [("user", text), ("assistant", answer)]
    return messages


def case(rng, part):
    text, answer, check = turn(rng, part)
    return {"messages": [{"role": "user", "content": text}], "think": False, "max_tokens": 120, "check": check, "reference": answer}
