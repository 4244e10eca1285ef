"""Reads the shipped checkpoint back into torch: the exact values a reader computes with."""

from pathlib import Path

import torch
from safetensors.torch import load_file

PREFIX = "language_model.model."


def unpacked(stored, name):
    """One tensor, dequantised to f32 where it is stored as words of 4 or 8 bit levels."""
    value = stored[name]
    if value.dtype != torch.uint32:
        return value.float()
    scales, biases = (stored[name.removesuffix("weight") + kind].float().unsqueeze(-1) for kind in ("scales", "biases"))
    bits = value.shape[-1] * 32 // (scales.shape[-2] * 64)
    shifts = torch.arange(0, 32, bits)
    levels = ((value.long().unsqueeze(-1) >> shifts) & (2 ** bits - 1)).flatten(-2).unflatten(-1, (-1, 64)).float()
    return (levels * scales + biases).flatten(-2)


def state(folder):
    """folder with model.safetensors -> state dict of network.Network."""
    stored = load_file(str(Path(folder) / "model.safetensors"))
    names = [n for n in stored if not n.endswith((".scales", ".biases"))]
    return {n.removeprefix(PREFIX): unpacked(stored, n) for n in names}
