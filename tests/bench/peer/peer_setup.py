"""What peer.py was asked for, where it computes, and how it times."""

import argparse
import time

started = time.perf_counter()

import torch

import peer_models as models

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
