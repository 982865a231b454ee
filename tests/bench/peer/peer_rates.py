"""The most that PyTorch reaches of this machine, and single ops at the sizes of ops.ts."""

import torch
import torch.nn.functional as F

from peer_setup import CUDA, DEVICE, TINY, channels_last, fact, options, per_run, random


def cpu_ceilings():
    """What ceilings.ts measures of easel: the best of products and convolutions, and of moving memory."""
    best = 0.0
    for M, N, K in [(64, 64, 64)] if TINY else [(4096, 1280, 5120), (4096, 10240, 1280), (2048, 2048, 2048)]:
        x, w = random(M, K), random(N, K)
        best = max(best, 2 * M * N * K / per_run(lambda: F.linear(x, w)) / 1e9)
    for side, n in [(8, 32)] if TINY else [(64, 320), (64, 640), (256, 256)]:
        x, w = channels_last(random(1, n, side, side)), channels_last(random(n, n, 3, 3))
        best = max(best, 18 * side * side * n * n / per_run(lambda: F.conv2d(x, w, padding=1)) / 1e9)
    fact(f"torch.{options.dtype}.tflops", best, "TFLOP/s")
    x, y = (torch.randn((1 << 16) if TINY else (1 << 27)) for _ in range(2))
    moved = [
        12 * x.numel() / per_run(lambda: x.add_(y)),
        4 * x.numel() / per_run(lambda: x.sum()),
        8 * x.numel() / per_run(lambda: x.mul_(0.999)),
    ]
    fact("torch.gbs", max(moved) / 1e6, "GB/s")


def ceilings():
    if not CUDA:
        return cpu_ceilings()
    fact("torch.version", torch.__version__.replace(" ", "_"), f"cudnn {torch.backends.cudnn.version()}")
    n = 256 if TINY else 8192
    a, b = random(n, n), random(n, n)
    if CUDA:
        per_run(lambda: a @ b, 50)  # until the clocks are up
    fact("ceiling.tflops", 2 * n**3 / per_run(lambda: a @ b) / 1e9, f"TFLOP/s, a product of {n}")
    x = torch.randn((1 << 18) if TINY else (1 << 28), device=DEVICE)
    y = torch.empty_like(x)
    fact("ceiling.gbs", 2 * x.numel() * 4 / per_run(lambda: y.copy_(x)) / 1e6, "GB/s read and written")


def rates():
    def show(name, work, flop=0, bytes=0):
        ms = per_run(work)
        fact(f"torch.{name}", ms * 1e3, f"us {flop / ms / 1e9:.1f} TFLOP/s" if flop else f"us {bytes / ms / 1e6:.0f} GB/s")

    products = [(64, 64, 64)] if TINY else [
        (8192, 8192, 8192), (16384, 5120, 640), (4096, 10240, 1280), (4096, 1280, 5120), (1024, 1280, 1280), (1024, 16, 1280),
        (1024, 1280, 16), (16384, 16, 640)]
    for M, N, K in products:
        x, w = random(M, K), random(N, K)
        show(f"product_{M}x{N}x{K}", lambda: F.linear(x, w), 2 * M * N * K)
    convolutions = [(1, 8, 32, 32)] if TINY else [
        (1, 64, 320, 320), (2, 64, 320, 320), (1, 64, 640, 640), (4, 64, 640, 640), (4, 128, 320, 320), (1, 32, 1280, 1280),
        (1, 1024, 128, 128)]
    for n, side, a, b in convolutions:
        x, w, dy = channels_last(random(n, a, side, side)), channels_last(random(b, a, 3, 3)), channels_last(random(n, b, side, side))
        name, flop = f"conv_{n}x{side}x{side}_{a}_{b}", 18 * n * side * side * a * b
        show(name, lambda: F.conv2d(x, w, padding=1), flop)
        if a == 640 or TINY:
            ways = None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, [True, False, False]
            show(f"{name}_dx", lambda: torch.ops.aten.convolution_backward(dy, x, w, *ways), flop)
    attentions = [(1, 64, 77, 2, 40)] if TINY else [
        (1, 4096, 4096, 8, 40), (1, 4096, 4096, 10, 64), (4, 4096, 4096, 10, 64), (4, 1024, 1024, 20, 64), (4, 4096, 77, 10, 64),
        (1, 1024, 1024, 8, 80), (1, 256, 256, 8, 160)]
    for batch, queries, keys, heads, width in attentions:
        q, k, v = (random(batch, n, heads, width).transpose(1, 2).requires_grad_(True) for n in (queries, keys, keys))
        name, flop = f"attention_{batch}x{heads}x{queries}x{keys}_{width}", 4 * batch * heads * queries * keys * width
        show(name, torch.no_grad()(lambda: F.scaled_dot_product_attention(q, k, v)), flop)
        y = F.scaled_dot_product_attention(q, k, v)
        dy = torch.randn_like(y)
        show(f"{name}_grad", lambda: torch.autograd.grad(y, (q, k, v), dy, retain_graph=True), 2.5 * flop)
    if not TINY:
        x, w, o = channels_last(random(4, 320, 128, 128)), random(320), random(320)
        show("groupNorm_4x128x128x320", lambda: F.silu(F.group_norm(x, 32, w, o)), bytes=4 * x.numel())
        x, w, o = random(4, 4096, 640), random(640), random(640)
        show("layerNorm_4x4096x640", lambda: F.layer_norm(x, (640,), w, o), bytes=4 * x.numel())
