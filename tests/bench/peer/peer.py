"""PyTorch's side of measure.ts and rates.ts: the same models, shapes and jobs, channels last, scaled_dot_product_attention.

usage: python3 peer.py [--device cuda] [..] ceilings | rates | sd15 JOB.. | sdxl JOB..
JOB: [graph_|compile_|pure_]forward|step|recompute|full|decode|draw|picture[:BATCH], or update_NAME, one step of an optimizer. graph_: replayed from a CUDA graph; compile_: torch.compile;
pure_: a graph of the step without autocast, LoRA's weights cast by hand, the least that PyTorch does for a step.
"""

import resource
import statistics
import time

import torch

from peer_jobs import Jobs
from peer_rates import ceilings, rates
from peer_setup import CUDA, STEPS, captured, fact, options, settle, started, times, wait


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
