"""Routing statistics of the trained weights on held-out rows: what caching and prediction can hope for.

    python routing.py --model model --data build/data --out build/routing.json

load        share of choices per expert, times an even share, per layer
reuse       share of a token's K experts that the token before it in its document chose too, per layer
window      the same against all experts chosen by the 4, 16 and 64 tokens before
ahead       share of a layer's K experts that its own router names when it is given the hidden state one
            layer earlier: after that layer's mixing (ahead) and at that layer's input (two_ahead)
even        what chance would give: K / E for reuse and ahead
"""

import argparse
import json
from pathlib import Path

import torch
import torch.nn.functional as F

import shipped
from network import Network, norm
from reader import all_rows, unpack

WINDOWS = (4, 16, 64)


@torch.no_grad()
def traced(net, ids, segment, dtype):
    """-> per layer the hidden states at its input and after its mixing, [B, T, hidden]."""
    ctx = net.context(segment)
    x = F.embedding(ids, net.embed_tokens.weight).to(dtype)
    out = []
    for layer in net.layers:
        mix = layer.self_attn if layer.full else layer.linear_attn
        mixed = x + mix(norm(x, layer.input_layernorm.weight, net.s.rms_norm_eps), ctx, None)
        out.append((x, mixed))
        y, _, _ = layer.mlp(norm(mixed, layer.post_attention_layernorm.weight, net.s.rms_norm_eps), None)
        x = mixed + y
    return out


def chosen(net, layer, x):
    """What `layer`'s router would choose, given x as its input: bool [B, T, E]."""
    x = norm(x, layer.post_attention_layernorm.weight, net.s.rms_norm_eps)
    index = F.linear(x.float(), layer.mlp.gate.weight).topk(net.s.num_experts_per_tok, -1).indices
    return torch.zeros(*x.shape[:2], net.s.num_experts, dtype=torch.bool, device=x.device).scatter(-1, index, True)


def seen_before(choice, segment, reach):
    """Experts chosen by any of the `reach` tokens before, in the same document: bool [B, T, E]."""
    seen = torch.zeros_like(choice)
    for back in range(1, reach + 1):
        same = F.pad(segment, (back, 0), value=-1)[:, : segment.shape[1]] == segment
        seen |= F.pad(choice, (0, 0, back, 0))[:, : choice.shape[1]] & same.unsqueeze(-1)
    return seen


def statistics(net, rows, end, dtype, device):
    k, count = net.s.num_experts_per_tok, len(net.layers)
    names = ["reuse", *(f"window_{w}" for w in WINDOWS), "ahead", "two_ahead"]
    sums = {name: torch.zeros(count, dtype=torch.float64) for name in names}
    loads, tokens, inner = torch.zeros(count, net.s.num_experts, dtype=torch.float64), 0, 0
    for row in rows:
        ids, segment, _ = unpack(torch.from_numpy(row[None].astype("int32")).to(device), end)
        states = traced(net, ids, segment, dtype)
        real = F.pad(segment[:, :-1] == segment[:, 1:], (0, 1), value=False) | F.pad(segment[:, 1:] == segment[:, :-1], (1, 0), value=False)   # padding stands alone
        follows = F.pad(segment[:, 1:] == segment[:, :-1], (1, 0), value=False)
        tokens, inner = tokens + real.sum().item(), inner + follows.sum().item()
        for i, layer in enumerate(net.layers):
            choice = chosen(net, layer, states[i][1])
            loads[i] += choice[real].sum(0).cpu()
            share = lambda other, where: (choice & other)[where].sum().item() / k
            for name, reach in zip(names, (1, *WINDOWS), strict=False):
                sums[name][i] += share(seen_before(choice, segment, reach), follows)
            if i:
                before = states[i - 1]
                sums["ahead"][i] += share(chosen(net, layer, before[1]), real)
                sums["two_ahead"][i] += share(chosen(net, layer, before[0]), real)
    out = {"tokens": tokens, "even": k / net.s.num_experts, "load": (loads / loads.sum(1, keepdim=True) * net.s.num_experts).tolist()}
    for name in names:
        out[name] = (sums[name] / (tokens if name.endswith("ahead") else inner)).tolist()
    return out


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--model", required=True, help="an MLX folder")
    args.add_argument("--data", required=True, help="folder of packed rows")
    args.add_argument("--part", default="valid")
    args.add_argument("--rows", type=int, default=24)
    args.add_argument("--out")
    args = args.parse_args()
    from prompts import Prompts
    device = "cuda" if torch.cuda.is_available() else "cpu"
    net = Network(shipped.shape(args.model))
    net.load_state_dict(shipped.state(args.model))
    net.to(device).eval()
    figures = statistics(net, all_rows(args.data, args.part)[: args.rows], Prompts(args.model).ends[-1], torch.float32, device)
    line = lambda values: " ".join(f"{v:.3f}" for v in values)
    print(f"{figures['tokens']:,} tokens; by chance {figures['even']:.3f}")
    print("load, idlest  ", line([min(row) for row in figures["load"]]))
    print("load, busiest ", line([max(row) for row in figures["load"]]))
    for name in ("reuse", *(f"window_{w}" for w in WINDOWS), "ahead", "two_ahead"):
        print(f"{name:14}", line(figures[name]))
    if args.out:
        Path(args.out).write_text(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
