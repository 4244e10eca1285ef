"""Goldens of attention and gated delta net: runs both through MLX and mlx-lm on tiny shapes and prints
zig/backend/cpu/goldens.zig. Inputs are hashes of (seed, index), made the same way in zig/backend/cpu/test_rig.zig.

    python tests/golden/float_ops.py > zig/backend/cpu/goldens.zig        (needs mlx and mlx-lm, CPU)
"""

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx_lm.models.activations import precise_swiglu
from mlx_lm.models.gated_delta import gated_delta_update, normalize_qk

mx.set_default_device(mx.cpu)


def hashed(seed, *shape):
    i = np.arange(int(np.prod(shape)), dtype=np.uint64)
    x = (i * 2654435761 + seed * 40503) & 0xFFFFFFFF
    x ^= x >> np.uint64(15)
    x = (x * 2246822519) & 0xFFFFFFFF
    x ^= x >> np.uint64(13)
    value = (x >> np.uint64(8)).astype(np.float32) / np.float32(8388608.0) - np.float32(1.0)
    return mx.array(value.reshape(shape))


def attention():
    tokens, position, heads, kv_heads, head_dim, rotary = 3, 4, 4, 2, 16, 8
    q_gate = hashed(1, 1, tokens, heads, 2 * head_dim)
    k, v = (hashed(seed, 1, tokens, kv_heads, head_dim) for seed in (2, 3))
    q_norm, k_norm = hashed(4, head_dim), hashed(5, head_dim)
    past_k, past_v = (hashed(seed, 1, position, kv_heads, head_dim).transpose(0, 2, 1, 3) for seed in (6, 7))
    q, gate = mx.split(q_gate, 2, axis=-1)
    rope = nn.RoPE(rotary, traditional=False, base=1e7)
    q = rope(mx.fast.rms_norm(q, q_norm, 1e-6).transpose(0, 2, 1, 3), offset=position)
    k = rope(mx.fast.rms_norm(k, k_norm, 1e-6).transpose(0, 2, 1, 3), offset=position)
    k = mx.concatenate([past_k, k], axis=2)
    v = mx.concatenate([past_v, v.transpose(0, 2, 1, 3)], axis=2)
    mask = mx.arange(position + tokens)[None] <= (position + mx.arange(tokens))[:, None]
    out = mx.fast.scaled_dot_product_attention(q, k, v, scale=head_dim**-0.5, mask=mask)
    out = out.transpose(0, 2, 1, 3) * mx.sigmoid(gate)
    shape = dict(tokens=tokens, position=position, heads=heads, kv_heads=kv_heads, head_dim=head_dim, rotary_dim=rotary)
    return shape, dict(out=out)


def delta():
    tokens, hk, hv, dk, dv, kernel = 5, 2, 4, 16, 8, 4
    channels = 2 * hk * dk + hv * dv
    qkv, z = hashed(11, 1, tokens, channels), hashed(12, 1, tokens, hv, dv)
    a, b = hashed(13, 1, tokens, hv), hashed(14, 1, tokens, hv)
    weight = hashed(15, channels, kernel, 1)
    a_log, dt_bias, norm = hashed(16, hv), hashed(17, hv), hashed(18, dv)
    conv_state, state = hashed(19, 1, kernel - 1, channels), hashed(20, 1, hv, dv, dk)
    conv = nn.silu(mx.conv1d(mx.concatenate([conv_state, qkv], axis=1), weight, groups=channels))
    q, k, v = mx.split(conv, [hk * dk, 2 * hk * dk], axis=-1)
    q, k, v = q.reshape(1, tokens, hk, dk), k.reshape(1, tokens, hk, dk), v.reshape(1, tokens, hv, dv)
    q, k = normalize_qk(q, k, inv_scale=dk**-0.5, eps=1e-6)
    out, state = gated_delta_update(q, k, v, a, b, a_log, dt_bias, state, None, use_kernel=False)
    out = precise_swiglu(out, z, mx.fast.rms_norm(out, norm, 1e-6))
    shape = dict(tokens=tokens, key_heads=hk, value_heads=hv, key_dim=dk, value_dim=dv, conv_kernel=kernel)
    return shape, dict(out=out, state=state)


def emit(name, shape, arrays):
    print(f"pub const {name} = struct {{")
    for key, value in shape.items():
        print(f"    pub const {key} = {value};")
    for key, value in arrays.items():
        flat = np.array(value).reshape(-1)
        print(f"    pub const {key} = [{flat.size}]f32{{")
        for i in range(0, flat.size, 8):
            print("        " + " ".join(f"{x:.8e}," for x in flat[i : i + 8]))
        print("    };")
    print("};")


print("//! Written by tests/golden/float_ops.py from MLX; do not edit.\n")
print("// zig fmt: off")
emit("attention", *attention())
print()
emit("delta", *delta())
