"""Small arithmetic: sums and differences of up to two digits, and a little more."""

from . import words

UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
PLUS = ["What is {a} + {b}?", "What is {a} plus {b}?", "{a} + {b}", "{a}+{b}", "{a} + {b} = ?", "{a}+{b}=", "How much is {a} + {b}?", "How much is {a} plus {b}?",
        "Add {a} and {b}.", "What is the sum of {a} and {b}?", "Can you add {a} and {b}?", "Please calculate {a} + {b}.", "what is {a} + {b}",
        "What do you get when you add {a} and {b}?", "Compute {a} + {b}.", "Tell me what {a} plus {b} is.", "What's {a} + {b}?", "What's {a} plus {b}?", "{a} plus {b}", "Quick: {a} + {b}?"]
PLUS_HELD = ["Could you work out {a} + {b} for me?", "I need to know {a} plus {b}.", "How many are {a} and {b} together?"]
MINUS = ["What is {a} - {b}?", "What is {a} minus {b}?", "{a} - {b}", "{a}-{b}", "{a} - {b} = ?", "{a}-{b}=", "How much is {a} - {b}?", "How much is {a} minus {b}?",
         "Subtract {b} from {a}.", "Take {b} away from {a}.", "Please calculate {a} - {b}.", "what is {a} - {b}", "Compute {a} - {b}.",
         "Tell me what {a} minus {b} is.", "What's {a} - {b}?", "What's {a} minus {b}?", "{a} minus {b}", "What is the difference between {a} and {b}?"]
MINUS_HELD = ["Could you work out {a} - {b} for me?", "I need to know {a} minus {b}."]
TIMES = ["What is {a} times {b}?", "What is {a} * {b}?", "{a} * {b}", "{a} x {b}", "How much is {a} times {b}?", "Multiply {a} by {b}.", "What's {a} times {b}?", "{a} times {b}"]
THINGS = "apples pears coins books marbles cookies flowers pencils balls stamps shells nuts stones eggs candles buttons stickers toys cards plums".split()


def held(a, b):
    """A tenth of all pairs is never trained on."""
    return (a * 131 + b * 71) % 10 == 4


def spelled(n):
    if n < 20:
        return UNITS[n]
    return TENS[n // 10] + ("-" + UNITS[n % 10] if n % 10 else "")


def number(rng):
    return rng.choice([rng.randint(0, 9), rng.randint(0, 20), rng.randint(0, 99), rng.randint(10, 99), rng.randint(10, 99)])


def pair(rng, part):
    while True:
        a, b = number(rng), number(rng)
        if held(a, b) == (part == "held"):
            return a, b


def answer(rng, left, sign, right, result):
    names = {"+": "plus", "-": "minus", "*": "times"}
    return rng.choice([f"{left} {sign} {right} = {result}."] * 4 + [f"{left} {names[sign]} {right} is {result}.", f"The answer is {result}."])


def question(rng, part, wording=None):
    """(question, answer, result); pairs of numbers and ways to ask can come from different parts."""
    wording = wording or part
    a, b = pair(rng, part)
    kind = rng.random()
    if kind < 0.45:
        text, sign, result = rng.choice(PLUS if wording == "train" else PLUS_HELD), "+", a + b
    elif kind < 0.85:
        if a < b and rng.random() < 0.85:
            a, b = b, a
            if held(a, b) != (part == "held"):
                return question(rng, part, wording)
        text, sign, result = rng.choice(MINUS if wording == "train" else MINUS_HELD), "-", a - b
        if "difference" in text and a < b:
            text = "{a} - {b}"
    else:
        a, b = a % 11, b % 11
        text, sign, result = rng.choice(TIMES), "*", a * b
    if rng.random() < 0.08 and not any(c in text for c in "+-*") and result >= 0:
        asked = text.format(a=spelled(a), b=spelled(b))
        return words.capital(asked), answer(rng, a, sign, b, result), result
    return text.format(a=a, b=b), answer(rng, a, sign, b, result), result


def word_problem(rng, part):
    a, b = pair(rng, part)
    name, gender = words.person(rng, part)
    he = "he" if gender == "m" else "she"
    thing = rng.choice(THINGS)
    a, b = max(a, 2), max(b, 2)
    if rng.random() < 0.5:
        text = rng.choice([f"{name} has {a} {thing} and gets {b} more. How many {thing} does {he} have now?", f"{name} had {a} {thing}. Then {he} found {b} more. How many does {he} have?",
                           f"There are {a} {thing} in one box and {b} in another. How many {thing} are there?", f"{name} buys {a} {thing} on Monday and {b} on Tuesday. How many {thing} is that?"])
        sign, result = "+", a + b
    else:
        a, b = max(a, b), min(a, b)
        text = rng.choice([f"{name} has {a} {thing} and gives away {b}. How many {thing} are left?", f"There were {a} {thing}. {name} took {b}. How many are left?",
                           f"{name} had {a} {thing} and lost {b} of them. How many {thing} does {he} have now?"])
        sign, result = "-", a - b
    who = name if name in text else "there"
    if who == "there" or "left" in text:
        tail = f"so there are {result} {thing}" + (" left" if "left" in text else "")
    else:
        tail = f"so {name} has {result} {thing}"
    return text, f"{a} {sign} {b} = {result}, {tail}.", result


def three(rng, part):
    a, b = pair(rng, part)
    a, b, c = a % 20, b % 20, rng.randint(1, 9)
    return rng.choice(["What is {0} + {1} + {2}?", "{0} + {1} + {2}", "Add {0}, {1} and {2}."]).format(a, b, c), f"{a} + {b} = {a + b}, and {a + b} + {c} = {a + b + c}.", a + b + c


def compare(rng, part):
    a, b = pair(rng, part)
    if a == b:
        b += 1
    if rng.random() < 0.5:
        return rng.choice([f"Which is bigger, {a} or {b}?", f"Which number is larger: {a} or {b}?", f"What is more, {a} or {b}?"]), f"{max(a, b)} is bigger than {min(a, b)}.", max(a, b)
    return rng.choice([f"Which is smaller, {a} or {b}?", f"What is less, {a} or {b}?"]), f"{min(a, b)} is smaller than {max(a, b)}.", min(a, b)


def count(rng, part):
    start = rng.choice([1, 1, rng.randint(0, 40)])
    end = start + rng.randint(3, 12)
    if rng.random() < 0.3:
        return f"Count backwards from {end} to {start}.", ", ".join(str(n) for n in range(end, start - 1, -1)) + ".", start
    return rng.choice([f"Count from {start} to {end}.", f"Can you count from {start} to {end}?"]), ", ".join(str(n) for n in range(start, end + 1)) + ".", end


def chained(rng, part, previous):
    """A follow-up that needs the number just given."""
    b = rng.randint(1, 20)
    if rng.random() < 0.5 or previous < b:
        return rng.choice([f"And plus {b}?", f"Now add {b}.", f"Add {b} to that."]), f"{previous} + {b} = {previous + b}.", previous + b
    return rng.choice([f"And minus {b}?", f"Now take away {b}.", f"Subtract {b} from that."]), f"{previous} - {b} = {previous - b}.", previous - b


def one(rng, part):
    kind = rng.random()
    make_one = question if kind < 0.78 else word_problem if kind < 0.9 else three if kind < 0.94 else compare if kind < 0.98 else count
    return make_one(rng, part)


def make(rng, part):
    messages, last = [], None
    for _ in range(rng.choice((1, 1, 2, 3, 4, 6))):
        if last is not None and last[1] >= 0 and rng.random() < 0.2:
            text, reply, result = chained(rng, part, last[1])
        else:
            text, reply, result = one(rng, part)
        usable = "bigger" not in reply and "smaller" not in reply and "Count" not in text and "count" not in text
        last = (text, result) if usable and result < 200 else None
        messages += [("user", text), ("assistant", reply)]
    return messages
