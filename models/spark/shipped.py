"""Reads an MLX checkpoint folder back into torch: the exact values a reader computes with."""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from shape import Shape

PREFIX = "language_model.model."
GROUP = 64


def unpacked(stored, name):
    """One tensor, dequantised to f32 where it is stored as words of 2, 3, 4 or 8 bit levels."""
    value = stored[name]
    if value.dtype != torch.uint32:
        return value.float()
    scales, biases = (stored[name.removesuffix("weight") + kind].float().unsqueeze(-1) for kind in ("scales", "biases"))
    bits = value.shape[-1] * 32 // (scales.shape[-2] * GROUP)
    rows = value.reshape(-1, value.shape[-1]).numpy().view(np.uint8)
    stream = np.unpackbits(rows, axis=1, bitorder="little").reshape(rows.shape[0], -1, bits)
    levels = (stream * (1 << np.arange(bits, dtype=np.uint8))).sum(-1, dtype=np.uint8)
    levels = torch.from_numpy(levels).float().reshape(*value.shape[:-1], -1, GROUP)
    return (levels * scales + biases).flatten(-2)


def state(folder):
    """folder -> state dict of network.Network."""
    stored = {}
    for path in sorted(Path(folder).glob("model*.safetensors")):
        stored |= load_file(str(path))
    names = [n for n in stored if not n.endswith((".scales", ".biases"))]
    return {n.removeprefix(PREFIX): unpacked(stored, n) for n in names}


def shape(folder):
    """The sizes in a folder's config.json."""
    text = json.loads((Path(folder) / "config.json").read_text())["text_config"]
    text |= {k: text["rope_parameters"][k] for k in ("rope_theta", "partial_rotary_factor")}
    return Shape(**{name: text[name] for name in Shape.__dataclass_fields__})
