"""The gated delta rule, computed a chunk of tokens at a time.

Per head, with a state S [Dv, Dk] that starts at zero:

    S <- exp(g_t) S
    u_t = beta_t (v_t - S k_t)
    S <- S + u_t k_t^T
    o_t = S q_t

Inside a chunk of C tokens the u_t depend on each other through a unit lower
triangular system, so one small inverse per chunk turns the recurrence into
matrix products; only the state passes from chunk to chunk (scan.py).
"""

import torch
import torch.nn.functional as F

from scan import scan
CHUNK = 64
BLOCK = 16


def invert_unit_lower(a):
    """(I + a)^-1 for strictly lower triangular a [..., C, C], C = 16, 32 or 64.

    The Neumann series ends after C terms, but its powers grow like binomial
    coefficients when keys repeat, so it is used on 16 by 16 blocks only, and
    the blocks are joined by [[A, 0], [L, B]]^-1 = [[A', 0], [-B' L A', B']].
    """
    size = a.shape[-1]
    if size <= BLOCK:
        eye = torch.eye(size, dtype=a.dtype, device=a.device)
        power = -a
        inverse = eye + power
        reach = 2
        while reach < size:
            power = power @ power
            inverse = inverse + inverse @ power
            reach *= 2
        return inverse
    half = size // 2
    # Both diagonal halves are inverted as one batch.
    both = torch.stack([a[..., :half, :half], a[..., half:, half:]])
    top, bottom = invert_unit_lower(both).unbind(0)
    corner = -(bottom @ a[..., half:, :half] @ top)
    upper = F.pad(top, (0, half))
    lower = torch.cat([corner, bottom], dim=-1)
    return torch.cat([upper, lower], dim=-2)


def gated_delta(q, k, v, g, beta):
    """Run the rule over whole sequences.

    q, k: [B, H, T, Dk], already normalised and scaled; v: [B, H, T, Dv];
    g (log decay, <= 0) and beta: [B, H, T].  T is a multiple of CHUNK.
    All f32.  Returns o: [B, H, T, Dv] and the last state, transposed: [B, H, Dk, Dv].
    """
    batch, heads, length, dk = q.shape
    dv = v.shape[-1]
    size = min(CHUNK, length)
    count = length // size
    cut = lambda x: x.reshape(batch * heads, count, size, *x.shape[3:])
    q, k, v, g, beta = cut(q), cut(k), cut(v), cut(g), cut(beta)

    total = g.cumsum(-1)                                        # [N, n, C]
    lower = torch.ones(size, size, dtype=torch.bool, device=q.device).tril()
    # Masked before exp: above the diagonal the difference is positive and overflows.
    gap = (total.unsqueeze(-1) - total.unsqueeze(-2)).masked_fill(~lower, float("-inf"))
    decay = gap.exp()                                           # [N, n, C, C]
    k_beta = k * beta.unsqueeze(-1)
    strict = lower.tril(-1)
    system = ((k_beta @ k.transpose(-1, -2)) * decay).masked_fill(~strict, 0.0)
    inverse = invert_unit_lower(system)
    fade = total.exp().unsqueeze(-1)                            # decay since the chunk's start
    own = inverse @ (v * beta.unsqueeze(-1))                    # u if S were zero
    reach = inverse @ (k_beta * fade)                           # how S changes u
    last = total[..., -1:]                                      # [N, n, 1]
    k_end = k * (last - total).exp().unsqueeze(-1)
    keep = last.exp().squeeze(-1)                               # [N, n]
    updates, states = scan(own, reach, k_end, keep)             # [N, n, C, Dv], [N, n + 1, Dk, Dv]
    out = (q * fade) @ states[:, :-1] + ((q @ k.transpose(-1, -2)) * decay) @ updates
    return out.reshape(batch, heads, length, dv), states[:, -1].reshape(batch, heads, dk, dv)


def gated_delta_stepwise(q, k, v, g, beta):
    """The same, one token at a time: the plain definition, for tests."""
    batch, heads, length, dk = q.shape
    state = q.new_zeros(batch, heads, v.shape[-1], dk)
    out = []
    for t in range(length):
        state = state * g[:, :, t, None, None].exp()
        u = (v[:, :, t] - (state @ k[:, :, t, :, None]).squeeze(-1)) * beta[:, :, t, None]
        state = state + u.unsqueeze(-1) * k[:, :, t].unsqueeze(-2)
        out.append((state @ q[:, :, t, :, None]).squeeze(-1))
    return torch.stack(out, 2), state.transpose(-1, -2)
