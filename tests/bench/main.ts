/**
 * deno task bench [--device cuda] [MODEL] [JOB[:BATCH]..]: easel and PyTorch one after the other on this machine, same
 * shapes, dtype and threads. Without more: SD1.5's forward, step and decode; on the CPU each in f32 and bf16.
 * EASEL_BENCH_PYTHON (python3) names the Python that may have PyTorch, EASEL_BENCH_RUNS how often each is run (3, on a
 * GPU 20).
 */

const args = [...Deno.args], at = args.indexOf("--device");
const [, device = "cpu"] = at < 0 ? [] : args.splice(at, 2);
const [model = "sd15", ...given] = args, jobs = given.length ? given : ["forward", "step", "decode"];
const here = decodeURIComponent(new URL(".", import.meta.url).pathname);
const python = Deno.env.get("EASEL_BENCH_PYTHON") ?? "python3";
const threads = String(navigator.hardwareConcurrency);
const runs = Deno.env.get("EASEL_BENCH_RUNS") ?? (device === "cpu" ? "3" : "20");

type Facts = ReadonlyMap<string, number>;

/** The facts of a program by the last part of their names; null where it is not there or failed. */
function run(command: string, args: string[]): Facts | null {
  const { success, stdout } = new Deno.Command(command, { args, stderr: "inherit" }).outputSync();
  const text = new TextDecoder().decode(stdout);
  const found = [...text.matchAll(/^FACT (\S+) (\S+)/gm)];
  return success ? new Map(found.map(([, name, value]) => [name.split(".").at(-1)!, Number(value)])) : null;
}

const hasTorch =
  new Deno.Command(python, { args: ["-c", "import torch"], stderr: "null" }).outputSync().success;
const cpu = /model name\s*:\s*(.+)/.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1] ?? "unknown CPU";
console.log(`${device}, ${cpu}, ${threads} threads, median of ${runs} (slowest in brackets)\n`);
console.log("| what | dtype | easel | PyTorch | ratio | easel MiB | PyTorch MiB | planned MiB |");
console.log("| --- | --- | --- | --- | --- | --- | --- | --- |");
for (const job of jobs) {
  for (const dtype of device === "cpu" ? ["f32", "bf16"] : ["bf16"]) {
    const options = ["--device", device, "--dtype", dtype, "--threads", threads, "--runs", runs];
    const ours = run(Deno.execPath(), ["run", "-A", `${here}measure.ts`, ...options, model, job]);
    const peer = hasTorch ? run(python, [`${here}peer.py`, ...options, model, job]) : null;
    if (!ours) throw new Error(`${model} ${job} in ${dtype} failed`);
    const time = (f: Facts | null) =>
      f ? `${(f.get("median")!).toFixed(1)} ms (to ${f.get("slowest")!.toFixed(1)})` : "-";
    const memory = (f: Facts | null) => f?.get(device === "cpu" ? "process" : "used")?.toFixed(0) ?? "-";
    const ratio = peer ? (peer.get("median")! / ours.get("median")!).toFixed(2) : "-";
    const columns = [
      time(ours),
      time(peer),
      ratio,
      memory(ours),
      memory(peer),
      ours.get("planned")!.toFixed(0),
    ];
    console.log(`| ${model} ${job} | ${dtype} | ${columns.join(" | ")} |`);
  }
}
