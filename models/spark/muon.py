"""Muon: momentum whose matrices are made orthogonal before they become a step.

The update of a matrix is the nearest one with all singular values equal, found by five Newton-Schulz
steps (K. Jordan and others, 2024), so directions that few tokens ask for, such as looking a value up
by its key, move as far as those that all ask for.  Its size is set to that of an AdamW update, 0.2 to
0.4 an element, so that both share one learning rate (J. Liu and others, arXiv 2502.16982).
"""

import torch

STEPS = ((3.4445, -4.7750, 2.0315),) * 5


def orthogonal(batch):
    """batch [N, rows, columns], rows <= columns -> each matrix with its singular values moved to about 1, bf16."""
    x = batch.bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for a, b, c in STEPS:
        square = x @ x.mT
        x = a * x + torch.baddbmm(square, square, square, beta=b, alpha=c) @ x
    return x


class Muon(torch.optim.Optimizer):
    """For matrices [rows, columns] and stacks of them [N, rows, columns]; matrices of one size are handled as one batch."""

    def __init__(self, parameters, lr, momentum=0.95, weight_decay=0.1, size=0.2):
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "size": size})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            moving = [p for p in group["params"] if p.grad is not None]
            for p in moving:
                if "momentum" not in self.state[p]:
                    self.state[p]["momentum"] = torch.zeros_like(p)
            grads, kept = [p.grad for p in moving], [self.state[p]["momentum"] for p in moving]
            torch._foreach_lerp_(kept, grads, 1 - group["momentum"])
            ahead = torch._foreach_lerp(grads, kept, group["momentum"])                 # Nesterov's look ahead
            torch._foreach_mul_(moving, 1 - group["lr"] * group["weight_decay"])
            by_size = {}
            for p, update in zip(moving, ahead):
                by_size.setdefault(tuple(sorted(p.shape[-2:])), []).append((p, update))
            for (_, longer), members in by_size.items():
                self.turn(members, -group["lr"] * group["size"] * longer ** 0.5)

    def turn(self, members, factor):
        """Adds `factor` times the orthogonal updates to the parameters; all have the same sides."""
        tall = [update.shape[-2] > update.shape[-1] for _, update in members]
        flat = [(update.mT if up else update).reshape(-1, *sorted(update.shape[-2:])) for up, (_, update) in zip(tall, members)]
        done = orthogonal(torch.cat(flat)).split([len(f) for f in flat])
        for up, out, (p, _) in zip(tall, done, members):
            p.add_((out.mT if up else out).reshape(p.shape).to(p.dtype), alpha=factor)
