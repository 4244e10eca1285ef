"""MLX's affine quantisation rule, in torch, as a straight-through pass.

Training with it makes the network choose weights that survive the 4-bit
form it is shipped in; the backward pass treats the rounding as identity.
"""

import torch

GROUP = 64


def affine(weight, bits):
    """weight [..., in] -> (levels, scale, bias), each grouped as [..., in/64, 64 or 1].

    The edge with the larger magnitude is represented exactly, and the scale
    is adjusted so that zero falls on a level.
    """
    groups = weight.float().unflatten(-1, (-1, GROUP))
    low, high = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
    bins = 2 ** bits - 1
    use_low = low.abs() > high.abs()
    scale = ((high - low) / bins).clamp_min(1e-7)
    scale = torch.where(use_low, scale, -scale)
    edge = torch.where(use_low, low, high)
    zero = (edge / scale).round()
    scale = torch.where(zero != 0, edge / zero.where(zero != 0, torch.ones_like(zero)), scale)
    bias = torch.where(zero != 0, edge, torch.zeros_like(edge))
    levels = ((groups - bias) / scale).round().clamp(0, bins)
    return levels, scale, bias


def dequantised(weight, bits):
    """The values a reader of the shipped file sees: scales and biases are bf16 there."""
    levels, scale, bias = affine(weight, bits)
    value = levels * scale.bfloat16().float() + bias.bfloat16().float()
    return value.flatten(-2)


def straight_through(weight, bits, strength):
    """weight + strength * (what rounding changes); the gradient passes as if nothing happened.

    A strength that grows from 0 to 1 eases the network into its shipped form,
    and as it is a tensor, one compiled graph serves the whole run.
    """
    with torch.no_grad():
        change = (dequantised(weight, bits) - weight) * strength
    return weight + change
