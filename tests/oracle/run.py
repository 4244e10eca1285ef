"""Judges flashmoe against mlx-lm over the grid of cases.

usage: run.py --engine "COMMAND ARGS" [--only NAME] [--report FILE.json]

Bounds: the exact path (scalar reference, f32 KV) within 2e-3 of the logits' standard deviation; the fast path mean KL
below 1e-3 and top-1 agreement of 99 % or more over SEQUENCES sequences; 64 greedy tokens equal on both
paths, a difference counted only where the judge's gap is above the bounds stated below.
"""

import argparse
import json
import os
import shlex
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from cases import CASES, Case
from engine import Engine
from measures import greedy_violations, mean_kl, top1_agreement, worst_difference

POSITIONS = 96
# One position in 96 is already more than one per cent: a rate needs several sequences.
SEQUENCES = 4
GREEDY_TOKENS = 64
EXACT_BOUND = 2e-3
KL_BOUND = 1e-3
TOP1_BOUND = 0.99
# Greedy tokens: a difference counts where the judge's gap, as a share of its logits' standard deviation, is above these.
# Exact: what f32 rounding in another order may move. Fast: 16-bit activations and an f16 cache may also turn a routing
# decision around that was a tie to four digits; the token's logits then move by some hundredths.
EXACT_GREEDY_BOUND = 2e-3
FAST_GREEDY_BOUND = 0.1
EXACT_FLAGS = ["--cpu-level", "scalar", "--kv-format", "f32"]


def load_judge(directory: Path):
    """Imported late: the bounds above are also used where mlx is not installed."""
    from judge import MlxJudge

    return MlxJudge(directory)


def judge_case(engine: Engine, work: Path, case: Case) -> dict:
    work = work / case.name
    work.mkdir()
    directory = work / "model"
    engine.synth(directory, case.flags)
    random = np.random.default_rng(case.flags["seed"])
    sequences = random.integers(0, case.flags["vocab"], (SEQUENCES, POSITIONS)).tolist()
    judge = load_judge(directory)
    judged = [judge.logits(tokens) for tokens in sequences]
    exact = engine.logits(directory, sequences[0], work / "exact.npy", EXACT_FLAGS)
    fast = np.concatenate([engine.logits(directory, tokens, work / "fast.npy", []) for tokens in sequences])
    theirs = np.concatenate(judged)
    prompt = sequences[0][:16]
    greedy = []
    for name, flags, bound in [("exact", EXACT_FLAGS, EXACT_GREEDY_BOUND), ("fast", [], FAST_GREEDY_BOUND)]:
        chosen = engine.greedy(directory, prompt, GREEDY_TOKENS, flags)
        forced = judge.logits(prompt + chosen[:-1])[len(prompt) - 1 :]
        greedy += [f"{name} {found}" for found in greedy_violations(chosen, forced, bound * float(theirs.std()))]
        if len(chosen) != GREEDY_TOKENS:
            greedy.append(f"{name} path: {len(chosen)} greedy tokens of {GREEDY_TOKENS}")
    result = {
        "case": case.name,
        "std": round(float(theirs.std()), 3),
        "exact": worst_difference(exact, judged[0]),
        "fast": worst_difference(fast, theirs),
        "kl": mean_kl(fast, theirs),
        "top1": top1_agreement(fast, theirs),
        "greedy_violations": greedy,
    }
    failures = []
    if exact.shape != judged[0].shape or fast.shape != theirs.shape:
        failures.append(f"shape {exact.shape} {fast.shape} for {judged[0].shape} {theirs.shape}")
    if not result["exact"] < EXACT_BOUND:
        failures.append(f"exact path off by {result['exact']:.2e} of the standard deviation")
    if not result["kl"] < KL_BOUND:
        failures.append(f"mean KL {result['kl']:.2e}")
    if not result["top1"] >= TOP1_BOUND:
        failures.append(f"top-1 agreement {result['top1']:.4f}")
    if not 0.5 < result["std"] < 20:
        failures.append(f"logits are not lively: standard deviation {result['std']}")
    failures += result["greedy_violations"]
    result["failures"] = failures
    shutil.rmtree(work)
    return result


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", required=True)
    parser.add_argument("--only")
    parser.add_argument("--report")
    options = parser.parse_args()
    engine = Engine(shlex.split(options.engine))
    cases = [case for case in CASES if options.only in (None, case.name)]
    results = []
    # As many cases at once as there are cores: judge and engine take turns within each.
    pool = ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn"))
    with tempfile.TemporaryDirectory(prefix="flashmoe-oracle-") as work, pool:
        for result in pool.map(partial(judge_case, engine, Path(work)), cases):
            results.append(result)
            verdict = "FAILED " + "; ".join(result["failures"]) if result["failures"] else "ok"
            print(
                f"{result['case']:24} std {result['std']:6.2f}  exact {result['exact']:.1e}  fast {result['fast']:.1e}"
                f"  KL {result['kl']:.1e}  top-1 {result['top1']:.3f}  {verdict}",
                flush=True,
            )
    if options.report:
        Path(options.report).write_text(json.dumps(results, indent=1) + "\n")
    failed = sum(1 for r in results if r["failures"])
    print(f"oracle: {len(results) - failed} passed, {failed} failed")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
