/**
 * deno task bench [--device cuda] [--isa v3|v4] [--sizes tiny] [--runs N] [--stop-after SECONDS] [MODEL] [JOB[:BATCH]..]: easel
 * and PyTorch one after the other on this machine, same shapes, dtype and threads, and what both can reach at most, measured
 * in the same run: shares are of the better of the two. Without more: all rows of docs/benchmarks.md. --isa v3 is AVX2
 * alone, for both; v4 AVX-512 with bf16, without AMX. EASEL_BENCH_PYTHON (python3) names the Python that may have PyTorch.
 */

import { parseArgs } from "node:util";
import { availableMemory } from "./facts.ts";

const { values: { device, isa, sizes, runs: asked, "stop-after": end }, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    device: { type: "string", default: "cpu" },
    isa: { type: "string" },
    sizes: { type: "string", default: "full" },
    runs: { type: "string" },
    "stop-after": { type: "string", default: "Infinity" }, // no row begins later
  },
});
const cpu = device === "cpu", [model = "sd15", ...given] = positionals;
const here = decodeURIComponent(new URL(".", import.meta.url).pathname);
const python = Deno.env.get("EASEL_BENCH_PYTHON") ?? "python3";
const threads = String(navigator.hardwareConcurrency), runs = asked ?? (cpu ? "3" : "20");

type Facts = ReadonlyMap<string, number>;
interface Row {
  readonly job: string;
  readonly dtypes: readonly string[];
  /** Bytes that it takes on the CPU at full size; it is left out where they are not there. */
  readonly memory?: number;
  /** PyTorch has nothing like it. */
  readonly alone?: boolean;
  /** Runs at most, of what takes minutes. */
  readonly most?: number;
}

const UPDATES = ["AdamW", "AdamW8bit", "Lion", "Adafactor", "Prodigy"];
const ROWS: readonly Row[] = [
  ...UPDATES.map((name) => ({ job: `update_${name}`, dtypes: ["f32"], alone: name === "AdamW8bit" })),
  { job: "run", dtypes: ["f32"], alone: true },
  { job: "full", dtypes: ["bf16"], memory: 19e9 },
  ...["step", "forward", "draw", "decode"].map((job) => ({ job, dtypes: ["f32", "bf16"] })),
  { job: "picture", dtypes: ["f32", "bf16"], most: 1 },
  ...["tiled_1024", "tiled_2048"].map((job) => ({ job, dtypes: ["bf16"], alone: true })),
];

/** One level of instructions for easel and for PyTorch's libraries. */
const LEVELS: Readonly<Record<string, Record<string, string>>> = {
  v3: {
    EASEL_CPU_ISA: "v3",
    ONEDNN_MAX_CPU_ISA: "AVX2",
    DNNL_MAX_CPU_ISA: "AVX2",
    MKL_ENABLE_INSTRUCTIONS: "AVX2",
    ATEN_CPU_CAPABILITY: "avx2",
  },
  v4: {
    EASEL_CPU_AMX: "never",
    ONEDNN_MAX_CPU_ISA: "AVX512_CORE_BF16",
    DNNL_MAX_CPU_ISA: "AVX512_CORE_BF16",
  },
};
if (isa !== undefined && !LEVELS[isa]) {
  throw new Error(`--isa is ${Object.keys(LEVELS).join(", ")}, not ${isa}`);
}
const env = isa ? LEVELS[isa] : {};

/** The facts of a program by the last part of their names; null where it is not there or failed. */
function run(command: string, args: string[]): Facts | null {
  const { success, stdout } = new Deno.Command(command, { args, stderr: "inherit", env }).outputSync();
  const text = new TextDecoder().decode(stdout);
  const found = [...text.matchAll(/^FACT (\S+) (\S+)/gm)];
  return success ? new Map(found.map(([, name, value]) => [name.split(".").at(-1)!, Number(value)])) : null;
}
const hasTorch =
  new Deno.Command(python, { args: ["-c", "import torch"], stderr: "null" }).outputSync().success;
const optionsFor = (
  dtype: string,
) => ["--device", device, "--dtype", dtype, "--threads", threads, "--runs", runs, "--sizes", sizes];
const ours = (file: string, dtype: string, ...args: string[]) =>
  run(Deno.execPath(), ["run", "-A", `${here}${file}.ts`, ...optionsFor(dtype), ...args]);
const peers = (dtype: string, ...args: string[]) =>
  hasTorch ? run(python, [`${here}peer/peer.py`, ...optionsFor(dtype), ...args]) : null;

const ceilings = new Map<string, { tflops: number; gbs: number }>();
/** The most that either of both reaches, measured once for each dtype. */
function ceilingOf(dtype: string): { tflops: number; gbs: number } {
  if (!ceilings.has(dtype)) {
    const [a, b] = [ours("ceilings", dtype), peers(dtype, "ceilings")];
    const best = (name: string) => Math.max(a?.get(name) ?? 0, b?.get(name) ?? 0);
    ceilings.set(dtype, { tflops: best("tflops"), gbs: best("gbs") });
  }
  return ceilings.get(dtype)!;
}

/** Part of what the processor can do that a row came to, by what easel's instructions compute or move. */
function share(
  dtype: string,
  facts: Facts | null,
  work: Facts,
  seconds = (facts?.get("median") ?? NaN) / 1e3,
) {
  const flop = work.get("flop") ?? 0, bytes = work.get("bytes") ?? 0;
  if (!facts || !cpu || (!flop && !bytes)) return "-";
  const { tflops, gbs } = ceilingOf(dtype);
  return `${(100 * (flop ? flop / seconds / tflops / 1e12 : bytes / seconds / gbs / 1e9)).toFixed(0)} %`;
}

function measured({ job, memory = 0, alone, most }: Row, dtype: string): string {
  if (memory > availableMemory() && sizes === "full" && cpu) {
    return `| ${model} ${job} | ${dtype} | needs more memory |`;
  }
  const fewer = most === undefined ? [] : ["--runs", String(Math.min(most, Number(runs)))];
  const facts = job === "run" ? ours("run", dtype) : ours("measure", dtype, ...fewer, model, job);
  const lanesOf = facts?.has("lanes") ? ["--lanes", String(facts.get("lanes"))] : [];
  const peer = alone || !facts ? null : peers(dtype, ...fewer, ...lanesOf, model, job);
  if (!facts) return `| ${model} ${job} | ${dtype} | failed |`;
  const time = (f: Facts | null) =>
    f ? `${f.get("median")!.toFixed(1)} ms (to ${f.get("slowest")!.toFixed(1)})` : "-";
  const held = (f: Facts | null) => f?.get(cpu ? "process" : "used")?.toFixed(0) ?? "-";
  const planned = facts.get(cpu ? "promised" : "planned")?.toFixed(0) ?? "-";
  const lanes = facts.has("lanes") ? ` over ${(facts.get("lanes")! / 1e6).toFixed(0)} M` : "";
  const once = most === undefined ? "" : `, ${Math.min(most, Number(runs))} run`;
  const host = facts.has("host") ? `, ${facts.get("host")!.toFixed(2)} ms a step between programs` : "";
  const columns = [
    time(facts) + host,
    time(peer),
    peer ? (peer.get("median")! / facts.get("median")!).toFixed(2) : "-",
    share(dtype, facts, facts),
    share(dtype, peer, facts),
    held(facts),
    planned,
    held(peer),
  ];
  return `| ${job === "run" ? "tiny" : model} ${job}${lanes}${once} | ${dtype} | ${columns.join(" | ")} |`;
}

const name = /model name\s*:\s*(.+)/.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1] ?? "unknown CPU";
const level = isa ? `, ${isa} alone` : "", free = `${(availableMemory() / 2 ** 30).toFixed(1)} GiB free`;
console.log(
  `${
    new Date().toISOString().slice(0, 10)
  }, ${device}, ${name}${level}, ${threads} threads, ${free}, median of ${runs}`,
);
console.log("(slowest in brackets), MiB of the whole process at most and as planned\n");
console.log(
  "| what | dtype | easel | PyTorch | ratio | easel's share | PyTorch's | easel MiB | planned | PyTorch MiB |",
);
console.log("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
const rows = given.length
  ? given.map((job): Row => ROWS.find((row) => row.job === job) ?? { job, dtypes: ["f32", "bf16"] })
  : ROWS;
for (const row of rows) {
  for (const dtype of cpu ? row.dtypes : ["bf16"]) {
    if (performance.now() / 1e3 > Number(end)) console.log(`| ${row.job} | ${dtype} | no time left |`);
    else console.log(measured(row, dtype));
  }
}
for (const [dtype, { tflops, gbs }] of ceilings) {
  console.log(`\nceiling in ${dtype}: ${tflops.toFixed(3)} TFLOP/s, ${gbs.toFixed(1)} GB/s`);
}
