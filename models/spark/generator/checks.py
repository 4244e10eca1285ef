"""The suite's checks in Python: the generator's own answers must pass them.

The program's grader states the same rules; this version keeps the generator honest.
"""

import re

STORY_WORDS = (120, 260)
REFUSING = ["I can't", "I cannot", "I don't know", "I do not know", "not able to", "not told me"]


def number(answer):
    """The last number of an answer: commas between digits fall away, "- 5" is -5, "9 - 5" ends with 5."""
    found = re.findall(r"(?<![\d)])(?<!\d )-\s?\d+|\d+", re.sub(r"(?<=\d),(?=\d)", "", answer))
    return int(found[-1].replace(" ", "")) if found else None


def edged(text):
    """A pattern that has word edges where the text's own edges are letters or digits."""
    body = re.escape(text.strip())
    return (r"(?<![A-Za-z0-9])" if text[:1].isalnum() else "") + body + (r"(?![A-Za-z0-9])" if text[-1:].isalnum() else "")


def occurs(answer, text):
    return len(re.findall(edged(text), answer, re.I))


def sentences(text):
    """Sentences without their quotes, in lower case."""
    found = re.split(r"(?<=[.!?])[\"')]*\s+", text)
    return [s.strip(" \n\"'()").lower() for s in found if s.strip(" \n\"'()")]


def starts_with_vowel(word):
    word = word.lower()
    if word.startswith(("hour", "honest", "heir")):
        return True
    return word[0] in "aeiou" and not word.startswith(("uni", "use", "usu", "eu", "one", "once", "u-"))


def grammar(text):
    """The first rule of spelling that the text breaks, or None."""
    for article, word in re.findall(r"\b([Aa]n?)\s+\"?([A-Za-z][\w-]*)", text):
        if (article.lower() == "an") != starts_with_vowel(word):
            return f"article: {article} {word}"
    low = re.search(r"[.!?][\"']?\s+[\"']?[a-z]", re.sub(r"[!?]\"\s+[a-z]", "", text))
    if low:
        return f"no capital: {text[max(0, low.start() - 20): low.end() + 10]!r}"
    for paragraph in text.split("\n\n"):
        if paragraph.count('"') % 2:
            return f"quotes: {paragraph[:60]!r}"
    if not re.search(r"[.!?][\"']?$", text):
        return f"end: {text[-20:]!r}"
    twice = re.search(r"\b([A-Za-z]+)\s+\1\b", text, re.I)
    return f"doubled: {twice.group(0)!r}" if twice else None


def loops(text):
    """A sentence twice or eight words in a row three times."""
    said = sentences(text)
    twice = next((s for i, s in enumerate(said) if s in said[:i]), None)
    if twice:
        return f"sentence twice: {twice!r}"
    run = re.findall(r"[\w'-]+", text.lower())
    seen = {}
    for i in range(len(run) - 7):
        gram = tuple(run[i: i + 8])
        seen[gram] = seen.get(gram, 0) + 1
        if seen[gram] == 3:
            return f"8 words three times: {' '.join(gram)}"
    return None


def story(text, name=None, words=()):
    """What is wrong with a story, or None."""
    if name:
        places = [m.start() for m in re.finditer(edged(name), text)]
        if len(places) < 3:
            return f"name {name} {len(places)} times"
        if places[-1] < len(text) * 2 / 3:
            return f"name {name} not in the last third"
    for word in words:
        if occurs(text, word) < 2:
            return f"word {word} {occurs(text, word)} times"
    return loops(text) or grammar(text)


def rule(answer, r):
    kind, lines = r["rule"], [line for line in answer.split("\n") if line.strip()]
    if kind == "upper":
        return answer == answer.upper() and any(c.isalpha() for c in answer)
    if kind == "lower":
        return answer == answer.lower() and any(c.isalpha() for c in answer)
    if kind == "bullets":
        return len([line for line in lines if re.match(r"\s*[-*] ", line)]) == r["count"] == len(lines)
    if kind == "numbered":
        return len(lines) == r["count"] and all(re.match(rf"\s*{i}[.)] ", line) for i, line in enumerate(lines, 1))
    if kind == "words":
        return len(answer.split()) == r["count"]
    if kind == "sentences":
        return len([s for s in re.split(r"(?<=[.!?])\s+", answer.strip()) if s]) == r["count"]
    if kind == "starts":
        return answer.startswith(r["text"])
    if kind == "ends":
        return answer.endswith(r["text"])
    if kind == "contains":
        return occurs(answer, r["text"]) > 0
    if kind == "excludes":
        return occurs(answer, r["text"]) == 0
    if kind == "separated":
        parts = answer.split(r["by"])
        return len(parts) == r["count"] and all(p.strip() for p in parts)
    raise ValueError(f"unknown rule {kind}")


def passes(answer, check):
    """Does this answer pass this check?  Kinds of the core tasks only."""
    answer = answer.strip()
    kind = check["kind"]
    if kind == "number":
        return number(answer) == check["value"]
    if kind == "exact":
        return " ".join(answer.split()) == " ".join(check["value"].split())
    if kind == "contains":
        return all(occurs(answer, t) for t in check["all"]) and not any(occurs(answer, t) for t in check.get("none", []))
    if kind == "any":
        return all(any(occurs(answer, t) for t in group) for group in check["groups"])
    if kind == "refusal":
        return any(occurs(answer, t) for t in REFUSING) and any(occurs(answer, t) for t in check["about"])
    if kind == "story":
        return story(answer, check.get("name"), check.get("words", ())) is None
    if kind == "format":
        return all(rule(answer, r) for r in check["rules"])
    raise ValueError(f"unknown check {kind}")
