/**
 * The rows of first.ts, the ones that are worth most first. Tests and models run by easel's own kernels before NVIDIA's
 * libraries, and those for Hopper, which nothing uses yet, behind both.
 */

import { basename } from "node:path";
import { deno, environment, type Libs, measuring, type Row, type Setup, test } from "./row.ts";
import type { Task } from "./run_row.ts";

const SANITIZED =
  '/^(linear\\(\\) with|matmul\\(\\) .*"M":64,"N":48,"K":33,"transA":false,"transB":true).*cuda/';
const NCU =
  "^(product_4096x10240x1280|product_1024x16x1280|conv_4x64x64_640_640|attention_4x10x4096x4096_64|groupNorm_4x128|geglu_4x)";
const NCU_SECTIONS = ["SpeedOfLight", "Occupancy", "LaunchStats", "WarpStateStats", "SchedulerStats"];

/** A row of tests/bench: FILE ARGS.. with one kind of libraries. */
function bench(name: string, limit: number, libs: Libs, file: string, ...args: string[]): Row {
  return {
    name,
    tasks: (setup) => {
      const [model, ...jobs] = args,
        few = setup.simulator ? jobs.filter((job) => SIMULATED_JOBS.has(job)) : jobs;
      const what = [...measuring(setup, limit), "--libs", libs, ...(model ? [model, ...few] : [])];
      return [{
        name,
        limit,
        env: environment(setup, libs, true),
        command: deno(setup, "run", `tests/bench/${file}.ts`, ...what),
      }];
    },
  };
}

function peer(name: string, limit: number, ...args: string[]): Row {
  return {
    name,
    needs: "PyTorch",
    tasks: (setup) => {
      const options = measuring(setup, limit).slice(0, 4); // device and time
      return [{ name, limit, command: ["python3", "tests/bench/peer/peer.py", ...options, ...args] }];
    },
  };
}

/** What the simulator can do in minutes. */
const SIMULATED_JOBS = new Set(["step", "forward", "recompute", "draw", "text"]);
const KERNELS = [
  "product/matmul",
  "conv/conv2d",
  "attention",
  "norm",
  "pointwise",
  "shape",
  "adamw",
  "executor/program",
  "executor/arena",
  "executor/device",
];
const SIMULATED_KERNELS = ["norm", "shape", "adamw", "executor/program", "executor/device"];
const REAL_SIZES = ["linear", "conv", "attention", "groupNorm", "layerNorm", "geglu"];

/**
 * All ops against their formulas, then at real sizes against the CPU: a process a file, so that one fault spoils one
 * file.
 */
function opTests(setup: Setup, libs: Libs, name: string): Task[] {
  const files = setup.simulator ? SIMULATED_KERNELS : KERNELS;
  const small = files.map((file) =>
    test(setup, libs, `${name}_${basename(file)}`, 70, `tests/kernels/${file}_test.ts`, "(cuda)")
  );
  if (setup.simulator) return small;
  const real = REAL_SIZES.map((op) =>
    test(setup, libs, `${name}_real_${op}`, 90, "tests/device/real_sizes_test.ts", `/^${op} .*cuda and CPU/`)
  );
  return [...small, ...real];
}

/** What the kernels for Hopper compute. */
function hopperTests(setup: Setup): Task[] {
  const names = setup.simulator
    ? ["cuda/hopper"]
    : ["cuda/hopper", "product/matmul", "conv/conv2d", "attention", "product/split"];
  return [
    ...names.map((file) =>
      test(setup, "hopper", `hopper_tests_${basename(file)}`, 70, `tests/kernels/${file}_test.ts`, "(cuda)")
    ),
    ...(setup.simulator ? [] : ["linear", "conv", "attention"]).map((op) =>
      test(
        setup,
        "hopper",
        `hopper_tests_real_${op}`,
        90,
        "tests/device/real_sizes_test.ts",
        `/^${op} .*cuda and CPU/`,
      )
    ),
    ...golden(setup, "hopper", "hopper_golden", ["unet", "train"]),
  ];
}

/** Attention's kernels for Hopper beside the others: right, then both times, of which the faster is taken. */
const hopperAttention: readonly Row[] = [
  {
    name: "hopper_attention",
    tasks: (setup) => [
      test(setup, "hopper_tried", "hopper_attention", 70, "tests/kernels/cuda/hopper_test.ts", "attention"),
    ],
  },
  {
    name: "hopper_attention_rates",
    tasks: (setup) => [{
      name: "hopper_attention_rates",
      limit: 60,
      env: environment(setup, "hopper_tried", true),
      command: deno(
        setup,
        "run",
        "tests/bench/rates.ts",
        ...measuring(setup, 60),
        "--libs",
        "hopper_tried",
        "--only",
        "^attention_",
      ),
    }],
  },
];

function golden(setup: Setup, libs: Libs, name: string, topics: readonly string[]): Task[] {
  return (setup.simulator ? ["lora"] : topics).map((topic) => ({
    name: `${name}_${topic}`,
    limit: 60,
    env: environment(setup, libs),
    command: deno(setup, "run", "tests/golden/main.ts", "tests/golden/data", topic),
  }));
}

const sanitizer = (tool: string): Row => ({
  name: tool,
  needs: "a card",
  tasks: (setup) => {
    const [inner] = [test(setup, "own", tool, 60, "tests/kernels/product/matmul_test.ts", SANITIZED)];
    const options = ["--tool", tool, "--target-processes", "all", "--error-exitcode", "1"];
    return [{ ...inner, command: ["compute-sanitizer", ...options, ...inner.command] }];
  },
});

const profiler: Row = {
  name: "ncu",
  needs: "a card",
  tasks: (setup) => [{
    name: "ncu",
    limit: 60,
    env: environment(setup, "own"),
    command: [
      ...["ncu", "--clock-control", "none", "--target-processes", "all", "--launch-count", "24"],
      ...["--kernel-name", "regex:matmul|conv2d|attention|group_norm|geglu", "--csv", "--page", "details"],
      ...NCU_SECTIONS.flatMap((section) => ["--section", section]),
      ...deno(setup, "run", "tests/bench/rates.ts", "--device", "cuda", "--once", "--only", NCU),
    ],
  }],
};

const OWN_JOBS = [
  "step",
  "forward",
  "step:4",
  "forward:4",
  "decode",
  "recompute:4",
  "draw",
  "draw:4",
  "text",
];
const TORCH_JOBS = [
  ...[
    "forward",
    "graph_forward",
    "step",
    "graph_step",
    "pure_step",
    "step:4",
    "graph_step:4",
    "forward:4",
    "graph_forward:4",
  ],
  ...["decode", "graph_decode", "draw", "draw:4"],
];

export const ROWS: readonly Row[] = [
  bench("hello", 30, "own", "hello"),
  {
    name: "tests",
    together: true,
    tasks: (setup) => [
      ...opTests(setup, "own", "tests"),
      test(
        setup,
        "own",
        "tests_jobs",
        80,
        "tests/training/cuda_test.ts",
        "train_network on cuda follows the CPU:",
      ),
      ...(setup.simulator
        ? []
        : [test(setup, "own", "tests_200_steps", 90, "tests/device/long_training_test.ts")]),
    ],
  },
  {
    name: "golden",
    together: true,
    tasks: (setup) => golden(setup, "own", "golden", ["unet", "vae", "train", "samplers", "lora"]),
  },
  peer("ceilings", 60, "ceilings"),
  bench("own_sd15", 70, "own", "measure", "sd15", ...OWN_JOBS),
  bench("own_sdxl", 120, "own", "measure", "sdxl", ...OWN_JOBS, "recompute"),
  peer("torch_sd15", 60, "sd15", ...TORCH_JOBS),
  peer("torch_sdxl", 90, "sdxl", ...TORCH_JOBS),
  bench("own_rates", 45, "own", "rates"),
  bench("nvidia_hello", 40, "nvidia", "hello"),
  bench("nvidia_sd15", 100, "nvidia", "measure", "sd15", "step", "forward", "decode"),
  bench("nvidia_sdxl", 120, "nvidia", "measure", "sdxl", "step", "forward", "step:4", "forward:4"),
  { name: "hopper_tests", together: true, tasks: hopperTests },
  ...hopperAttention,
  bench("hopper_rates", 45, "hopper", "rates"),
  bench("blocks128_rates", 45, "blocks128", "rates"),
  bench("tried_rates", 60, "tried", "rates"),
  bench("hopper_sd15", 50, "hopper", "measure", "sd15", "step", "forward"),
  bench("hopper_sdxl", 90, "hopper", "measure", "sdxl", "step", "forward", "step:4", "forward:4"),
  {
    name: "nvidia_tests",
    together: true,
    tasks: (setup) => [
      ...opTests(setup, "nvidia", "nvidia_tests"),
      ...golden(setup, "nvidia", "nvidia_golden", ["unet", "vae", "train"]),
    ],
  },
  bench("nvidia_rates", 60, "nvidia", "rates"),
  peer("torch_rates", 40, "rates"),
  sanitizer("memcheck"),
  profiler,
  peer("compile_sd15", 100, "sd15", "compile_forward", "compile_step"),
  peer("compile_sdxl", 200, "sdxl", "compile_forward", "compile_step"),
  sanitizer("racecheck"),
];
