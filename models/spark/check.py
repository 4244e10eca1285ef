"""Checks the training code against independent definitions, on a processor.

    python check.py

1. the chunked delta rule against the token-by-token rule;
2. logits of `network.py` against `transformers`' own `qwen3_5_moe`;
3. packed documents against the same documents alone (nothing leaks);
4. the quantisation rule against MLX's, where mlx is installed.
"""

import torch
import torch.nn.functional as F

from delta import gated_delta, gated_delta_stepwise
from network import Network, unit
from quant import dequantised
from shape import TINY


def to_transformers(state, shape):
    """Our parameter names -> the Hugging Face ones: experts fused, norms zero-centred."""
    out = {}
    for name, value in state.items():
        if ".switch_mlp." in name:
            continue
        if name.endswith("layernorm.weight") or name == "norm.weight" or "q_norm" in name or "k_norm" in name:
            value = value - 1.0
        if "conv1d" in name:
            value = value.movedim(2, 1)                     # [C, K, 1] -> [C, 1, K]
        out["model." + name] = value
    for i in range(shape.num_hidden_layers):
        old = f"layers.{i}.mlp.switch_mlp."
        new = f"model.layers.{i}.mlp.experts."
        out[new + "gate_up_proj"] = torch.cat([state[old + "gate_proj.weight"], state[old + "up_proj.weight"]], 1)
        out[new + "down_proj"] = state[old + "down_proj.weight"]
    out["lm_head.weight"] = state["embed_tokens.weight"]
    return out


def reference(net, shape):
    """The same weights inside transformers."""
    from transformers.models.qwen3_5_moe.configuration_qwen3_5_moe import Qwen3_5MoeTextConfig
    from transformers.models.qwen3_5_moe.modeling_qwen3_5_moe import Qwen3_5MoeForCausalLM
    names = [n for n in shape.__dataclass_fields__ if n not in ("partial_rotary_factor", "rope_theta", "full_attention_interval")]
    third = shape.rotary_dim // 6
    config = Qwen3_5MoeTextConfig(
        **{n: getattr(shape, n) for n in names}, tie_word_embeddings=True,
        full_attention_interval=shape.full_attention_interval,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta,
                         "partial_rotary_factor": shape.partial_rotary_factor,
                         "mrope_section": [shape.rotary_dim // 2 - 2 * third, third, third]})
    model = Qwen3_5MoeForCausalLM(config).eval()
    model.load_state_dict(to_transformers(net.state_dict(), shape), strict=True)
    return model


def main():
    torch.manual_seed(1)
    shape = TINY
    q = unit(torch.randn(2, 2, 128, 32)) * 32 ** -0.5
    k = unit(torch.randn(2, 2, 128, 32))
    k[:, :, 40:80] = k[:, :, 40:41]                         # repeated keys are the hard case
    v = torch.randn(2, 2, 128, 32)
    g = -torch.rand(2, 2, 128) * 0.2
    beta = torch.rand(2, 2, 128) * 0.5 + 0.5
    worst = (gated_delta(q, k, v, g, beta) - gated_delta_stepwise(q, k, v, g, beta)).abs().max()
    print(f"delta rule, chunked against stepwise: {worst:.2e}")
    assert worst < 1e-4

    net = Network(shape)
    with torch.no_grad():                                   # leave no weight at a value that hides a mistake
        for name, p in net.named_parameters():
            p.add_(torch.randn_like(p) * 0.05)
    ids = torch.randint(0, shape.vocab_size, (2, 128))
    one = torch.zeros_like(ids)
    with torch.no_grad():
        ours, load, _ = net(ids, one, dtype=torch.float32)
        theirs = reference(net, shape)(input_ids=ids).logits
    worst = (ours - theirs).abs().max()
    print(f"logits against transformers: {worst:.2e} (largest {theirs.abs().max():.2f})")
    assert worst < 1e-3

    segment = torch.cat([torch.zeros(2, 50), torch.ones(2, 78)], 1).long()
    with torch.no_grad():
        packed, _, _ = net(ids, segment, dtype=torch.float32)
        alone, _, _ = net(F.pad(ids[:, 50:], (0, 50)), one, dtype=torch.float32)
    worst = (packed[:, 50:] - alone[:, :78]).abs().max()
    print(f"packed against alone: {worst:.2e}")
    assert worst < 1e-3

    try:
        import mlx.core as mx
    except ImportError:
        print("mlx is not installed: quantisation rule not compared")
        return
    weight = torch.randn(96, 128) * 0.02
    for bits in (4, 8):
        words, scales, biases = mx.quantize(mx.array(weight.numpy()), group_size=64, bits=bits)
        theirs = mx.dequantize(words, scales.astype(mx.bfloat16).astype(mx.float32),
                               biases.astype(mx.bfloat16).astype(mx.float32), group_size=64, bits=bits)
        worst = (torch.tensor(theirs.tolist()) - dequantised(weight, bits)).abs().max()
        print(f"{bits}-bit rule against mlx: {worst:.2e}")
        assert worst < 1e-6


if __name__ == "__main__":
    main()
