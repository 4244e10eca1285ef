"""spark's network for training: the `qwen3_5_moe` text model in plain torch.

Parameters carry MLX's names (`layers.0.linear_attn.in_proj_qkv.weight`, ...)
and layout, norms with the one folded in, so export only renames and
roundings.  Several documents share a row of tokens; `segment` numbers them,
and nothing leaks from one to the next: attention is masked, the convolution
does not reach back, and the delta-net state is wiped at each start.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from delta import gated_delta
from quant import straight_through

WIPE = -30.0                    # log decay at a document's first token: e^-30 is nothing in f32


class Weights(nn.Module):
    """A named tensor, reached as `.weight` like in the checkpoint."""

    def __init__(self, *shape, std=0.02, ones=False, bits=0):
        super().__init__()
        start = torch.ones(shape) if ones else torch.randn(shape) * std
        self.weight = nn.Parameter(start)
        self.bits = bits        # 0: stays bf16 in the shipped file

    def get(self, rounding):
        """The weight, moved towards its roundingd value by `rounding`, a tensor from 0 to 1."""
        if rounding is None or not self.bits:
            return self.weight
        return straight_through(self.weight, self.bits, rounding)


def norm(x, weight, eps):
    """RMSNorm over the last axis, in f32, back in x's type."""
    y = x.float()
    y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + eps)
    return (y * weight.float()).to(x.dtype)


def unit(x):
    """L2-normalise the last axis as the family does: eps inside the root."""
    return x * torch.rsqrt(x.pow(2).sum(-1, keepdim=True) + 1e-6)


class Attention(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.s = s
        wide = s.num_attention_heads * s.head_dim
        narrow = s.num_key_value_heads * s.head_dim
        self.q_proj = Weights(2 * wide, s.hidden_size, bits=4)
        self.k_proj = Weights(narrow, s.hidden_size, bits=4)
        self.v_proj = Weights(narrow, s.hidden_size, bits=4)
        self.o_proj = Weights(s.hidden_size, wide, bits=4, std=0.02 / math.sqrt(2 * s.num_hidden_layers))
        self.q_norm = Weights(s.head_dim, ones=True)
        self.k_norm = Weights(s.head_dim, ones=True)

    def rotate(self, x, cos, sin):
        """x [B, H, T, D]: turn the pairs (i, i + rot/2) of the first rot dims."""
        rot = self.s.rotary_dim
        a, b, rest = x[..., : rot // 2], x[..., rot // 2: rot], x[..., rot:]
        return torch.cat([a * cos - b * sin, b * cos + a * sin, rest], -1)

    def forward(self, x, ctx, rounding):
        """x [B, T, hidden]; ctx['mask'] [B, 1, T, T] bool; ctx['cos'/'sin'] [T, rot/2]."""
        s = self.s
        batch, length, _ = x.shape
        lin = lambda m: F.linear(x, m.get(rounding).to(x.dtype))
        query, gate = lin(self.q_proj).view(batch, length, s.num_attention_heads, 2 * s.head_dim).chunk(2, -1)
        key = lin(self.k_proj).view(batch, length, s.num_key_value_heads, s.head_dim)
        value = lin(self.v_proj).view(batch, length, s.num_key_value_heads, s.head_dim)
        query = norm(query, self.q_norm.weight, s.rms_norm_eps).transpose(1, 2)
        key = norm(key, self.k_norm.weight, s.rms_norm_eps).transpose(1, 2)
        query = self.rotate(query, ctx["cos"], ctx["sin"]).to(x.dtype)
        key = self.rotate(key, ctx["cos"], ctx["sin"]).to(x.dtype)
        times = s.num_attention_heads // s.num_key_value_heads
        key = key.repeat_interleave(times, 1)
        value = value.transpose(1, 2).repeat_interleave(times, 1)
        out = F.scaled_dot_product_attention(query, key, value, attn_mask=ctx["mask"])
        out = out.transpose(1, 2) * torch.sigmoid(gate)
        return F.linear(out.reshape(batch, length, -1), self.o_proj.get(rounding).to(x.dtype))


class DeltaNet(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.s = s
        heads = s.linear_num_value_heads
        self.in_proj_qkv = Weights(2 * s.key_dim + s.value_dim, s.hidden_size, bits=4)
        self.in_proj_z = Weights(s.value_dim, s.hidden_size, bits=4)
        self.in_proj_b = Weights(heads, s.hidden_size, bits=4)
        self.in_proj_a = Weights(heads, s.hidden_size, bits=4)
        self.conv1d = Weights(2 * s.key_dim + s.value_dim, s.linear_conv_kernel_dim, 1, std=0.3)
        self.norm = Weights(s.linear_value_head_dim, ones=True)
        self.out_proj = Weights(s.hidden_size, s.value_dim, bits=4, std=0.02 / math.sqrt(2 * s.num_hidden_layers))
        # Time constants from a few tokens to a thousand, spread evenly over the logarithm,
        # so that some heads can remember a name from the first token of training on.
        step = torch.exp(torch.empty(heads).uniform_(math.log(1e-3), math.log(1e-1)))
        self.dt_bias = nn.Parameter(step + torch.log(-torch.expm1(-step)))
        self.A_log = nn.Parameter(torch.empty(heads).uniform_(1, 16).log())

    def conv(self, u, ctx):
        """Causal depthwise convolution, then SiLU.  u [B, T, C]; taps stay inside a document."""
        taps = self.s.linear_conv_kernel_dim
        weight = self.conv1d.weight.squeeze(-1).to(u.dtype)         # [C, taps], last tap = now
        out = u * weight[:, -1]
        for back in range(1, taps):
            earlier = F.pad(u, (0, 0, back, 0))[:, : u.shape[1]]
            out = out + earlier * weight[:, -1 - back] * ctx["near"][back - 1].unsqueeze(-1).to(u.dtype)
        return F.silu(out)

    def forward(self, x, ctx, rounding):
        """x [B, T, hidden]; ctx['near'] [taps-1, B, T]; ctx['start'] [B, T], 1 at a first token."""
        s = self.s
        batch, length, _ = x.shape
        lin = lambda m: F.linear(x, m.get(rounding).to(x.dtype))
        mixed = self.conv(lin(self.in_proj_qkv), ctx)
        heads = lambda t, n: t.view(batch, length, n, -1).transpose(1, 2).float()
        q = heads(mixed[..., : s.key_dim], s.linear_num_key_heads)
        k = heads(mixed[..., s.key_dim: 2 * s.key_dim], s.linear_num_key_heads)
        v = heads(mixed[..., 2 * s.key_dim:], s.linear_num_value_heads)
        times = s.linear_num_value_heads // s.linear_num_key_heads
        q = (unit(q) * s.linear_key_head_dim ** -0.5).repeat_interleave(times, 1)
        k = unit(k).repeat_interleave(times, 1)
        g = -self.A_log.exp() * F.softplus(lin(self.in_proj_a).float() + self.dt_bias)
        g = (g + WIPE * ctx["start"].unsqueeze(-1)).transpose(1, 2)
        beta = lin(self.in_proj_b).float().sigmoid().transpose(1, 2)
        out = gated_delta(q, k, v, g, beta).transpose(1, 2)          # [B, T, Hv, Dv]
        z = lin(self.in_proj_z).view(batch, length, s.linear_num_value_heads, -1)
        out = norm(out, self.norm.weight, s.rms_norm_eps) * F.silu(z.float())
        out = out.to(x.dtype).reshape(batch, length, -1)
        return F.linear(out, self.out_proj.get(rounding).to(x.dtype))


class Swiglu(nn.Module):
    def __init__(self, s, width):
        super().__init__()
        self.gate_proj = Weights(width, s.hidden_size, bits=4)
        self.up_proj = Weights(width, s.hidden_size, bits=4)
        self.down_proj = Weights(s.hidden_size, width, bits=4, std=0.02 / math.sqrt(2 * s.num_hidden_layers))

    def forward(self, x, rounding):
        lin = lambda y, m: F.linear(y, m.get(rounding).to(y.dtype))
        return lin(F.silu(lin(x, self.gate_proj)) * lin(x, self.up_proj), self.down_proj)


class Stacked(nn.Module):
    """All experts of a layer, [E, out, in] as MLX stacks them."""

    def __init__(self, s):
        super().__init__()
        e, wide, h = s.num_experts, s.moe_intermediate_size, s.hidden_size
        self.gate_proj = Weights(e, wide, h, bits=4)
        self.up_proj = Weights(e, wide, h, bits=4)
        self.down_proj = Weights(e, h, wide, bits=4, std=0.02 / math.sqrt(2 * s.num_hidden_layers))


class Experts(nn.Module):
    """The sparse block; on a GPU it is trained as one wide dense SwiGLU.

    There an expert that was not chosen gets weight zero.  That spends E/K times
    the needed products, but at these sizes two large products beat 32 small ones.
    """

    def __init__(self, s):
        super().__init__()
        self.s = s
        self.gate = Weights(s.num_experts, s.hidden_size, bits=8)
        self.switch_mlp = Stacked(s)
        self.shared_expert = Swiglu(s, s.shared_expert_intermediate_size)
        self.shared_expert_gate = Weights(1, s.hidden_size, bits=8)

    def forward(self, x, rounding):
        """x [B, T, hidden] -> (y, load [E] share of choices, mean router probability [E])."""
        s = self.s
        probs = F.linear(x.float(), self.gate.get(rounding)).softmax(-1)        # [B, T, E]
        top, index = probs.topk(s.num_experts_per_tok, -1)
        top = top / top.sum(-1, keepdim=True)
        share = torch.zeros_like(probs).scatter(-1, index, top)
        y = self.dense(x, share, rounding) if x.is_cuda else self.sparse(x, share, rounding)
        gate = F.linear(x, self.shared_expert_gate.get(rounding).to(x.dtype)).sigmoid()
        y = y + gate * self.shared_expert(x, rounding)
        load = (share > 0).float().mean((0, 1)) / s.num_experts_per_tok
        return y, load, probs.mean((0, 1))


    def dense(self, x, share, rounding):
        """All experts as one wide SwiGLU; share [B, T, E] is zero where an expert was not chosen."""
        wide = lambda m: m.get(rounding).to(x.dtype).flatten(0, 1)              # [E * width, hidden]
        inner = F.silu(F.linear(x, wide(self.switch_mlp.gate_proj))) * F.linear(x, wide(self.switch_mlp.up_proj))
        inner = inner.unflatten(-1, (self.s.num_experts, -1)) * share.to(x.dtype).unsqueeze(-1)
        down = self.switch_mlp.down_proj.get(rounding).to(x.dtype)              # [E, hidden, width]
        return F.linear(inner.flatten(-2), down.transpose(0, 1).flatten(1))

    def sparse(self, x, share, rounding):
        """Only the chosen ones, expert by expert: better where products are dear."""
        tokens, weight = x.flatten(0, 1), share.flatten(0, 1).to(x.dtype)
        stacks = [m.get(rounding).to(x.dtype) for m in (self.switch_mlp.gate_proj, self.switch_mlp.up_proj, self.switch_mlp.down_proj)]
        y = torch.zeros_like(tokens)
        for expert, (gate, up, down) in enumerate(zip(*(stack.unbind(0) for stack in stacks))):
            rows = weight[:, expert].nonzero().squeeze(-1)
            if rows.numel():
                some = tokens[rows]
                inner = F.silu(F.linear(some, gate)) * F.linear(some, up) * weight[rows, expert].unsqueeze(-1)
                y = y.index_add(0, rows, F.linear(inner, down))
        return y.view_as(x)


class Layer(nn.Module):
    def __init__(self, s, number):
        super().__init__()
        self.s = s
        self.input_layernorm = Weights(s.hidden_size, ones=True)
        self.post_attention_layernorm = Weights(s.hidden_size, ones=True)
        self.full = s.is_full_attention(number)
        if self.full:
            self.self_attn = Attention(s)
        else:
            self.linear_attn = DeltaNet(s)
        self.mlp = Experts(s)

    def forward(self, x, ctx, rounding):
        mix = self.self_attn if self.full else self.linear_attn
        x = x + mix(norm(x, self.input_layernorm.weight, self.s.rms_norm_eps), ctx, rounding)
        y, load, probs = self.mlp(norm(x, self.post_attention_layernorm.weight, self.s.rms_norm_eps), rounding)
        return x + y, load, probs


class Network(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.s = s
        self.embed_tokens = Weights(s.vocab_size, s.hidden_size, bits=4)
        self.layers = nn.ModuleList(Layer(s, i) for i in range(s.num_hidden_layers))
        self.norm = Weights(s.hidden_size, ones=True)

    def context(self, segment):
        """segment [B, T] document numbers -> what the layers need to keep documents apart."""
        s = self.s
        length = segment.shape[1]
        device = segment.device
        same = segment.unsqueeze(1) == segment.unsqueeze(2)
        causal = torch.ones(length, length, dtype=torch.bool, device=device).tril()
        near = []
        for back in range(1, s.linear_conv_kernel_dim):
            earlier = F.pad(segment, (back, 0), value=-1)[:, :length]
            near.append((earlier == segment).float())
        power = torch.arange(0, s.rotary_dim, 2, device=device).float() / s.rotary_dim
        angle = torch.arange(length, device=device).float().unsqueeze(1) / s.rope_theta ** power
        return {"mask": (same & causal).unsqueeze(1), "near": torch.stack(near),
                "start": 1.0 - near[0], "cos": angle.cos(), "sin": angle.sin()}

    def forward(self, ids, segment, rounding=None, dtype=torch.bfloat16):
        """ids, segment [B, T] -> (logits [B, T, vocab] in `dtype`, loads [L, E], probs [L, E])."""
        ctx = self.context(segment)
        table = self.embed_tokens.get(rounding)
        x = F.embedding(ids, table).to(dtype)
        loads, probs = [], []
        for layer in self.layers:
            x, load, prob = layer(x, ctx, rounding)
            loads.append(load)
            probs.append(prob)
        x = norm(x, self.norm.weight, self.s.rms_norm_eps)
        return F.linear(x, table.to(dtype)), torch.stack(loads), torch.stack(probs)
