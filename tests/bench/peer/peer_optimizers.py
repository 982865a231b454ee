"""Optimizers beside easel's: PyTorch's own, and those of other packages by their formulas, tensor by tensor as these do it."""

import torch


def adamw(trained):
    return torch.optim.AdamW(trained, lr=1e-5, fused=True).step


def adafactor(trained):
    return torch.optim.Adafactor(trained, lr=1e-5).step


def lion(trained, lr=1e-5, b1=0.9, b2=0.99, decay=0.0):
    """arXiv 2302.06675, as lion-pytorch computes it."""
    moments = [torch.zeros_like(p) for p in trained]

    @torch.no_grad()
    def step():
        for p, m in zip(trained, moments):
            p.mul_(1 - lr * decay)
            p.add_(m.clone().mul_(b1).add_(p.grad, alpha=1 - b1).sign_(), alpha=-lr)
            m.mul_(b2).add_(p.grad, alpha=1 - b2)

    return step


def prodigy(trained, lr=1.0, b1=0.9, b2=0.999, eps=1e-8):
    """arXiv 2306.06101, as prodigyopt computes it."""
    b3, d, numerator = b2**0.5, 1e-6, 0.0
    states = [tuple(torch.zeros_like(p) for _ in range(3)) + (p.detach().clone(),) for p in trained]

    @torch.no_grad()
    def step():
        nonlocal d, numerator
        numerator, denominator = numerator * b3, 0.0
        for p, (m, v, s, start) in zip(trained, states):
            numerator += d * lr * torch.dot(p.grad.flatten(), (start - p).flatten()).item()
            m.mul_(b1).add_(p.grad, alpha=d * (1 - b1))
            v.mul_(b2).addcmul_(p.grad, p.grad, value=d * d * (1 - b2))
            s.mul_(b3).add_(p.grad, alpha=d * d * lr)
            denominator += s.abs().sum().item()
        d = max(d, numerator / denominator) if denominator else d
        for p, (m, v, _, _) in zip(trained, states):
            p.addcdiv_(m, v.sqrt().add_(d * eps), value=-d * lr)

    return step


MAKERS = {"AdamW": adamw, "Adafactor": adafactor, "Lion": lion, "Prodigy": prodigy}
