"""One case against transformers: a raw Hugging Face bf16 checkpoint, written by transformers itself.

usage: transformers_case.py --engine "COMMAND ARGS"

Raw checkpoints store zero-centred norms, the convolution as [C, 1, K] and the experts fused; transformers is the judge
in f32 on the bf16 weights, so this also covers what an MLX conversion would have folded away.
"""

import argparse
import shlex
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from transformers import Qwen3_5MoeForCausalLM, Qwen3_5MoeTextConfig

from engine import Engine
from measures import mean_kl, top1_agreement, worst_difference
from run import EXACT_BOUND, EXACT_FLAGS, KL_BOUND, POSITIONS, TOP1_BOUND

SEED = 41


def write_checkpoint(directory: Path) -> Qwen3_5MoeForCausalLM:
    """A random model of 8 layers with lively logits, saved in bf16; loaded again in f32.

    Loaded, not converted: `.to()` would round the rotary frequencies too, which are no weights.
    """
    config = Qwen3_5MoeTextConfig(
        vocab_size=512,
        hidden_size=128,
        num_hidden_layers=8,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        linear_num_value_heads=4,
        linear_num_key_heads=2,
        linear_key_head_dim=32,
        linear_value_head_dim=32,
        num_experts=32,
        num_experts_per_tok=6,
        moe_intermediate_size=64,
        shared_expert_intermediate_size=64,
        max_position_embeddings=4096,
        tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": 1e7, "partial_rotary_factor": 0.25},
        initializer_range=0.08,
        eos_token_id=0,
        pad_token_id=0,
    )
    torch.manual_seed(SEED)
    model = Qwen3_5MoeForCausalLM(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name and parameter.ndim == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
        model.lm_head.weight.copy_(torch.randn_like(model.lm_head.weight) * 3 / config.hidden_size**0.5)
    model.to(torch.bfloat16).save_pretrained(directory)
    return Qwen3_5MoeForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", required=True)
    options = parser.parse_args()
    engine = Engine(shlex.split(options.engine))
    tokens = np.random.default_rng(SEED).integers(0, 512, POSITIONS).tolist()
    with tempfile.TemporaryDirectory(prefix="flashmoe-transformers-") as work:
        directory = Path(work) / "raw"
        model = write_checkpoint(directory)
        with torch.no_grad():
            theirs = model(torch.tensor([tokens])).logits[0].float().numpy()
        exact = engine.logits(directory, tokens, Path(work) / "exact.npy", EXACT_FLAGS)
        fast = engine.logits(directory, tokens, Path(work) / "fast.npy", [])
    off, kl, top1 = worst_difference(exact, theirs), mean_kl(fast, theirs), top1_agreement(fast, theirs)
    print(f"transformers bf16  std {theirs.std():.2f}  exact {off:.1e}  KL {kl:.1e}  top-1 {top1:.3f}")
    good = off < EXACT_BOUND and kl < KL_BOUND and top1 >= TOP1_BOUND and 0.5 < theirs.std() < 20
    print(f"transformers: {int(good)} passed, {int(not good)} failed")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
