"""Checks the training code against independent definitions, on a processor.

    python check.py

1. the chunked delta rule against the token-by-token rule, and its operator's backward (with
   TRITON_INTERPRET=1 the Triton kernels as well);
2. logits of `network.py` against `transformers`' own `qwen3_5_moe`;
3. packed documents against the same documents alone (nothing leaks);
4. attention's blocks against the full mask;
5. generation with caches, prompts of many lengths at once, against the whole network each step, and against transformers;
6. the quantisation rule against MLX's, where mlx is installed.
"""

import os

import torch
import torch.nn.functional as F

from delta import gated_delta, gated_delta_stepwise
from decode import Decoder
from export import hf_tensors, text_config
from network import Network, block_mask, full_mask, unit
from quant import dequantised
from scan import loop_backward, loop_forward, scan, triton_backward, triton_forward
from shape import TINY


def reference(net, shape):
    """The same weights inside transformers."""
    from transformers.models.qwen3_5_moe.configuration_qwen3_5_moe import Qwen3_5MoeTextConfig
    from transformers.models.qwen3_5_moe.modeling_qwen3_5_moe import Qwen3_5MoeForCausalLM
    model = Qwen3_5MoeForCausalLM(Qwen3_5MoeTextConfig(**text_config(shape, 0))).eval()
    weights = hf_tensors(net.state_dict(), shape)
    model.load_state_dict(weights | {"lm_head.weight": weights["model.embed_tokens.weight"]}, strict=True)
    return model.float()


def check_scan():
    """The chunk-to-chunk operator's own backward against what autograd makes of its loop, in f64."""
    start = lambda *shape: (torch.randn(*shape, dtype=torch.float64) * 0.3).requires_grad_()
    given = [start(3, 5, 16, 8), start(3, 5, 16, 16), start(3, 5, 16, 16), start(3, 5)]
    weight = [torch.randn(3, 5, 16, 8, dtype=torch.float64), torch.randn(3, 6, 16, 8, dtype=torch.float64)]
    graded = lambda out: torch.autograd.grad(sum((o * w).sum() for o, w in zip(out, weight, strict=True)), given)
    worst = max((a - b).abs().max() for a, b in zip(graded(scan(*given)), graded(loop_forward(*given)), strict=True))
    print(f"scan's backward against autograd: {worst:.2e}")
    assert worst < 1e-10
    if os.environ.get("TRITON_INTERPRET") == "1":               # the kernels' own text, without a GPU
        given = [torch.randn(3, 4, 64, 64) * 0.2 for _ in range(3)] + [torch.rand(3, 4)]
        apart = lambda ours, theirs: max(((a - b).norm() / b.norm()).item() for a, b in zip(ours, theirs, strict=True))
        ahead = apart(triton_forward(*given), loop_forward(*given))
        grads = [*given[1:], torch.randn(3, 4, 64, 64), torch.randn(3, 5, 64, 64)]
        back = apart(triton_backward(*grads), loop_backward(*grads))
        print(f"scan's Triton kernels, interpreted, against the loop: {ahead:.1e}, {back:.1e}")
        assert max(ahead, back) < 1e-5


def check_blocks():
    """Each block's kind, and the rule inside it, give the full mask."""
    ends = (torch.rand(3, 1024) < 0.01).long()
    ends[:, 250:800] = 0                                    # a document long enough to fill blocks
    segment = ends.cumsum(1) - ends
    blocks = block_mask(segment)
    b, q, k = (torch.arange(n).view(shape) for n, shape in ((3, (-1, 1, 1)), (1024, (1, -1, 1)), (1024, (1, 1, -1))))
    full, partial = (torch.zeros(3, 8, 8, dtype=torch.bool) for _ in range(2))
    for kind, counts, lists in ((full, blocks.full_kv_num_blocks, blocks.full_kv_indices), (partial, blocks.kv_num_blocks, blocks.kv_indices)):
        for row in range(3):
            for i in range(8):
                kind[row, i, lists[row, 0, i, : counts[row, 0, i]].long()] = True
    widen = lambda t: t.repeat_interleave(128, 1).repeat_interleave(128, 2)
    ours = widen(full) | (widen(partial) & blocks.mask_mod(b, 0, q, k))
    assert not (full & partial).any() and full.any() and partial.any()
    assert torch.equal(ours, full_mask(segment).squeeze(1))
    print("attention's blocks give the full mask")


def check_generation(net, shape):
    """Greedy tokens, several prompts at once; weights are random, so every token depends on all of the state."""
    prompts = [torch.randint(0, shape.vocab_size, (n,)).tolist() for n in (1, 2, 3, 64, 65, 130)]
    told = Decoder(net, torch.float32).greedy(prompts, [12] * len(prompts), [])
    model = reference(net, shape)
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    with torch.no_grad():
        theirs = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=12, do_sample=False, eos_token_id=None, pad_token_id=0)[:, width:].tolist()
        for prompt, tokens, other in zip(prompts, told, theirs, strict=True):
            row = torch.tensor([prompt + tokens + [0] * (-(len(prompt) + 12) % 64)])
            logits, _, _ = net(row, torch.zeros_like(row), dtype=torch.float32)
            assert logits[0, len(prompt) - 1: len(prompt) + 11].argmax(-1).tolist() == tokens, (len(prompt), tokens)
            assert other == tokens, (len(prompt), tokens, other)
    different = len({t for tokens in told for t in tokens})
    assert different > 30, different
    print(f"generation: {len(prompts)} prompts of 1 to {width} tokens, {different} different tokens, the same from the whole network and from transformers with padding on the left")


def main():
    torch.manual_seed(1)
    shape = TINY
    q = unit(torch.randn(2, 2, 128, 32)) * 32 ** -0.5
    k = unit(torch.randn(2, 2, 128, 32))
    k[:, :, 40:80] = k[:, :, 40:41]                         # repeated keys are the hard case
    v = torch.randn(2, 2, 128, 32)
    g = -torch.rand(2, 2, 128) * 0.2
    beta = torch.rand(2, 2, 128) * 0.5 + 0.5
    chunked, plain = gated_delta(q, k, v, g, beta), gated_delta_stepwise(q, k, v, g, beta)
    worst = max((a - b).abs().max() for a, b in zip(chunked, plain, strict=True))
    print(f"delta rule, chunked against stepwise, outputs and last state: {worst:.2e}")
    assert worst < 1e-4
    check_scan()

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

    check_blocks()
    check_generation(net, shape)

    try:
        import mlx.core as mx
    except ImportError:
        print("mlx is not installed: quantisation rule not compared")
        return
    weight = torch.randn(96, 128) * 0.02
    for bits in (2, 3, 4, 8):
        words, scales, biases = mx.quantize(mx.array(weight.numpy()), group_size=64, bits=bits)
        theirs = mx.dequantize(words, scales.astype(mx.bfloat16).astype(mx.float32),
                               biases.astype(mx.bfloat16).astype(mx.float32), group_size=64, bits=bits)
        worst = (torch.tensor(theirs.tolist()) - dequantised(weight, bits)).abs().max()
        print(f"{bits}-bit rule against mlx: {worst:.2e}")
        assert worst < 1e-6


if __name__ == "__main__":
    main()
