"""Asks the shipped model questions it was not trained on and counts right answers.

    python evaluate.py --count 40                  with mlx-lm, as a user would run it
    python evaluate.py --count 300 --torch         the same weights in torch, batched, for a GPU

Held out: a tenth of all pairs of numbers, a tenth of all names, all words
cut together for validation, some topics, and some ways to ask.
Decoding is greedy; stories are also sampled with the shipped settings.
"""

import argparse
import json
import random
import re
from pathlib import Path

from generator import chats, copying, stories, sums, words
from generator.mix import written
from generator.world import plain

HERE = Path(__file__).parent
DEMO = "Tell me a story about a fox."


class Mlx:
    """Answers with mlx-lm, as a user would run it."""

    def __init__(self, folder):
        from mlx_lm import load
        self.model, self.tokenizer = load(str(folder))

    def answers(self, conversations, limit, settings=None):
        from mlx_lm import batch_generate
        from mlx_lm.sample_utils import make_sampler
        sampler = make_sampler(temp=settings["temperature"], top_p=settings["top_p"], top_k=settings["top_k"]) if settings else make_sampler(temp=0.0)
        prompts = []
        for messages in conversations:
            turns = [{"role": role, "content": text} for role, text in messages]
            prompts.append(self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, enable_thinking=False))
        told = batch_generate(self.model, self.tokenizer, prompts, max_tokens=limit, sampler=sampler)
        return [text.strip() for text in told.texts]


class Torch:
    """Answers many conversations at once: the shipped weights, dequantised, in network.py.

    No cache: every step runs the whole prefix, which a GPU does not mind at this size.
    """

    def __init__(self, folder):
        import torch
        from network import Network
        from pack import load_tokenizer
        from shape import SPARK
        from shipped import state
        self.torch, self.tokenizer = torch, load_tokenizer()
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.net = Network(SPARK)
        self.net.load_state_dict(state(folder))
        self.net.to(self.device).eval()

    def pick(self, logits, settings):
        """logits [N, V] -> token [N], greedy or sampled."""
        torch = self.torch
        if not settings:
            return logits.argmax(-1)
        top, index = (logits.float() / settings["temperature"]).topk(settings["top_k"], -1)
        probs = top.softmax(-1)
        probs = probs * (probs.cumsum(-1) - probs < settings["top_p"])
        return index.gather(-1, torch.multinomial(probs, 1)).squeeze(-1)

    def answers(self, conversations, limit, settings=None, group=200):
        out = []
        for i in range(0, len(conversations), group):
            out += self.some(conversations[i: i + group], limit, settings)
        return out

    def some(self, conversations, limit, settings):
        torch = self.torch
        close, end = (self.tokenizer.token_to_id(t) for t in ("<|im_end|>", "<|endoftext|>"))
        prompts = [self.tokenizer.encode(written(m) + "<|im_start|>assistant\n<think>\n\n</think>\n\n", add_special_tokens=False).ids for m in conversations]
        size = -(-(max(map(len, prompts)) + limit) // 64) * 64
        ids = torch.full((len(prompts), size), end, device=self.device)
        for row, prompt in enumerate(prompts):
            ids[row, : len(prompt)] = torch.tensor(prompt)
        at = torch.tensor([len(p) for p in prompts], device=self.device)
        done = torch.zeros(len(prompts), dtype=torch.bool, device=self.device)
        every = torch.arange(len(prompts), device=self.device)
        # Tokens after the prefix change nothing before them, so the row can be longer than its text.
        with torch.no_grad():
            for _ in range(limit):
                reach = -(-int(at.max()) // 64) * 64
                logits, _, _ = self.net(ids[:, :reach], torch.zeros_like(ids[:, :reach]), dtype=torch.bfloat16 if self.device == "cuda" else torch.float32)
                token = self.pick(logits[every, at - 1], settings)
                done |= (token == close) | (token == end)
                if done.all():
                    break
                ids[every, at] = torch.where(done, ids[every, at], token)
                at = torch.where(done, at, at + 1)
        return [self.tokenizer.decode(ids[row, len(p): at[row]].tolist()).strip() for row, p in enumerate(prompts)]


def number(text):
    """The result an answer states: its last number."""
    found = re.findall(r"-?\d+", text.replace("- ", "-"))
    return int(found[-1]) if found else None


def name_case(rng, new, asking):
    """Told a name, asked something else, then asked for the name."""
    name = words.new_name(rng, "held") if new else rng.choice(words.share(words.GIRLS + words.BOYS, "held"))
    messages = [("user", chats.introduce(rng, "held", name)), ("assistant", chats.name_reply(rng, name))]
    for _ in range(rng.choice((1, 2))):
        messages += chats.distractor(rng, "held")
    return messages + [("user", rng.choice(asking))], name


def fact_case(rng):
    fact = chats.fact(rng, "held")
    messages = [("user", fact["tell"]), ("assistant", fact["reply"])] + chats.distractor(rng, "held")
    return messages + [("user", fact["ask"])], fact["value"]


def sentences(text):
    return [s.strip() for s in re.split(r"(?<=[.!?])\s+", text) if s.strip()]


def story_figures(pairs):
    """pairs of (topic, text): is the topic kept, does it end, does a sentence come twice?"""
    kept = [len(re.findall(rf"\b{re.escape(t)}", s)) >= 3 for t, s in pairs]
    last = [t in "\n\n".join(s.split("\n\n")[-2:]) for t, s in pairs]
    ended = [s[-1:] in ".!?\"" for _, s in pairs]
    fresh = [len(set(sentences(s))) == len(sentences(s)) for _, s in pairs]
    share = lambda flags: round(sum(flags) / max(1, len(flags)), 4)
    return {"topic_three_times": share(kept), "topic_in_second_half": share(last), "ends_well": share(ended), "no_sentence_twice": share(fresh),
            "different_openings": len({s[:60] for _, s in pairs}), "different_stories": len({s for _, s in pairs}), "mean_words": round(sum(len(s.split()) for _, s in pairs) / max(1, len(pairs)))}


def evaluate(engine, count, settings, seed=20_000_001, with_stories=True):
    rng = random.Random(seed)
    out = {}

    def exact(label, cases, right, limit=40):
        answers = engine.answers([m for m, _ in cases], limit)
        flags = [right(a, v) for a, (_, v) in zip(answers, cases)]
        out[label] = {"right": sum(flags), "of": len(flags)}
        wrong = [(cases[i][0][-1][1], cases[i][1], answers[i]) for i, ok in enumerate(flags) if not ok][:3]
        print(label, out[label], "wrong, for example:" if wrong else "", wrong, flush=True)

    held_sums = [sums.question(rng, "held", "train") for _ in range(count)]
    exact("sums", [([("user", q)], r) for q, _, r in held_sums], lambda a, v: number(a) == v)
    held_sums = [sums.question(rng, "held") for _ in range(count)]
    exact("sums_held_wording", [([("user", q)], r) for q, _, r in held_sums], lambda a, v: number(a) == v)
    held_problems = [sums.word_problem(rng, "held") for _ in range(count // 2)]
    exact("word_problems", [([("user", q)], r) for q, _, r in held_problems], lambda a, v: number(a) == v)
    exact("names", [name_case(rng, False, chats.ASK_NAME) for _ in range(count)], lambda a, v: v in a)
    exact("names_new_words", [name_case(rng, True, chats.ASK_NAME) for _ in range(count)], lambda a, v: v in a)
    exact("names_held_wording", [name_case(rng, True, chats.ASK_NAME_HELD) for _ in range(count)], lambda a, v: v in a)
    exact("facts", [fact_case(rng) for _ in range(count)], lambda a, v: chats.your(v) in a or v.lower() in a.lower())
    exact("repeat", [([("user", q)], r) for q, r in (copying.turn(rng, "held") for _ in range(count // 2))], lambda a, v: a == v)
    exact("not_told", [([("user", rng.choice(chats.NEVER_TOLD)[0])], "") for _ in range(count // 4)], lambda a, v: "not" in a)

    if not with_stories:
        return out

    def story_prompts(pool, ask):
        topics = [plain(rng.choice(pool)) for _ in range(count // 2)]
        return topics, [[("user", rng.choice(ask).format(a=words.article(t), A=words.capital(words.article(t))))] for t in topics]

    everything = [t for group in (words.LAND, words.AIR, words.SEA, words.PEOPLE, words.OBJECTS, words.PLACES) for t in group]
    sets = {"stories": story_prompts(words.topics(everything, "train"), stories.ASK),
            "stories_held_topics": story_prompts(words.topics(everything, "held"), stories.ASK_HELD),
            "stories_new_words": story_prompts([words.glued(rng, "held") for _ in range(count)], stories.ASK_HELD)}
    told = engine.answers([p for _, prompts in sets.values() for p in prompts] + [[("user", DEMO)]], 330)      # one large batch
    for label, (topics, prompts) in sets.items():
        out[label], told = story_figures(list(zip(topics, told))), told[len(topics):]
        print(label, out[label], flush=True)
    topics, prompts = sets["stories"]
    foxes = max(4, count // 8)
    sampled = engine.answers(prompts + [[("user", DEMO)]] * foxes, 330, settings)
    out["stories_sampled"] = story_figures(list(zip(topics, sampled)))
    out["fox_sampled"] = story_figures([("fox", s) for s in sampled[len(topics):]])
    print("sampled", out["stories_sampled"], "fox", out["fox_sampled"], flush=True)
    out["samples"] = {"fox_greedy": told[0], "fox_sampled": sampled[-3:]}
    return out


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--model", default=str(HERE / "model"))
    args.add_argument("--count", type=int, default=40)
    args.add_argument("--torch", action="store_true")
    args.add_argument("--no-stories", action="store_true")
    args.add_argument("--out")
    args = args.parse_args()
    engine = (Torch if args.torch else Mlx)(args.model)
    settings = json.loads((Path(args.model) / "generation_config.json").read_text())
    figures = evaluate(engine, args.count, settings, with_stories=not args.no_stories)
    print(json.dumps(figures, indent=2))
    if args.out:
        Path(args.out).write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
