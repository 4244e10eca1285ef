"""Judges flashmoe against mlx-lm over the grid of cases.

usage: run.py --engine "COMMAND ARGS" [--only NAME] [--report FILE.json]

Bounds (02-house "oracle"): the exact path (scalar reference, f32 KV) within 2e-3 of the logits' standard deviation;
the fast path mean KL below 1e-3 and top-1 agreement of 99 % or more; 64 greedy tokens equal, a difference counted
only where the judge's gap is above GREEDY_BOUND times the standard deviation of its logits.
"""

import argparse
import json
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

from cases import CASES, Case
from engine import Engine
from judge import MlxJudge
from measures import greedy_violations, mean_kl, top1_agreement, worst_difference

POSITIONS = 96
GREEDY_TOKENS = 64
EXACT_BOUND = 2e-3
KL_BOUND = 1e-3
TOP1_BOUND = 0.99
# A gap this small, as a share of the logits' standard deviation, is within what f32 rounding of another order may move.
GREEDY_BOUND = 2e-3
EXACT_FLAGS = ["--cpu-level", "scalar", "--kv-format", "f32"]


def judge_case(engine: Engine, case: Case, work: Path) -> dict:
    directory = work / case.name
    engine.synth(directory, case.flags)
    tokens = np.random.default_rng(case.flags["seed"]).integers(0, case.flags["vocab"], POSITIONS).tolist()
    judge = MlxJudge(directory)
    theirs = judge.logits(tokens)
    exact = engine.logits(directory, tokens, work / "exact.npy", EXACT_FLAGS)
    fast = engine.logits(directory, tokens, work / "fast.npy", [])
    prompt = tokens[:16]
    chosen = engine.greedy(directory, prompt, GREEDY_TOKENS, [])
    forced = judge.logits(prompt + chosen[:-1])[len(prompt) - 1 :]
    bound = GREEDY_BOUND * float(theirs.std())
    result = {
        "case": case.name,
        "std": round(float(theirs.std()), 3),
        "exact": worst_difference(exact, theirs),
        "fast": worst_difference(fast, theirs),
        "kl": mean_kl(fast, theirs),
        "top1": top1_agreement(fast, theirs),
        "greedy_violations": greedy_violations(chosen, forced, bound),
    }
    failures = []
    if exact.shape != theirs.shape or fast.shape != theirs.shape:
        failures.append(f"shape {exact.shape} {fast.shape} for {theirs.shape}")
    if not result["exact"] < EXACT_BOUND:
        failures.append(f"exact path off by {result['exact']:.2e} of the standard deviation")
    if not result["kl"] < KL_BOUND:
        failures.append(f"mean KL {result['kl']:.2e}")
    if not result["top1"] >= TOP1_BOUND:
        failures.append(f"top-1 agreement {result['top1']:.4f}")
    if len(chosen) != GREEDY_TOKENS:
        failures.append(f"{len(chosen)} greedy tokens of {GREEDY_TOKENS}")
    if not 0.5 < result["std"] < 20:
        failures.append(f"logits are not lively: standard deviation {result['std']}")
    failures += result["greedy_violations"]
    result["failures"] = failures
    shutil.rmtree(directory)
    return result


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", required=True)
    parser.add_argument("--only")
    parser.add_argument("--report")
    options = parser.parse_args()
    engine = Engine(shlex.split(options.engine))
    results = []
    with tempfile.TemporaryDirectory(prefix="flashmoe-oracle-") as work:
        for case in CASES:
            if options.only and options.only != case.name:
                continue
            result = judge_case(engine, case, Path(work))
            results.append(result)
            verdict = "FAILED " + "; ".join(result["failures"]) if result["failures"] else "ok"
            print(
                f"{case.name:24} std {result['std']:6.2f}  exact {result['exact']:.1e}  fast {result['fast']:.1e}"
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
