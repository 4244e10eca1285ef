"""Batched generation through network.py, with states and key-value caches.

Prompts of different lengths are padded on the right.  Padding changes nothing: attention is
causal, and a padded token neither decays nor writes the delta-net state (its log decay and its
beta are zero), so the state after the prompt is that of its last real token.
"""

import torch
import torch.nn.functional as F

from delta import CHUNK, gated_delta
from network import norm


class Decoder:
    def __init__(self, net, dtype):
        self.net, self.s, self.dtype = net.eval(), net.s, dtype
        self.device = net.norm.weight.device

    def logits(self, x):
        x = norm(x, self.net.norm.weight, self.s.rms_norm_eps)
        return F.linear(x, self.net.embed_tokens.weight.to(x.dtype)).float()

    def walk(self, x, mixer, cache):
        for layer, kept in zip(self.net.layers, cache, strict=True):
            mix = layer.self_attn if layer.full else layer.linear_attn
            x = x + mixer(mix, norm(x, layer.input_layernorm.weight, self.s.rms_norm_eps), kept, layer.full)
            y, _, _ = layer.mlp(norm(x, layer.post_attention_layernorm.weight, self.s.rms_norm_eps), None)
            x = x + y
        return x

    @torch.no_grad()
    def begin(self, prompts, room):
        """prompts: lists of ids -> (cache, logits of the token after each prompt [B, V])."""
        lengths = torch.tensor([len(p) for p in prompts], device=self.device)
        width = -(-max(len(p) for p in prompts) // CHUNK) * CHUNK
        ids = torch.zeros(len(prompts), width, dtype=torch.long)
        for row, prompt in enumerate(prompts):
            ids[row, : len(prompt)] = torch.tensor(prompt)
        ids = ids.to(self.device)
        every = torch.arange(width, device=self.device)
        alive = (every < lengths.unsqueeze(1)).float()
        ctx = {"near": torch.stack([(every >= back).float().expand_as(ids) for back in range(1, self.s.linear_conv_kernel_dim)])}
        cos, sin = self.net.angles(every)

        def mixer(mix, x, kept, full):
            if full:
                query, key, value, gate = mix.inputs(x, cos, sin, None)
                kept["key"], kept["value"] = (F.pad(t, (0, 0, 0, room)) for t in (key, value))
                return mix.outputs(mix.attend(query, key, value, None), gate, None)
            u = F.linear(x, mix.in_proj_qkv.weight.to(x.dtype))
            taps = self.s.linear_conv_kernel_dim - 1
            back = (lengths.unsqueeze(1) + torch.arange(taps, device=self.device)).unsqueeze(-1).expand(-1, -1, u.shape[-1])
            kept["tail"] = F.pad(u, (0, 0, taps, 0)).gather(1, back)       # the last inputs of each prompt, zero before its start
            q, k, v, g, beta = mix.inputs(x, mix.conv(u, ctx), None)
            out, kept["state"] = gated_delta(q, k, v, g * alive.unsqueeze(1), beta * alive.unsqueeze(1))
            return mix.outputs(out, x, None)

        cache = [{} for _ in self.net.layers]
        x = self.walk(F.embedding(ids, self.net.embed_tokens.weight).to(self.dtype), mixer, cache)
        last = x[torch.arange(len(prompts), device=self.device), lengths - 1]
        return {"layers": cache, "lengths": lengths}, self.logits(last)

    @torch.no_grad()
    def step(self, cache, tokens):
        """tokens [B]: one more of each -> logits [B, V]."""
        at = cache["lengths"]
        cos, sin = self.net.angles(at.view(-1, 1, 1))
        rows = torch.arange(len(at), device=self.device)

        def mixer(mix, x, kept, full):
            if full:
                query, key, value, gate = mix.inputs(x, cos, sin, None)
                kept["key"][rows, :, at], kept["value"][rows, :, at] = key.squeeze(2), value.squeeze(2)
                seen = torch.arange(kept["key"].shape[2], device=self.device) <= at.view(-1, 1, 1, 1)
                return mix.outputs(mix.attend(query, kept["key"], kept["value"], seen), gate, None)
            u = F.linear(x, mix.in_proj_qkv.weight.to(x.dtype))
            window = torch.cat([kept["tail"], u], 1)
            mixed = F.silu((window * mix.conv1d.weight.squeeze(-1).t().to(u.dtype)).sum(1, keepdim=True))
            kept["tail"] = window[:, 1:]
            q, k, v, g, beta = mix.inputs(x, mixed, None)
            state = kept["state"] * g.exp().unsqueeze(-1)
            state = state + k.transpose(-1, -2) @ ((v - k @ state) * beta.unsqueeze(-1))
            kept["state"] = state
            return mix.outputs(q @ state, x, None)

        x = self.walk(F.embedding(tokens.unsqueeze(1), self.net.embed_tokens.weight).to(self.dtype), mixer, cache["layers"])
        cache["lengths"] = at + 1
        return self.logits(x[:, 0])

    def greedy(self, prompts, limits, ends):
        """-> generated ids of each prompt, the ending token included when one came within its limit."""
        cache, logits = self.begin(prompts, max(limits))
        limit = torch.tensor(limits, device=self.device)
        stops = torch.tensor(ends, device=self.device)
        done = torch.zeros(len(prompts), dtype=torch.bool, device=self.device)
        out, lengths = [], torch.zeros_like(limit)
        for count in range(1, max(limits) + 1):
            token = logits.argmax(-1)
            out.append(token)
            lengths = torch.where(done, lengths, count)
            done = done | torch.isin(token, stops) | (limit <= count)
            if count == max(limits) or (count % 8 == 0 and bool(done.all())):
                break
            logits = self.step(cache, token)
        table = torch.stack(out, 1).cpu()
        return [table[row, :size].tolist() for row, size in enumerate(lengths.tolist())]


def batches(prompts, limits, tokens=200_000, rows=256):
    """Indices in groups of like limit and length, each padded to at most `tokens`."""
    order = sorted(range(len(prompts)), key=lambda i: (limits[i], len(prompts[i])))
    group = []
    for i in order:
        if group and (len(group) == rows or limits[i] > 2 * limits[group[0]] + 16 or (len(group) + 1) * (len(prompts[i]) + limits[i]) > tokens):
            yield group
            group = []
        group.append(i)
    if group:
        yield group
