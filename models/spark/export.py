"""Writes the trained weights as an MLX checkpoint: model/model.safetensors and config.json.

    python export.py --checkpoint build/run/checkpoint.pt --out model

Matrices become 4-bit groups of 64 (the two gates 8-bit) by MLX's rule, the
rest bf16, A_log f32.  mlx-lm loads the folder as it is.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from pack import load_tokenizer
from quant import GROUP, affine
from shape import SPARK, TINY

HERE = Path(__file__).parent
PREFIX = "language_model.model."
EIGHT = ("mlp.gate.weight", "mlp.shared_expert_gate.weight")


def bits_of(name, value):
    """How many bits a tensor is stored with; 0 means that it is not quantised."""
    if name.endswith(EIGHT):
        return 8
    small = value.dim() < 2 or value.shape[-1] == 1          # norms, biases, the convolution
    return 0 if small else 4


def packed(weight, bits):
    """weight [..., in] -> words uint32 [..., in * bits / 32] (little end first), scales, biases [..., in / 64]."""
    levels, scale, bias = affine(weight, bits)
    levels = levels.flatten(-2).long().unflatten(-1, (-1, 32 // bits))
    shifts = torch.arange(0, 32, bits, device=levels.device)
    words = (levels << shifts).sum(-1)
    return words.to(torch.uint32).contiguous(), scale.squeeze(-1).bfloat16().contiguous(), bias.squeeze(-1).bfloat16().contiguous()


def tensors(state):
    out = {}
    for name, value in state.items():
        value = value.float().cpu()
        bits = bits_of(name, value)
        if bits:
            stem = PREFIX + name.removesuffix("weight")
            out[stem + "weight"], out[stem + "scales"], out[stem + "biases"] = packed(value, bits)
        else:
            out[PREFIX + name] = value.contiguous() if name.endswith("A_log") else value.bfloat16().contiguous()
    return out


def config(shape, tokenizer):
    token = tokenizer.token_to_id
    third = shape.rotary_dim // 6
    text = {name: getattr(shape, name) for name in shape.__dataclass_fields__ if name not in ("partial_rotary_factor", "rope_theta")}
    text |= {
        "model_type": "qwen3_5_moe_text",
        "layer_types": ["full_attention" if shape.is_full_attention(i) else "linear_attention" for i in range(shape.num_hidden_layers)],
        "hidden_act": "silu", "attention_bias": False, "attention_dropout": 0.0, "attn_output_gate": True, "norm_topk_prob": True,
        "initializer_range": 0.02, "tie_word_embeddings": True, "use_cache": True, "mamba_ssm_dtype": "float32", "dtype": "bfloat16",
        "rope_parameters": {"rope_type": "default", "rope_theta": shape.rope_theta, "partial_rotary_factor": shape.partial_rotary_factor,
                            "mrope_interleaved": True, "mrope_section": [shape.rotary_dim // 2 - 2 * third, third, third]},
        "bos_token_id": None, "eos_token_id": token("<|endoftext|>"), "pad_token_id": token("<|endoftext|>"),
    }
    quantization = {"group_size": GROUP, "bits": 4, "mode": "affine"}
    for layer in range(shape.num_hidden_layers):
        for gate in ("gate", "shared_expert_gate"):
            quantization[f"{PREFIX}layers.{layer}.mlp.{gate}"] = {"group_size": GROUP, "bits": 8}
    return {"architectures": ["Qwen3_5MoeForConditionalGeneration"], "model_type": "qwen3_5_moe", "tie_word_embeddings": True, "dtype": "bfloat16",
            "eos_token_id": [token("<|im_end|>"), token("<|endoftext|>")], "pad_token_id": token("<|endoftext|>"),
            "text_config": text, "quantization": quantization, "quantization_config": quantization}


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--checkpoint", default=str(HERE / "build" / "run" / "checkpoint.pt"))
    args.add_argument("--out", default=str(HERE / "model"))
    args.add_argument("--tiny", action="store_true")
    args = args.parse_args()
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = load_tokenizer()
    state = torch.load(args.checkpoint, map_location="cpu")["net"]
    save_file(tensors(state), out / "model.safetensors", metadata={"format": "mlx"})
    (out / "config.json").write_text(json.dumps(config(TINY if args.tiny else SPARK, tokenizer), indent=2) + "\n")
    generation = {"eos_token_id": [tokenizer.token_to_id("<|im_end|>"), tokenizer.token_to_id("<|endoftext|>")],
                  "pad_token_id": tokenizer.token_to_id("<|endoftext|>"), "do_sample": True, "temperature": 0.7, "top_p": 0.9, "top_k": 20}
    (out / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n")
    size = (out / "model.safetensors").stat().st_size
    print(f"model.safetensors: {size:,} bytes = {size / 2 ** 20:.2f} MiB")


if __name__ == "__main__":
    main()
