"""The delta rule's passage from chunk to chunk, as one operator with its own backward.

    U_i = own_i - reach_i S_i           S_{i+1} = keep_i S_i + k_end_i^T U_i          S_0 = 0

N sequences of n chunks: own [N, n, C, Dv], reach and k_end [N, n, C, Dk], keep [N, n], all f32.
Returns U [N, n, C, Dv] and S [N, n + 1, Dk, Dv].  A compiler sees one node instead of n unrolled
steps.  On a GPU a Triton kernel walks the chunks; SPARK_SCAN=loop takes the plain loop there too.
"""

import os

import torch

try:
    import triton
    import triton.language as tl
except ImportError:                                             # a processor-only machine may do without
    triton = None

COLUMNS = 32                                                    # columns of S that one Triton program carries


def loop_forward(own, reach, k_end, keep):
    states = [own.new_zeros(own.shape[0], reach.shape[-1], own.shape[-1])]
    updates = []
    for i in range(own.shape[1]):
        updates.append(torch.baddbmm(own[:, i], reach[:, i], states[-1], alpha=-1))
        states.append(torch.baddbmm(states[-1] * keep[:, i, None, None], k_end[:, i].transpose(-1, -2), updates[-1]))
    return torch.stack(updates, 1), torch.stack(states, 1)


def loop_backward(reach, k_end, keep, d_updates, d_states):
    """-> gradient of own [N, n, C, Dv], and of each state that a chunk leaves behind [N, n, Dk, Dv]."""
    after = d_states[:, -1]
    d_own, left = [], []
    for i in reversed(range(reach.shape[1])):
        left.append(after)
        d_own.append(torch.baddbmm(d_updates[:, i], k_end[:, i], after))
        before = d_states[:, i] + after * keep[:, i, None, None]
        after = torch.baddbmm(before, reach[:, i].transpose(-1, -2), d_own[-1], alpha=-1)
    return torch.stack(d_own[::-1], 1), torch.stack(left[::-1], 1)


if triton is not None:
    @triton.jit
    def forward_kernel(own, reach, k_end, keep, updates, states, count: tl.constexpr, C: tl.constexpr, DK: tl.constexpr, DV: tl.constexpr, BV: tl.constexpr):
        n, block = tl.program_id(0).to(tl.int64), tl.program_id(1)
        rows, keys, cols = tl.arange(0, C), tl.arange(0, DK), block * BV + tl.arange(0, BV)
        narrow = rows[:, None] * DK + keys[None, :]             # a [C, Dk] tile
        wide = rows[:, None] * DV + cols[None, :]               # this program's part of a [C, Dv] tile
        square = keys[:, None] * DV + cols[None, :]             # and of a state
        state = tl.zeros((DK, BV), tl.float32)
        for i in range(count):
            at = n * count + i
            tl.store(states + (n * (count + 1) + i) * DK * DV + square, state)
            update = tl.load(own + at * C * DV + wide) - tl.dot(tl.load(reach + at * C * DK + narrow), state)
            tl.store(updates + at * C * DV + wide, update)
            state = state * tl.load(keep + at) + tl.dot(tl.trans(tl.load(k_end + at * C * DK + narrow)), update)
        tl.store(states + (n * (count + 1) + count) * DK * DV + square, state)

    @triton.jit
    def backward_kernel(reach, k_end, keep, d_updates, d_states, d_own, left, count: tl.constexpr, C: tl.constexpr, DK: tl.constexpr, DV: tl.constexpr, BV: tl.constexpr):
        n, block = tl.program_id(0).to(tl.int64), tl.program_id(1)
        rows, keys, cols = tl.arange(0, C), tl.arange(0, DK), block * BV + tl.arange(0, BV)
        narrow = rows[:, None] * DK + keys[None, :]
        wide = rows[:, None] * DV + cols[None, :]
        square = keys[:, None] * DV + cols[None, :]
        after = tl.load(d_states + (n * (count + 1) + count) * DK * DV + square)
        for step in range(count):
            i = count - 1 - step
            at = n * count + i
            tl.store(left + at * DK * DV + square, after)
            mine = tl.load(d_updates + at * C * DV + wide) + tl.dot(tl.load(k_end + at * C * DK + narrow), after)
            tl.store(d_own + at * C * DV + wide, mine)
            before = tl.load(d_states + (n * (count + 1) + i) * DK * DV + square) + after * tl.load(keep + at)
            after = before - tl.dot(tl.trans(tl.load(reach + at * C * DK + narrow)), mine)


def sizes(reach, dv):
    n, count, c, dk = reach.shape
    return n, count, c, dk, min(COLUMNS, dv)


def triton_forward(own, reach, k_end, keep):
    n, count, c, dk, columns = sizes(reach, own.shape[-1])
    updates, states = torch.empty_like(own), own.new_empty(n, count + 1, dk, own.shape[-1])
    forward_kernel[(n, own.shape[-1] // columns)](own, reach, k_end, keep, updates, states, count, C=c, DK=dk, DV=own.shape[-1], BV=columns, num_warps=4)
    return updates, states


def triton_backward(reach, k_end, keep, d_updates, d_states):
    n, count, c, dk, columns = sizes(reach, d_updates.shape[-1])
    d_own, left = torch.empty_like(d_updates), d_states.new_empty(n, count, dk, d_updates.shape[-1])
    backward_kernel[(n, d_updates.shape[-1] // columns)](reach, k_end, keep, d_updates, d_states, d_own, left, count, C=c, DK=dk, DV=d_updates.shape[-1], BV=columns, num_warps=4)
    return d_own, left


def by_triton(x):
    return x.is_cuda and triton is not None and os.environ.get("SPARK_SCAN", "triton") != "loop"


@torch.library.custom_op("spark::scan", mutates_args=())
def scan(own: torch.Tensor, reach: torch.Tensor, k_end: torch.Tensor, keep: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    given = [x.contiguous() for x in (own, reach, k_end, keep)]
    return triton_forward(*given) if by_triton(own) else loop_forward(*given)


@scan.register_fake
def _(own, reach, k_end, keep):
    n, count, _, dv = own.shape
    return own.new_empty(own.shape), own.new_empty(n, count + 1, reach.shape[-1], dv)


@torch.library.custom_op("spark::scan_back", mutates_args=())
def scan_back(reach: torch.Tensor, k_end: torch.Tensor, keep: torch.Tensor, d_updates: torch.Tensor, d_states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    given = [x.contiguous() for x in (reach, k_end, keep, d_updates, d_states)]
    return triton_backward(*given) if by_triton(reach) else loop_backward(*given)


@scan_back.register_fake
def _(reach, k_end, keep, d_updates, d_states):
    n, count, _, dk = reach.shape
    return d_updates.new_empty(d_updates.shape), d_states.new_empty(n, count, dk, d_updates.shape[-1])


def keep_for_backward(ctx, inputs, output):
    _, reach, k_end, keep = inputs
    ctx.save_for_backward(reach, k_end, keep, *output)


def backward(ctx, d_updates, d_states):
    reach, k_end, keep, updates, states = ctx.saved_tensors
    d_own, left = scan_back(reach, k_end, keep, d_updates, d_states)
    before = states[:, :-1]
    d_reach = -(d_own @ before.transpose(-1, -2))
    d_k_end = updates @ left.transpose(-1, -2)
    return d_own, d_reach, d_k_end, (before * left).sum((-1, -2))


scan.register_autograd(backward, setup_context=keep_for_backward)
