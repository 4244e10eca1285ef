"""Distances between two sets of logits, f32 [positions, vocab]."""

import numpy as np


def log_softmax(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def worst_difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Largest absolute difference as a share of the judge's logits' standard deviation."""
    return float(np.abs(ours.astype(np.float64) - theirs.astype(np.float64)).max() / theirs.std())


def mean_kl(ours: np.ndarray, theirs: np.ndarray) -> float:
    """KL(judge || ours), mean over positions, in nats."""
    p, q = log_softmax(theirs), log_softmax(ours)
    return float((np.exp(p) * (p - q)).sum(axis=-1).mean())


def top1_agreement(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float((ours.argmax(axis=-1) == theirs.argmax(axis=-1)).mean())


def greedy_violations(tokens: list[int], judge_logits: np.ndarray, bound: float) -> list[str]:
    """Positions where the token chosen is not the judge's best and the judge's gap exceeds the bound.

    judge_logits [len(tokens), vocab] are teacher-forced on our own tokens, so every position is judged
    even after a tie went the other way.
    """
    found = []
    for i, token in enumerate(tokens):
        gap = float(judge_logits[i].max() - judge_logits[i][token])
        if gap > bound:
            found.append(f"token {i}: chose {token}, judge prefers {int(judge_logits[i].argmax())} by {gap:.5f}")
    return found
