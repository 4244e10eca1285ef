"""Small arithmetic: sums and differences of up to two digits, word problems, and chains with a thought."""

from . import sums_grammar as grown
from . import words
from .grammar import normal, others
from .wording import Wording, casual

UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
ASKING = ["!What is {x}?", "!{x}", "!{x} = ?", "!{x} =", "!What's {x}?", "!How much is {x}?", "!Calculate {x}.", "{x} is (what|how much)?", "(Please |)(calculate|compute|work out|solve|figure out|evaluate|determine|do) {x}( for me|)(.|, please.)",
          "(Can|Could|Would|Will) you (please |)(calculate|compute|work out|solve|figure out|tell me|add up) {x}( for me|)?", "(What|How much) (do|would|will) (you|I|we) get (for|from|with|when working out|when calculating) {x}?",
          "(Tell me|Give me|I need|I want|I would like|Show me|Let me know) (the result of|the answer to|the value of|the outcome of) {x}(.|, please.| please)", "What does {x} (make|give|equal|come to|add up to)?", "(Quick|Fast|Question|Math|A sum|Homework|Next one|Easy one): (what is |how much is |){x}(?|)",
          "(I need to know|I want to know|I'd like to know|Tell me|Do you know|Can you tell me|Could you tell me|I wonder|Please say|Help me find out) (what|how much) {x} (is|makes|gives|equals).", "(What is|What's|Find|Give) the (result|answer|value|outcome|solution) (of|for) {x}?",
          "How much (does|would) {x} (make|give|come to)?", "(If I type|When I enter|When you take|Suppose we have|Let's say I have) {x}, what (is the result|do I get|comes out|is the answer)?", "{x} - (what is that|how much is that|can you do that)?",
          "(My homework says|The exercise is|The task is|The next problem is|My child asks|Here is one|The question is): {x}.( What is the answer?| Can you solve it?| What comes out?|)", "(I am stuck on|Help me with|Let us try|How about|Check|Try) {x}."]
PLUS = ["!Add {a} and {b}.", "!What is the sum of {a} and {b}?", "!{a} and {b} together?", "(Please |)(add|sum up|add up|total) {a} and {b}( for me| together|)(.|, please.)", "(Can|Could|Would|Will) you (please |)(add|sum up|add together) {a} and {b}( for me|)?",
        "(What|How much) (do|would) (you|I|we) get (when|if) (you|I|we) add {a} (and|to) {b}?", "(How much|How many|What) (is|are|makes|make) {a} and {b} (together|in total|all together|combined|added up)?",
        "(Tell me|Give me|I need|Find|Compute|What is|Work out|Calculate) the (sum|total) of {a} and {b}(.|, please.)", "What is {a} (increased by|with {b} more than that, so plus) {b}?", "(Add|Put) {b} to {a}(.| and tell me the result.|. What do you get?|. What is it?)",
        "(I have|Take|Start with|Begin with) {a} and (add|get|put on) {b}( more|). (What is the total|How much is that|What do I have|What do I get)?", "(What number is|Which number is|What is) {b} more than {a}?",
        "(If you add|When I add|Adding) {a} (and|to) {b}( gives what| makes how much|, what do I get)?", "(The sum|The total) of {a} and {b} is (what|how much)?"]
MINUS = ["!Subtract {b} from {a}.", "!Take {b} away from {a}.", "!What is the difference between {a} and {b}?", "(Please |)(subtract|take|deduct|remove) {b} from {a}( for me|)(.|, please.)", "(Can|Could|Would|Will) you (please |)(subtract|take|deduct) {b} from {a}( for me|)?",
         "(What|How much) (is left|remains|do you get|do I have left) (when|if) (you|I|we) (take|subtract|remove|take away) {b} from {a}?", "(I have|Take|Start with|Begin with) {a} and (take away|subtract|lose|remove|spend) {b}. (What is left|How much is left|What remains|What do I have then)?",
         "(What number is|Which number is|What is) {b} less than {a}?", "(How much|What) is {a} (reduced by|decreased by|without|less) {b}?", "(Tell me|Give me|I need|Find|Compute|What is|Work out|Calculate) the difference (of|between) {a} and {b}(.|, please.)",
         "(How much bigger|How much larger|How much more) is {a} than {b}?", "(If you take|When I take|Taking) {b} (from|away from) {a}( leaves what| leaves how much|, what is left)?", "{a}, (take away|minus|subtract|less) {b}(: what is left|, how much|)?"]
TIMES = ["!Multiply {a} by {b}.", "!What is the product of {a} and {b}?", "(Please |)multiply {a} (by|with|and) {b}( for me|)(.|, please.)", "(Can|Could|Would) you (please |)multiply {a} (by|with) {b}?", "(Find|Compute|Give me|What is|I need) the product of {a} and {b}(.|?)",
         "(What|How much) do (you|I|we) get (when|if) (you|I|we) multiply {a} (by|and) {b}?", "What (is|makes) {b} times the number {a}?"]
SIGNS = {"+": ["{a} + {b}", "{a} + {b}", "{a} + {b}", "{a}+{b}", "{a} plus {b}", "{a} plus {b}"], "-": ["{a} - {b}", "{a} - {b}", "{a} - {b}", "{a}-{b}", "{a} minus {b}", "{a} minus {b}"],
         "*": ["{a} times {b}", "{a} times {b}", "{a} * {b}", "{a} x {b}"]}
ASK = Wording(*ASKING)
SPECIAL = {"+": Wording(*PLUS), "-": Wording(*MINUS), "*": Wording(*TIMES)}
NAMES = {"+": "plus", "-": "minus", "*": "times"}
THINGS = """apples pears coins books marbles cookies flowers pencils balls stamps shells nuts stones eggs candles buttons stickers toys cards plums lemons tickets cups plates keys photos bottles boxes cakes
ribbons feathers bricks tiles beads seeds carrots potatoes onions peaches muffins badges letters bananas grapes cherries crayons balloons spoons forks chairs hats socks gloves rings pins nails screws ropes""".split()
MORE_THINGS = """pebbles acorns leaves spools maps pens brushes hammers bells drums kites dolls robots trains trucks boats tools bowls spades lamps masks flags bulbs mugs jars jugs pots pans lids corks sticks logs planks
magnets wheels screens cables tins cans loaves rolls buns pies tarts waffles pancakes olives figs dates limes melons turnips beets leeks radishes mushrooms chickens ducks geese sheep goats fish crabs worms bees""".split()
BOXES = "boxes bags baskets shelves jars trays drawers rows piles bowls crates packs plates buckets tables sacks".split()
MORE_BOXES = "cases cartons chests barrels carts nets cups cans jugs sets heaps bunches folders cupboards pockets tins pouches stacks cages ponds boats wagons rooms".split()


def pair_part(a, b):
    """The one part that asks about this pair: a tenth is held, a twentieth is for validation."""
    return {4: "held", 14: "held", 9: "valid"}.get((a * 131 + b * 71) % 20, "train")


def spelled(n):
    if n < 20:
        return UNITS[n]
    return TENS[n // 10] + ("-" + UNITS[n % 10] if n % 10 else "")


def number(rng):
    return rng.choice([rng.randint(0, 9), rng.randint(0, 20), rng.randint(0, 99), rng.randint(10, 99), rng.randint(10, 99), rng.randint(10, 99)])


def pair(rng, part, low=0, order=False):
    while True:
        a, b = number(rng), number(rng)
        if order and a < b:
            a, b = b, a
        if min(a, b) >= low and pair_part(a, b) == part:
            return a, b


def answer(rng, left, sign, right, result):
    draw = rng.random()
    if draw < 0.8:
        return f"{left} {sign} {right} = {result}."
    return f"{left} {NAMES[sign]} {right} is {result}." if draw < 0.92 else f"The answer is {left} {sign} {right} = {result}."


def question(rng, part, wording=None, two_digits=False):
    """(question, answer, result) of one sum; `wording` may come from another part."""
    wording = wording or part
    kind = rng.random()
    sign = "+" if kind < 0.46 else "-" if kind < 0.92 or two_digits else "*"
    while True:
        a, b = pair(rng, part, order=sign == "-" and rng.random() < 0.88)
        if sign == "*":
            a, b = rng.randint(0, 12), rng.randint(0, 12)
            if pair_part(a, b) != part:
                continue
        if not two_digits or (a > 9 and b > 9):
            break
    result = {"+": a + b, "-": a - b, "*": a * b}[sign]
    shown = (spelled(a), spelled(b)) if rng.random() < 0.05 and not two_digits else (a, b)
    if rng.random() < 0.45 and not (sign == "-" and a < b):
        text = SPECIAL[sign].pick(rng, wording).format(a=shown[0], b=shown[1])
    else:
        form = rng.choice(SIGNS[sign]) if shown[0] == a else "{a} " + NAMES[sign] + " {b}"
        text = ASK.pick(rng, wording).format(x=form.format(a=shown[0], b=shown[1]))
    return words.capital(text), answer(rng, a, sign, b, result), result


def column(a, b, sign):
    """A thought that adds or subtracts digit by digit."""
    if sign == "+":
        units = a % 10 + b % 10
        carry = f", write {units % 10} and carry 1" if units > 9 else ""
        tens = a // 10 + b // 10 + units // 10
        middle = f"{a // 10} + {b // 10}" + (" + 1" if units > 9 else "")
        return f"Ones: {a % 10} + {b % 10} = {units}{carry}. Tens: {middle} = {tens}. So {a} + {b} = {a + b}."
    borrow = a % 10 < b % 10
    units = a % 10 - b % 10 + 10 * borrow
    first = f"Ones: {a % 10} is less than {b % 10}, so borrow 1: {a % 10 + 10} - {b % 10} = {units}. " if borrow else f"Ones: {a % 10} - {b % 10} = {units}. "
    tens = f"{a // 10} - {b // 10}" + (" - 1" if borrow else "")
    return f"{first}Tens: {tens} = {a // 10 - b // 10 - borrow}. So {a} - {b} = {a - b}."


# ---- word problems: a start, some events, a question ------------------------------------------------

START = Wording("!{n} has {a} {t}.", "!There are {a} {t} in a box.", "{n} (has|owns|keeps|collected|bought|picked|got|holds|has saved|brought) {a} {t}( this week| at home| in a box| in a bag| today|).",
                "(There are|There were|We have|You see|I count) {a} {t} (in|on) (a box|a bag|the table|the shelf|the shop|the kitchen|a jar|the drawer).", "(A shop|A school|A farm|A baker|A teacher|A child|The library|A family) has {a} {t}.",
                "(In the morning|On Monday|At first|Yesterday|Last week|To begin with) {n} (has|had|owned) {a} {t}.")
GROUPS = Wording("!There are {g} {c} with {m} {t} each.", "!{n} has {g} {c} with {m} {t} in each.", "(There are|We see|We have|You have|I have|A shop has|{n} has|{n} buys|{n} fills|{n} brings|{n} owns|{n} packs|{n} finds) {g} {c}(. Each has {m} {t}| with {m} {t} in each| of {m} {t} each|, each with {m} {t}|, and each holds {m} {t}).",
                 "{g} {c} (have|hold|contain) {m} {t} each.", "(Each of|In each of|Inside every one of) {g} {c} (there are|are|lie) {m} {t}.")
MORE = Wording("!{n} gets {b} more.", "!Then {he} finds {b} more.", "(Then|Later|After that|The next day|In the evening|At noon|Now) {n} (buys|finds|gets|receives|picks|collects|adds|brings|wins|makes|is given) {b} more( {t}|).",
               "{f} (gives|brings|sends|hands|lends) {n} {b} more( {t}|).", "{b} more( {t}|) (are added|are put in|arrive|come in|are delivered|are found).", "(A friend|{f}|A neighbor|Someone|The teacher) (adds|brings|puts in|leaves) {b}( more| extra|)( {t}|).")
LESS = Wording("!{n} gives away {b}.", "!Then {he} loses {b}.", "!{b} are eaten.", "(Then|Later|After that|The next day|In the evening|At noon|Now) {n} (loses|gives away|sells|uses|breaks|drops|throws away|hands out|lends out|misplaces) {b}( of them|).",
               "{n} (gives|sends|hands|lends|passes) {b}( of them|) to {f}.", "{b}( of them|) (are sold|are taken|are lost|are broken|are used|are given away|go missing|are thrown away|fall down).", "{f} (takes|borrows|grabs|buys|needs|gets) {b}( of them|).")
HOW_MANY = Wording("!How many {t} are there now?", "!How many are left?", "!How many {t} is that?", "How many {t} (are there|are left|remain|do we have|are there in total|are there altogether)( now| then| at the end|)?",
                   "(What is|Tell me|Find|Work out|Give me) the (number of {t}|total|number) (now|at the end|in the end|that is left)(.|?)", "(So how|And how|How) many( {t}|) (does {n} have|are left over|can {n} count|would that be|does that make|do they have)( now| at the end| in the end| then|)?",
                   "(Can you tell me|Do you know|Please tell me|I wonder|Tell me) how many {t} (there are|are left|that makes|remain)( now| in the end|)(.|?)")
FINAL = ["There are {r} {t} now.", "There are {r} {t}.", "The answer is {r} {t}.", "That makes {r} {t}."]


WIDE = 0.85
KEPT = {name: {normal(text) for text in others(wording)} for name, wording in (("START", START), ("GROUPS", GROUPS), ("MORE", MORE), ("LESS", LESS), ("HOW_MANY", HOW_MANY))}


def worded(rng, part, name):
    """A wording of the part; training's is mostly grown, and never what the others say."""
    if part != "train" or rng.random() >= WIDE:
        return globals()[name].pick(rng, part)
    while True:
        text = getattr(grown, name).pick(rng)
        if normal(text) not in KEPT[name]:
            return text


def problem(rng, part, steps=None):
    """(question, thought, answer, result)."""
    name, gender = words.person(rng, part)
    friend = words.person(rng, part)[0]
    while friend == name:
        friend = words.person(rng, part)[0]
    slots = dict(n=name, f=friend, he="he" if gender == "m" else "she", t=rng.choice(MORE_THINGS if part == "train" and rng.random() < 0.5 else THINGS), c=rng.choice(BOXES + MORE_BOXES if part == "train" else BOXES))
    while slots["t"] == slots["c"]:
        slots["c"] = rng.choice(BOXES)
    steps = steps or rng.choice((1, 2, 2, 3, 3) if part == "train" else (1, 1, 2, 2, 3))
    parts, thought = [], []
    if rng.random() < 0.45:
        g, m = rng.randint(2, 9), rng.randint(2, 10)
        total = g * m
        parts.append(worded(rng, part, "GROUPS").format(g=g, m=m, **slots))
        thought.append(f"{g} * {m} = {total}.")
        steps -= 1
    else:
        total = rng.randint(2, 60)
        parts.append(worded(rng, part, "START").format(a=total, **slots))
    for _ in range(steps):
        more = rng.random() < 0.5 or total < 3
        while True:
            b = rng.randint(2, 40) if more else rng.randint(1, total)
            if pair_part(total, b) == part or rng.random() < 0.02:
                break
        parts.append(worded(rng, part, "MORE" if more else "LESS").format(b=b, **slots))
        thought.append(f"{total} {'+' if more else '-'} {b} = {total + b if more else total - b}.")
        total += b if more else -b
    parts.append(worded(rng, part, "HOW_MANY").format(**slots))
    text = " ".join(words.capital(p) for p in parts)
    return text, " ".join(thought), rng.choice(FINAL).format(r=total, **slots).replace("are 1 ", "is 1 "), total


CHAIN = Wording("!What is {x}?", "!{x}", "(Please |)(calculate|compute|work out|solve|evaluate) {x}( step by step| in steps| carefully|)(.|, please.)", "(What|How much) (is|makes|do you get for|comes out of) {x}?",
                "(Think about|Think first|Go step by step|Take your time): (what is |){x}(?|)", "(Can|Could) you (work out|solve|tell me|calculate) {x}( for me|)?", "(What is|Give me|Tell me) the (result|value|answer) of {x}(?|.)")


KEPT["CHAIN"] = {normal(text) for text in others(CHAIN)}


def chain(rng, part):
    """A longer expression, worked out from left to right; products come first."""
    thought = []
    if rng.random() < 0.35:
        a, b, c = rng.randint(2, 9), rng.randint(2, 9), rng.randint(1, 30)
        plus = rng.random() < 0.5 or a * b < c
        sign, product = "+" if plus else "-", a * b
        front = rng.random() < 0.6
        if front or not plus:
            text, line = f"{a} * {b} {sign} {c}", f"{product} {sign} {c}"
        else:
            text, line = f"{c} + {a} * {b}", f"{c} + {product}"
        total = product + c if plus else product - c
        thought = [f"{a} * {b} = {product}.", f"{line} = {total}."]
    else:
        total = rng.randint(2, 60)
        text = str(total)
        for _ in range(rng.choice((2, 2, 3, 4))):
            b = rng.randint(1, 40)
            plus = rng.random() < 0.55 or total < b
            text += f" {'+' if plus else '-'} {b}"
            thought.append(f"{total} {'+' if plus else '-'} {b} = {total + b if plus else total - b}.")
            total += b if plus else -b
    return worded(rng, part, "CHAIN").format(x=text), " ".join(thought), f"{text} = {total}.", total


def thoughtful(rng, part):
    """(question, thought, answer, result) of anything that is worth a thought."""
    kind = rng.random()
    if kind < 0.62:
        return problem(rng, part)
    if kind < 0.85:
        return chain(rng, part)
    while True:
        sign = rng.choice("+-")
        a, b = rng.randint(10, 99), rng.randint(10, 99)
        a, b = (max(a, b), min(a, b)) if sign == "-" else (a, b)
        if pair_part(a, b) == part:
            break
    result = a + b if sign == "+" else a - b
    return words.capital(ASK.pick(rng, part).format(x=rng.choice(SIGNS[sign]).format(a=a, b=b))), column(a, b, sign), f"{a} {sign} {b} = {result}.", result


def word_problem(rng, part):
    """A word problem with the working in the answer: for talk without thoughts."""
    text, thought, reply, result = problem(rng, part, steps=1)
    return text, f"{thought.rstrip('.')}. {reply}", result


COMPARE = {True: Wording("!Which is bigger, {a} or {b}?", "(Which|Which one|Which number|What) is (bigger|larger|greater|more|higher)(,|:) {a} or {b}?", "Is {a} or {b} the (bigger|larger|greater) (number|one)?", "Tell me (if|whether) {a} or {b} is the (bigger|larger|greater) (number|one).", "(Name|Give me|Pick|Find|Choose) the (bigger|larger|greater|higher) (number|one|of the two): {a} or {b}."),
           False: Wording("!Which is smaller, {a} or {b}?", "(Which|Which one|Which number|What) is (smaller|less|lower)(,|:) {a} or {b}?", "Is {a} or {b} the (smaller|lower) (number|one)?", "Tell me (if|whether) {a} or {b} is the (smaller|lower) (number|one).", "(Name|Give me|Pick|Find|Choose) the (smaller|lower|lesser) (number|one|of the two): {a} or {b}.")}
COUNT = Wording("!Count from {a} to {b}.", "(Can|Could|Would|Will) you (please |)count (up |)from {a} (to|up to|until) {b}?", "(Please |)(count|count up|list the numbers|write the numbers|say the numbers) from {a} (to|up to|through) {b}(.|, please.)", "(Give me|Show me|Tell me|List) (all |)the numbers (from|between) {a} (to|and) {b}.")
BACK = Wording("!Count backwards from {b} to {a}.", "(Please |)count (down|backwards|back) from {b} to {a}(.|, please.)", "(Can|Could) you count (down|backwards|back) from {b} to {a}?")
THREE = Wording("!What is {0} + {1} + {2}?", "{0} + {1} + {2}( =| = ?|)", "(Add|Sum up|Add up|Total) {0}, {1} and {2}(.|, please.| for me.)", "(What is|Tell me|Give me|Find) the (sum|total) of {0}, {1} and {2}(?|.)", "(Please |)(calculate|compute|work out) {0} + {1} + {2}.")
NEXT = {"+": Wording("!And plus {b}?", "!Now add {b}.", "(Now |Then |Please |And now |Next, )add {b} (to that|to it|to the result|on top)(.|, please.)", "(What if I|Now what if you|What happens if you|How much is it if I) add {b}( more|)( to that|)?", "(And that|And the result|And this) plus {b}?"),
        "-": Wording("!And minus {b}?", "!Now take away {b}.", "(Now |Then |Please |And now |Next, )(subtract|take|remove) {b} from (that|it|the result)(.|, please.)", "(What if I|Now what if you|What happens if you|How much is it if I) (subtract|take away|remove) {b}( from that|)?", "(And that|And the result|And this) minus {b}?")}


def compare(rng, part):
    a, b = pair(rng, part)
    b += a == b
    bigger = rng.random() < 0.5
    best, rest = (max(a, b), min(a, b)) if bigger else (min(a, b), max(a, b))
    return COMPARE[bigger].pick(rng, part).format(a=a, b=b), f"{best} is {'bigger' if bigger else 'smaller'} than {rest}.", None


def count(rng, part):
    start = rng.choice([1, 1, rng.randint(0, 60)])
    end = start + rng.randint(3, 14)
    if rng.random() < 0.3:
        return BACK.pick(rng, part).format(a=start, b=end), ", ".join(str(n) for n in range(end, start - 1, -1)) + ".", None
    return COUNT.pick(rng, part).format(a=start, b=end), ", ".join(str(n) for n in range(start, end + 1)) + ".", None


def three(rng, part):
    a, b = pair(rng, part)
    a, b, c = a % 30, b % 30, rng.randint(1, 20)
    return THREE.pick(rng, part).format(a, b, c), f"{a} + {b} = {a + b}, and {a + b} + {c} = {a + b + c}.", a + b + c


def one(rng, part):
    """(question, answer, result or None) of anything without a thought."""
    kind = rng.random()
    make_one = question if kind < 0.78 else word_problem if kind < 0.88 else three if kind < 0.92 else compare if kind < 0.97 else count
    text, reply, result = make_one(rng, part)
    return (casual(rng, text) if part == "train" else text), reply, result


def chained(rng, part, previous):
    """A follow-up that needs the number just given."""
    b = rng.randint(1, 30)
    sign = "+" if rng.random() < 0.5 or previous < b else "-"
    result = previous + b if sign == "+" else previous - b
    return NEXT[sign].pick(rng, part).format(b=b), f"{previous} {sign} {b} = {result}.", result


def make(rng, part):
    if rng.random() < 0.4:                                   # with a thought, at the end of the conversation
        text, thought, reply, _ = thoughtful(rng, part)
        before = []
        if rng.random() < 0.15:
            ask, said, _ = one(rng, part)
            before = [("user", ask), ("assistant", said)]
        return before + [("user", casual(rng, text) if part == "train" else text), ("assistant", f"<think>\n{thought}\n</think>\n\n{reply}")]
    messages, last = [], None
    for _ in range(rng.choice((1, 1, 2, 3, 4, 6))):
        if last is not None and 0 <= last < 200 and rng.random() < 0.2:
            text, reply, last = chained(rng, part, last)
        else:
            text, reply, last = one(rng, part)
        messages += [("user", text), ("assistant", reply)]
    return messages


def case(rng, part):
    text, reply, result = question(rng, part, two_digits=True)
    return {"messages": [{"role": "user", "content": text}], "think": False, "max_tokens": 48, "check": {"kind": "number", "value": result}, "reference": reply}


def case_think(rng, part):
    text, thought, reply, result = thoughtful(rng, part)
    return {"messages": [{"role": "user", "content": text}], "think": True, "max_tokens": 200, "check": {"kind": "number", "value": result}, "reference": reply}
