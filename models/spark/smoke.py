"""Before a long run: is the fast path right on this GPU, and how fast is it?

    python smoke.py --rows 8

1. the Triton scan against the plain loop, forward and backward;
2. attention in blocks against attention under a full mask, forward and backward;
3. the compiled network against the plain one: loss and gradients of one real batch;
4. tokens a second and memory of one GPU.

Writes build/choices.json, which train.py reads: what failed is left out of the run, and said.
"""

import argparse
import json
import os
import time
import traceback
from pathlib import Path

import torch

import network
import scan
from delta import CHUNK
from network import Network
from pack import load_tokenizer
from reader import all_rows, unpack
from shape import SPARK, TINY
from train import loss_sum

HERE = Path(__file__).parent
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"         # a processor only to try this program itself


def apart(a, b):
    """Relative distance of two lists of tensors; NaN counts as infinitely far."""
    worst = max(((x.float() - y.float()).norm() / y.float().norm()).item() for x, y in zip(a, b, strict=True))
    return worst if worst == worst else float("inf")


def scan_is_right():
    start = lambda *shape: torch.randn(*shape, device=DEVICE) * 0.1
    given = [start(16, 64, CHUNK, 64), start(16, 64, CHUNK, 64), start(16, 64, CHUNK, 64), torch.rand(16, 64, device=DEVICE)]
    ahead = apart(scan.triton_forward(*given), scan.loop_forward(*given))
    grads = [*given[1:], start(16, 64, CHUNK, 64), start(16, 65, 64, 64)]
    back = apart(scan.triton_backward(*grads), scan.loop_backward(*grads))
    print(f"scan, Triton against loop: forward {ahead:.1e}, backward {back:.1e}", flush=True)
    return ahead < 5e-3 and back < 5e-3


def attention_is_right(shape, segment):
    attention = network.Attention(shape).to(DEVICE)
    attend = torch.compile(attention.attend, dynamic=False)
    wide = (len(segment), shape.num_attention_heads, segment.shape[1], shape.head_dim)
    narrow = (wide[0], shape.num_key_value_heads, *wide[2:])
    given = [torch.randn(*s, device=DEVICE, dtype=torch.bfloat16).requires_grad_() for s in (wide, narrow, narrow)]
    weight = torch.randn(*wide, device=DEVICE, dtype=torch.bfloat16)

    def run(how, mask):
        out = how(*given, mask)
        return [out.detach(), *torch.autograd.grad((out * weight).sum(), given)]

    worst = apart(run(attend, network.block_mask(segment)), run(attention.attend, network.full_mask(segment)))
    print(f"attention, blocks against full mask, forward and backward: {worst:.1e}", flush=True)
    return worst < 2e-2


def graded(net, packed, end, rows, loss):
    """Loss and gradients of a batch, `rows` at a time."""
    net.zero_grad(set_to_none=True)
    strength, value = torch.tensor(0.5, device=DEVICE), 0.0
    total = unpack(packed, end)[2].sum()
    for part in packed.split(rows):
        ids, segment, weight = unpack(part, end)
        logits, _, _ = net(ids, segment, rounding=strength)
        each = loss(logits, ids, weight) / total
        each.backward()
        value += each.item()
    return value, torch.cat([p.grad.flatten() for p in net.parameters()])


def whole_is_right(net, shape, packed, end):
    plain = Network(shape).to(DEVICE)
    plain.load_state_dict(net.state_dict())
    os.environ["SPARK_SCAN"], scanned = "loop", os.environ["SPARK_SCAN"]
    value, grad = graded(plain, packed, end, 1, loss_sum)
    os.environ["SPARK_SCAN"] = scanned
    begun = time.time()
    fast, fast_grad = graded(net, packed, end, len(packed), loss_sum)
    spent = time.time() - begun
    near = torch.nn.functional.cosine_similarity(grad, fast_grad, dim=0).item()
    size = (fast_grad.norm() / grad.norm()).item()
    print(f"network, {net.attention} attention and {scanned} scan, compiled in {spent:.0f} s: loss {fast:.5f} against {value:.5f}; gradients' cosine {near:.5f}, ratio of sizes {size:.4f}", flush=True)
    return abs(fast - value) < 5e-3 * value and near > 0.99 and abs(size - 1) < 0.03


def speed(net, packed, end, steps=10):
    step = lambda: graded(net, packed, end, len(packed), loss_sum)
    step()
    if DEVICE == "cuda":
        torch.cuda.reset_peak_memory_stats()
    begun = time.time()
    for _ in range(steps):
        step()                                                  # ends with .item(): the GPU has finished
    rate = steps * packed.numel() / (time.time() - begun)
    peak = torch.cuda.max_memory_allocated() / 2 ** 30 if DEVICE == "cuda" else 0
    print(f"one GPU, forward and backward: {rate:,.0f} tokens/s, peak {peak:.1f} GiB", flush=True)


def attempt(check, *given):
    try:
        return check(*given)
    except Exception:                                           # a compiler that fails is a finding here, not the end
        traceback.print_exc()
        return False


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--rows", type=int, default=8)
    args.add_argument("--tiny", action="store_true", help="a very small network, for trying this program")
    args.add_argument("--data", default=str(HERE / "build" / "data"))
    args = args.parse_args()
    shape = TINY if args.tiny else SPARK
    print(torch.cuda.device_count(), "x", torch.cuda.get_device_name() if DEVICE == "cuda" else "processor", torch.__version__, flush=True)
    torch.manual_seed(1)
    torch.set_float32_matmul_precision("high")
    end = load_tokenizer().token_to_id("<|endoftext|>")
    held = all_rows(args.data, "valid")
    packed = torch.from_numpy(held[[i % len(held) for i in range(args.rows)]].astype("int32")).to(DEVICE)
    scanned = "triton" if attempt(scan_is_right) else "loop"
    attended = "flex" if attempt(attention_is_right, shape, unpack(packed, end)[1]) else "masked"
    kept = None
    for attention, how in dict.fromkeys([(attended, scanned), (attended, "loop"), ("masked", scanned), ("masked", "loop")]):
        torch._dynamo.reset()
        os.environ["SPARK_SCAN"] = how
        net = Network(shape).to(DEVICE)
        net.attention = attention
        torch._dynamo.config.cache_size_limit = 64
        for layer in net.layers:
            layer.compile(dynamic=False)
        if attempt(whole_is_right, net, shape, packed, end):
            kept = {"attention": attention, "scan": how}
            break
    if kept is None:
        raise SystemExit("no fast path is right on this machine: train with --eager")
    (HERE / "build").mkdir(exist_ok=True)
    (HERE / "build" / "choices.json").write_text(json.dumps(kept) + "\n")
    print("chosen:", kept, flush=True)
    speed(net, packed, end)


if __name__ == "__main__":
    main()
