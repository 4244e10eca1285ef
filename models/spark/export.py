"""Writes checkpoint folders from trained weights, in files of at most 16 MiB.

    python export.py --checkpoint build/run/checkpoint.pt --bits 4 --out build/spark-4bit
    python export.py --checkpoint build/run/checkpoint.pt --bits 16 --out build/spark-bf16
    python export.py --from build/spark-bf16 --bits 2 --out build/spark-2bit
    python export.py --from build/spark-bf16 --layout hf --out build/spark-hf

--bits 2, 3, 4, 8: MLX layout, matrices in groups of 64 by MLX's rule (the two gates always 8 bits),
the rest bf16, A_log f32; mlx-lm loads the folder as it is.  --bits 16: MLX layout, the weights
unrounded, in bf16.  The shipped 4-bit weights are rounded from the f32 weights, as in training.
--layout hf: what transformers loads, bf16.  --from reads an exported folder instead of a checkpoint.
"""

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

import shipped
from quant import GROUP, affine
from shape import SPARK, TINY

HERE = Path(__file__).parent
PREFIX = "language_model.model."
EIGHT = ("mlp.gate.weight", "mlp.shared_expert_gate.weight")
FILE = 16 * 2 ** 20
HEADER = 2 ** 17                                                # room for a file's header


def bits_of(name, value, bits):
    """How many bits a tensor is stored with; 0 means that it is not quantised."""
    small = value.dim() < 2 or value.shape[-1] == 1             # norms, biases, the convolution
    if small or bits == 16:
        return 0
    return 8 if name.endswith(EIGHT) else bits


def words(levels, bits):
    """levels [..., in] -> uint32 [..., in * bits / 32]: one stream of bits, little end first, as MLX packs 3 bits too."""
    flat = levels.reshape(-1, levels.shape[-1]).numpy().astype(np.uint8)
    stream = ((flat[:, :, None] >> np.arange(bits, dtype=np.uint8)) & 1).reshape(flat.shape[0], -1)
    packed = np.packbits(stream, axis=1, bitorder="little").view("<u4")
    return torch.from_numpy(packed.copy()).reshape(*levels.shape[:-1], -1)


def packed(weight, bits):
    """weight [..., in] -> words, and scales and biases bf16 [..., in / 64]."""
    levels, scale, bias = affine(weight, bits)
    return words(levels.flatten(-2).to(torch.uint8), bits), scale.squeeze(-1).bfloat16().contiguous(), bias.squeeze(-1).bfloat16().contiguous()


def mlx_tensors(state, bits):
    out = {}
    for name, value in state.items():
        width = bits_of(name, value, bits)
        if width:
            stem = PREFIX + name.removesuffix("weight")
            out[stem + "weight"], out[stem + "scales"], out[stem + "biases"] = packed(value, width)
        else:
            out[PREFIX + name] = value.contiguous() if name.endswith("A_log") else value.bfloat16().contiguous()
    return out


def hf_tensors(state, shape):
    """Hugging Face's names and forms: experts fused, norms zero-centred, the convolution [C, 1, K]."""
    out = {}
    for name, value in state.items():
        if ".switch_mlp." in name:
            continue
        if name.endswith("layernorm.weight") or name == "norm.weight" or "q_norm" in name or "k_norm" in name:
            value = value - 1.0
        if "conv1d" in name:
            value = value.movedim(2, 1)
        out["model." + name] = value
    for i in range(shape.num_hidden_layers):
        old, new = f"layers.{i}.mlp.switch_mlp.", f"model.layers.{i}.mlp.experts."
        out[new + "gate_up_proj"] = torch.cat([state[old + "gate_proj.weight"], state[old + "up_proj.weight"]], 1)
        out[new + "down_proj"] = state[old + "down_proj.weight"]
    return out


def text_config(shape, end):
    third = shape.rotary_dim // 6
    config = {name: getattr(shape, name) for name in shape.__dataclass_fields__ if name not in ("partial_rotary_factor", "rope_theta")}
    return config | {
        "model_type": "qwen3_5_moe_text",
        "layer_types": ["full_attention" if shape.is_full_attention(i) else "linear_attention" for i in range(shape.num_hidden_layers)],
        "hidden_act": "silu", "attention_bias": False, "attention_dropout": 0.0, "attn_output_gate": True, "norm_topk_prob": True,
        "initializer_range": 0.02, "tie_word_embeddings": True, "use_cache": True, "mamba_ssm_dtype": "float32", "dtype": "bfloat16",
        "rope_parameters": {"rope_type": "default", "rope_theta": shape.rope_theta, "partial_rotary_factor": shape.partial_rotary_factor,
                            "mrope_interleaved": True, "mrope_section": [shape.rotary_dim // 2 - 2 * third, third, third]},
        "bos_token_id": None, "eos_token_id": end, "pad_token_id": end}


def mlx_config(shape, bits, ends):
    config = {"architectures": ["Qwen3_5MoeForConditionalGeneration"], "model_type": "qwen3_5_moe", "tie_word_embeddings": True, "dtype": "bfloat16",
              "eos_token_id": ends, "pad_token_id": ends[-1], "text_config": text_config(shape, ends[-1])}
    if bits < 16:
        quantization = {"group_size": GROUP, "bits": bits, "mode": "affine"}
        for layer in range(shape.num_hidden_layers):
            for gate in ("gate", "shared_expert_gate"):
                quantization[f"{PREFIX}layers.{layer}.mlp.{gate}"] = {"group_size": GROUP, "bits": 8}
        config |= {"quantization": quantization, "quantization_config": quantization}
    return config


def hf_config(shape, ends):
    return text_config(shape, ends[-1]) | {"architectures": ["Qwen3_5MoeForCausalLM"], "eos_token_id": ends}


def save(tensors, out):
    """In files of at most FILE bytes, in order, with an index when there are several."""
    files, size = [{}], 0
    for name, value in tensors.items():
        bytes_ = value.numel() * value.element_size()
        if bytes_ > FILE - HEADER:
            raise SystemExit(f"{name} alone is larger than a file of {FILE:,} bytes may be")
        if size + bytes_ > FILE - HEADER:
            files.append({})
            size = 0
        files[-1][name] = value
        size += bytes_
    names = ["model.safetensors"] if len(files) == 1 else [f"model-{i + 1:05d}-of-{len(files):05d}.safetensors" for i in range(len(files))]
    total = 0
    for name, some in zip(names, files, strict=True):
        save_file(some, out / name, metadata={"format": "mlx"})
        (out / name).chmod(0o644)
        length = (out / name).stat().st_size
        total += length
        assert length <= FILE, (name, length)
    if len(files) > 1:
        where = {tensor: name for name, some in zip(names, files, strict=True) for tensor in some}
        index = {"metadata": {"total_size": sum(t.numel() * t.element_size() for t in tensors.values())}, "weight_map": where}
        (out / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
    return total, len(files)


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def companions(out, tokenizer, ends):
    """The tokenizer, the chat template and how to sample, beside the weights."""
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if (tokenizer / name).resolve() != (out / name).resolve():
            shutil.copyfile(tokenizer / name, out / name)
    template = json.loads((tokenizer / "tokenizer_config.json").read_text()).get("chat_template") or (HERE / "chat_template.jinja").read_text()
    (out / "chat_template.jinja").write_text(template)
    write_json(out / "generation_config.json", {"eos_token_id": ends, "pad_token_id": ends[-1], "do_sample": True, "temperature": 0.7, "top_p": 0.9, "top_k": 20})


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--checkpoint", default=str(HERE / "build" / "run" / "checkpoint.pt"))
    args.add_argument("--from", dest="folder", help="an exported MLX folder to read instead of a checkpoint")
    args.add_argument("--bits", type=int, default=4, choices=(2, 3, 4, 8, 16))
    args.add_argument("--layout", default="mlx", choices=("mlx", "hf"))
    args.add_argument("--tokenizer", help="folder of tokenizer.json and tokenizer_config.json (default: beside pack.py's tokenizer)")
    args.add_argument("--out", required=True)
    args = args.parse_args()
    from pack import tokenizer_path
    from prompts import ENDS
    from tokenizers import Tokenizer
    folder = Path(args.tokenizer) if args.tokenizer else tokenizer_path().parent
    token = Tokenizer.from_file(str(folder / "tokenizer.json")).token_to_id
    ends = [token(t) for t in ENDS]
    if args.folder:
        shape, state = shipped.shape(args.folder), shipped.state(args.folder)
    else:
        kept = torch.load(args.checkpoint, map_location="cpu", weights_only=True)
        shape, state = TINY if kept["tiny"] else SPARK, {k: v.float() for k, v in kept["net"].items()}
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("model*.safetensors*"):
        old.unlink()
    if args.layout == "hf":
        tensors = {k: (v if k.endswith("A_log") else v.bfloat16()).contiguous() for k, v in hf_tensors(state, shape).items()}
        write_json(out / "config.json", hf_config(shape, ends))
    else:
        tensors = mlx_tensors(state, args.bits)
        write_json(out / "config.json", mlx_config(shape, args.bits, ends))
    total, count = save(tensors, out)
    companions(out, folder, ends)
    print(f"{out}: {total:,} bytes = {total / 2 ** 20:.2f} MiB in {count} files", flush=True)


if __name__ == "__main__":
    main()
