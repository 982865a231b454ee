"""PyTorch's side of measure.ts and rates.ts: the same models, shapes and jobs, channels last, scaled_dot_product_attention.

usage: python3 peer.py [--device cuda] [..] ceilings | rates | sd15 JOB.. | sdxl JOB..
JOB: [graph_|compile_|pure_]forward|step|recompute|full|decode|draw|picture[:BATCH], or update_NAME, one step of an optimizer. graph_: replayed from a CUDA graph; compile_: torch.compile;
pure_: a graph of the step without autocast, LoRA's weights cast by hand, the least that PyTorch does for a step.
"""

import argparse
import resource
import statistics
import time

started = time.perf_counter()

import torch
import torch.nn.functional as F
from torch import nn

import peer_models as models
import peer_optimizers
from peer_models import UNet, add_lora, decoder

parser = argparse.ArgumentParser()
parser.add_argument("--device", default="cpu")
parser.add_argument("--dtype", default="bf16")
parser.add_argument("--threads", type=int, default=0)
parser.add_argument("--runs", type=int, default=20)
parser.add_argument("--sizes", default="full")
parser.add_argument("--stop-after", type=float, default=float("inf"))
parser.add_argument("--lanes", type=int, default=2**62)  # weights that an optimizer's step goes over
parser.add_argument("what", nargs="+")
options = parser.parse_args()
TINY, DEVICE, CUDA = options.sizes == "tiny", options.device, options.device == "cuda"
DTYPE = torch.float32 if options.dtype == "f32" else torch.bfloat16
CONFIGS = models.TINY if TINY else models.FULL
STEPS, PICTURE_STEPS = (2, 2) if TINY else (10, 20)  # of a sampler


def fact(name, value, unit=""):
    print("FACT", name, f"{value:.5g}" if isinstance(value, float) else value, unit, flush=True)


def wait():
    if CUDA:
        torch.cuda.synchronize()


def times(once, runs):
    """Wall milliseconds of each run, the wait for the GPU included."""
    all = []
    for _ in range(runs):
        wait()
        at = time.perf_counter()
        once()
        wait()
        all.append((time.perf_counter() - at) * 1e3)
    return all


def settle(once):
    """Until a run is no longer much faster than the one before, as measure.ts does; a run of a minute is the measurement."""
    [last] = times(once, 1)
    if last > 60e3:
        return [last]
    for _ in range(6):
        [now] = times(once, 1)
        if now > 0.9 * last:
            return None
        last = now


def captured(once):
    """The same work replayed from a CUDA graph."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            once()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        once()
    return graph.replay


def on_device(make):
    """A module of frozen weights made on the device."""
    torch.set_default_dtype(DTYPE)
    with torch.device(DEVICE):
        model = make()
    torch.set_default_dtype(torch.float32)
    return model.requires_grad_(False).to(memory_format=torch.channels_last)


def random(*shape):
    return torch.randn(*shape, device=DEVICE, dtype=DTYPE)


def channels_last(x):
    return x.contiguous(memory_format=torch.channels_last)


class Jobs:
    def __init__(self, name):
        self.name, self.c = name, CONFIGS[name]
        self.unet = self.vae = self.loras = None

    def inputs(self, batch):
        c = self.c
        x = channels_last(random(batch, 4, c.size, c.size))
        rest = [random(batch, c.widths[0]), random(batch, 77, c.context)]
        return [x, *rest] + ([random(batch, c.vector)] if c.vector else [])

    def model(self, compiled):
        if self.unet is None:
            self.unet = on_device(lambda: UNet(self.c))
        return torch.compile(self.unet) if compiled else self.unet

    def forward(self, batch, compiled, _):
        model, inputs = self.model(compiled), self.inputs(batch)
        return torch.no_grad()(lambda: model(*inputs))

    def decode(self, batch, compiled, _):
        self.vae = self.vae or on_device(lambda: decoder(TINY))
        model, (x, *_rest) = torch.compile(self.vae) if compiled else self.vae, self.inputs(batch)
        return torch.no_grad()(lambda: model(x))

    def sampled(self, batch, compiled, steps):
        """Steps of a sampler with classifier-free guidance, all on the device; of a context where one is given."""
        model, (noise, t, own, *vector) = self.model(compiled), self.inputs(2 * batch)

        def once(context=own):
            x = noise[:batch]
            for _ in range(steps):
                negative, positive = model(channels_last(torch.cat([x, x])), t, context, *vector).chunk(2)
                x = x + 0.1 * (negative + 7.5 * (positive - negative)) + 0.1 * torch.randn_like(x)
            return x

        return torch.no_grad()(once)

    def draw(self, batch, compiled, _):
        return self.sampled(batch, compiled, STEPS)

    def picture(self, batch, compiled, _):
        """Prompt and negative prompt encoded, PICTURE_STEPS steps, decoded."""
        self.vae = self.vae or on_device(lambda: decoder(TINY))
        encoders = on_device(lambda: models.text_encoders(self.name, TINY))
        ids, sample = torch.randint(49408, (2, 77), device=DEVICE), self.sampled(batch, compiled, PICTURE_STEPS)

        @torch.no_grad()
        def once():
            texts = torch.cat([encode(ids) for encode in encoders], -1)
            return self.vae(channels_last(sample(texts.repeat_interleave(batch, 0))))

        return once

    def step(self, batch, compiled, pure, recompute=False):
        model = self.model(False)
        if self.loras is None:
            with torch.device(DEVICE):
                self.loras = add_lora(model)
        models.Transformer.recompute = recompute
        for lora in self.loras:
            lora.pure = pure
            nn.init.zeros_(lora.up)
        trained = [p for lora in self.loras for p in (lora.down, lora.up)]
        # fused, and capturable so that a graph may hold it
        rate = torch.tensor(1e-4, device=DEVICE) if CUDA else 1e-4
        optimizer = torch.optim.AdamW(trained, lr=rate, fused=CUDA, capturable=CUDA)
        inputs = self.inputs(batch)
        target = torch.randn(inputs[0].shape, device=DEVICE)
        run = torch.compile(model) if compiled else model

        def once():
            for p in trained:
                p.grad = None
            autocast = DTYPE != torch.float32 and not pure
            with torch.autocast(DEVICE, torch.bfloat16, enabled=autocast, cache_enabled=False):
                loss = F.mse_loss(run(*inputs).float(), target)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()

        return once

    def recompute(self, batch, compiled, pure):
        return self.step(batch, compiled, pure, True)

    def full(self, batch, compiled, _):
        """All weights, held in float32, under autocast."""
        self.unet = UNet(self.c).to(DEVICE, memory_format=torch.channels_last)
        trained = list(self.unet.parameters())
        optimizer = torch.optim.AdamW(trained, lr=1e-5, fused=True)
        inputs, target = [x.float() for x in self.inputs(batch)], torch.randn(batch, 4, self.c.size, self.c.size, device=DEVICE)

        def once():
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(DEVICE, torch.bfloat16, enabled=DTYPE != torch.float32):
                loss = F.mse_loss(self.unet(*inputs).float(), target)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()

        return once

    def update(self, name):
        """The norm of the gradients, clipping and a step over all weights of the U-Net."""
        trained, room = [], options.lanes
        for p in UNet(self.c).to(DEVICE).parameters():
            if p.numel() <= room:
                trained.append(p.requires_grad_())
                room -= p.numel()
        for p in trained:
            p.grad = torch.full_like(p, 1e-3)
        step = peer_optimizers.MAKERS[name](trained)

        def once():
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            step()

        return once


def measure(jobs, text):
    job, _, batch = text.partition(":")
    way, _, what = ("", "", job) if job.startswith("update_") else job.rpartition("_")
    label = f"torch.{jobs.name}.b{batch or 1}.{job}"
    if time.perf_counter() - started > options.stop_after:
        print(f"SKIP {label}: no time left", flush=True)
        return True
    try:
        if CUDA:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        at = time.perf_counter()
        if what.startswith("update_"):
            once = jobs.update(what.removeprefix("update_"))
        else:
            once = getattr(jobs, what)(int(batch or 1), way == "compile", way == "pure")
        if way in ("graph", "pure") and CUDA:
            once = captured(once)
        long = None
        if CUDA:
            for _ in range(3):
                once()
            wait()
        else:
            long = settle(once)
        made, steps = time.perf_counter() - at, STEPS if what == "draw" else 1
        all = [ms / steps for ms in (long or times(once, options.runs))]
    except Exception as error:  # one job less, not all
        print(f"error: {label}: {type(error).__name__} {str(error)[:200]}", flush=True)
        return False
    fact(f"{label}.best", min(all), "ms")
    fact(f"{label}.median", statistics.median(all), "ms")
    fact(f"{label}.slowest", max(all), "ms")
    if steps > 1:
        fact(f"{label}.rate", 1e3 / statistics.median(all), "it/s")
    fact(f"{label}.made", made, "s")
    if CUDA:
        fact(f"{label}.used", torch.cuda.max_memory_allocated() / 2**20, "MiB at most")
    return True


def per_run(work, repeats=20):
    """Best milliseconds of one of `repeats` runs between two events."""
    if not CUDA:
        work()
        return min(times(work, 3))
    for _ in range(3):
        work()
    best = float("inf")
    for _ in range(5):
        a, b = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        a.record()
        for _ in range(repeats):
            work()
        b.record()
        b.synchronize()
        best = min(best, a.elapsed_time(b) / repeats)
    return best


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


def main():
    what, *wanted = options.what
    torch.manual_seed(0)
    if options.threads:
        torch.set_num_threads(options.threads)
    if what in ("ceilings", "rates"):
        return {"ceilings": ceilings, "rates": rates}[what]()
    jobs = Jobs(what)
    ordered = sorted(wanted, key=lambda job: "step" in job or "recompute" in job)  # LoRA changes the U-Net: it comes last
    good = [measure(jobs, job) for job in ordered]
    fact(f"torch.{what}.process", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MiB at most")
    if not all(good):
        raise SystemExit(1)


main()
