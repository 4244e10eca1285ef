"""spark's network for training: the `qwen3_5_moe` text model in plain torch.

Parameters carry MLX's names (`layers.0.linear_attn.in_proj_qkv.weight`, ...)
and layout, norms with the one folded in, so export only renames and
roundings.  Several documents share a row of tokens; `segment` numbers them,
and nothing leaks from one to the next: attention is masked, the convolution
does not reach back, and the delta-net state is wiped at each start.
"flex" attention skips the blocks between documents; it must be compiled and
runs on a GPU.  "masked" is the plain form with a full mask, for everything else.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention.flex_attention import BlockMask, flex_attention

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
        """The weight, moved towards its rounded value by `rounding`, a tensor from 0 to 1."""
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

    def inputs(self, x, cos, sin, rounding):
        """x [B, T, hidden]; cos, sin [T or B x 1 x T, rot/2] -> query, key, value [B, heads, T, D], gate [B, T, heads, D]."""
        s = self.s
        batch, length, _ = x.shape
        lin = lambda m: F.linear(x, m.get(rounding).to(x.dtype))
        query, gate = lin(self.q_proj).view(batch, length, s.num_attention_heads, 2 * s.head_dim).chunk(2, -1)
        key = lin(self.k_proj).view(batch, length, s.num_key_value_heads, s.head_dim)
        value = lin(self.v_proj).view(batch, length, s.num_key_value_heads, s.head_dim)
        query = norm(query, self.q_norm.weight, s.rms_norm_eps).transpose(1, 2)
        key = norm(key, self.k_norm.weight, s.rms_norm_eps).transpose(1, 2)
        query = self.rotate(query, cos, sin).to(x.dtype)
        key = self.rotate(key, cos, sin).to(x.dtype)
        return query, key, value.transpose(1, 2), gate

    def attend(self, query, key, value, mask):
        """mask: a BlockMask, a bool tensor [B, 1, Tq, Tk], or None for plain causal order."""
        times = self.s.num_attention_heads // self.s.num_key_value_heads
        key, value = key.repeat_interleave(times, 1), value.repeat_interleave(times, 1)
        if isinstance(mask, BlockMask):
            return flex_attention(query, key, value, block_mask=mask)
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=mask is None)

    def outputs(self, out, gate, rounding):
        out = out.transpose(1, 2) * torch.sigmoid(gate)
        return F.linear(out.flatten(-2), self.o_proj.get(rounding).to(out.dtype))

    def forward(self, x, ctx, rounding):
        query, key, value, gate = self.inputs(x, ctx["cos"], ctx["sin"], rounding)
        return self.outputs(self.attend(query, key, value, ctx["mask"]), gate, rounding)


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

    def inputs(self, x, mixed, rounding):
        """x [B, T, hidden] and the convolution's output -> q, k, v [B, H, T, D], log decay and beta [B, H, T], all f32."""
        s = self.s
        batch, length, _ = x.shape
        lin = lambda m: F.linear(x, m.get(rounding).to(x.dtype))
        heads = lambda t, n: t.view(batch, length, n, -1).transpose(1, 2).float()
        q = heads(mixed[..., : s.key_dim], s.linear_num_key_heads)
        k = heads(mixed[..., s.key_dim: 2 * s.key_dim], s.linear_num_key_heads)
        v = heads(mixed[..., 2 * s.key_dim:], s.linear_num_value_heads)
        times = s.linear_num_value_heads // s.linear_num_key_heads
        q = (unit(q) * s.linear_key_head_dim ** -0.5).repeat_interleave(times, 1)
        k = unit(k).repeat_interleave(times, 1)
        g = -self.A_log.exp() * F.softplus(lin(self.in_proj_a).float() + self.dt_bias)
        beta = lin(self.in_proj_b).float().sigmoid()
        return q, k, v, g.transpose(1, 2), beta.transpose(1, 2)

    def outputs(self, out, x, rounding):
        """out [B, H, T, Dv] f32 -> [B, T, hidden]: the gated norm and the projection back."""
        out = out.transpose(1, 2)
        z = F.linear(x, self.in_proj_z.get(rounding).to(x.dtype)).view(out.shape)
        out = norm(out, self.norm.weight, self.s.rms_norm_eps) * F.silu(z.float())
        return F.linear(out.to(x.dtype).flatten(-2), self.out_proj.get(rounding).to(x.dtype))

    def forward(self, x, ctx, rounding):
        """x [B, T, hidden]; ctx['near'] [taps-1, B, T]; ctx['start'] [B, T], 1 at a first token."""
        mixed = self.conv(F.linear(x, self.in_proj_qkv.get(rounding).to(x.dtype)), ctx)
        q, k, v, g, beta = self.inputs(x, mixed, rounding)
        out, _ = gated_delta(q, k, v, g + WIPE * ctx["start"].unsqueeze(1), beta)
        return self.outputs(out, x, rounding)


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
    the needed products, but at these sizes three large products beat many small ones.
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
        self.attention = "masked"
        self.embed_tokens = Weights(s.vocab_size, s.hidden_size, bits=4)
        self.layers = nn.ModuleList(Layer(s, i) for i in range(s.num_hidden_layers))
        self.norm = Weights(s.hidden_size, ones=True)

    def angles(self, positions):
        """Rotation of positions [...] -> cos, sin [..., rot/2]."""
        power = torch.arange(0, self.s.rotary_dim, 2, device=positions.device).float() / self.s.rotary_dim
        angle = positions.float().unsqueeze(-1) / self.s.rope_theta ** power
        return angle.cos(), angle.sin()

    def context(self, segment):
        """segment [B, T] document numbers, never falling along a row -> what the layers need to keep documents apart."""
        near = []
        for back in range(1, self.s.linear_conv_kernel_dim):
            earlier = F.pad(segment, (back, 0), value=-1)[:, : segment.shape[1]]
            near.append((earlier == segment).float())
        cos, sin = self.angles(torch.arange(segment.shape[1], device=segment.device))
        mask = block_mask(segment) if self.attention == "flex" else full_mask(segment)
        return {"mask": mask, "near": torch.stack(near), "start": 1.0 - near[0], "cos": cos, "sin": sin}

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


def full_mask(segment):
    """[B, T] -> bool [B, 1, T, T]: earlier tokens of the same document, and the token itself."""
    length = segment.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=segment.device).tril()
    return ((segment.unsqueeze(1) == segment.unsqueeze(2)) & causal).unsqueeze(1)


def block_mask(segment, size=128):
    """The same as blocks: which are empty, which are full, and a rule for those between.

    Document numbers never fall along a row, so a block's first and last number tell all.
    """
    first, last = segment[:, ::size], segment[:, size - 1:: size]
    count = first.shape[1]
    order = torch.arange(count, device=segment.device)
    some = (last.unsqueeze(1) >= first.unsqueeze(2)) & (order.unsqueeze(1) >= order)       # [B, queries, keys]
    full = (first.unsqueeze(1) == last.unsqueeze(2)) & (order.unsqueeze(1) > order)

    def listed(blocks):
        index = blocks.int().argsort(dim=-1, descending=True, stable=True)
        return blocks.sum(-1, dtype=torch.int32).unsqueeze(1), index.to(torch.int32).unsqueeze(1)

    def rule(b, h, q, kv):
        return (q >= kv) & (segment[b, q] == segment[b, kv])

    return BlockMask.from_kv_blocks(*listed(some & ~full), *listed(full), BLOCK_SIZE=size, mask_mod=rule)
