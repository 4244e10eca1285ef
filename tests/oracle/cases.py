"""The grid of checkpoints on which flashmoe and mlx-lm must agree.

Each case is a set of `flashmoe synth` flags. Between them they cover 4 to 12 layers, 8 to 128 experts, K from 1 to 10,
several head, kv and delta-net ratios, every bit width and group, mixed and plain gates, bf16 without quantisation,
f32 / f16 / bf16 scales, tied and untied heads.

Seeds: one where the judge itself is undecided proves nothing. With seed 14 the case three-bit has a router whose 8th and
9th expert differ by 2e-6 at position 72, a tie to f32, so two exact programs may choose differently; hence seed 44.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Case:
    name: str
    flags: dict = field(default_factory=dict)


BASE = {
    "layers": 4,
    "hidden": 128,
    "heads": 4,
    "kv-heads": 2,
    "head-dim": 64,
    "experts": 16,
    "experts-per-token": 4,
    "expert-width": 64,
    "shared-width": 64,
    "delta-value-heads": 4,
    "delta-key-heads": 2,
    "delta-key-dim": 32,
    "delta-value-dim": 32,
    "vocab": 512,
    "bits": 4,
    "group": 64,
    "seed": 1,
}


def case(name: str, **changes) -> Case:
    flags = dict(BASE)
    flags.update({key.replace("_", "-"): value for key, value in changes.items()})
    return Case(name, flags)


CASES = [
    case("four-bit", seed=11),
    case("four-bit-gates-eight", gate_bits=8, layers=8, seed=12),
    case("two-bit", bits=2, gate_bits=8, seed=13),
    case("three-bit", bits=3, group=64, experts=32, experts_per_token=8, seed=44),
    case("five-bit", bits=5, group=32, seed=15),
    case("six-bit", bits=6, group=64, layers=12, seed=16),
    case("eight-bit", bits=8, group=128, expert_width=128, shared_width=128, seed=17),
    case("group-32", bits=4, group=32, hidden=96, expert_width=96, shared_width=32, delta_value_dim=24, seed=18),
    case("group-128", bits=4, group=128, hidden=256, expert_width=128, shared_width=256, experts=64, experts_per_token=10, gate_bits=8, seed=19),
    case("three-bit-group-32", bits=3, group=32, gate_bits=8, experts=8, experts_per_token=1, seed=20),
    case("six-bit-group-128", bits=6, group=128, expert_width=128, shared_width=128, head_dim=128, seed=21),
    case("two-bit-group-32", bits=2, group=32, experts=128, experts_per_token=2, seed=22),
    case("many-experts", experts=128, experts_per_token=10, gate_bits=8, layers=8, seed=23),
    case("one-kv-head", heads=8, kv_heads=1, head_dim=32, layers=8, seed=24),
    case("equal-heads", heads=4, kv_heads=4, delta_value_heads=4, delta_key_heads=4, seed=25),
    case("wide-delta", delta_value_heads=8, delta_key_heads=2, delta_key_dim=64, delta_value_dim=64, layers=12, gate_bits=8, seed=26),
    case("tied", tie=True, gate_bits=8, experts=32, experts_per_token=8, layers=8, seed=27),
    case("family-heads", heads=2, kv_heads=1, head_dim=256, delta_key_dim=128, delta_value_dim=128, hidden=256, gate_bits=8, experts=64, experts_per_token=8, seed=28),
    case("bf16", dtype="bf16", bits=0, group=0, seed=29),
    case("bf16-tied", dtype="bf16", bits=0, group=0, tie=True, layers=8, experts=32, experts_per_token=6, seed=30),
    case("f16-scales", dtype="f16", gate_bits=8, seed=31),
    case("f32-scales", dtype="f32", bits=8, group=64, seed=32),
]
