/**
 * deno task bench [row..]: SD1.5 at full size against PyTorch in one run on this machine: same shapes, dtype and threads.
 * Rows: unet step decode, each in f32 and bf16. PyTorch is used when `EASEL_BENCH_PYTHON` (default python3) has torch.
 */

interface Result {
  seconds: number;
  all: number[];
  peakBytes: number;
  plannedBytes?: number;
  version?: string;
}

const TITLES: Record<string, string> = {
  unet: "U-Net forward, 64x64 latents",
  step: "LoRA step, rank 16, batch 1, 64x64 latents",
  decode: "VAE decode, 512x512",
};
const here = decodeURIComponent(new URL(".", import.meta.url).pathname);
const python = Deno.env.get("EASEL_BENCH_PYTHON") ?? "python3";
const threads = String(navigator.hardwareConcurrency);
const repeats = Deno.env.get("EASEL_BENCH_REPEATS") ?? "3";

function run(command: string, args: string[]): Result | null {
  const { success, stdout } = new Deno.Command(command, { args, stderr: "inherit" }).outputSync();
  return success ? JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!) : null;
}

const hasTorch =
  new Deno.Command(python, { args: ["-c", "import torch"], stderr: "null" }).outputSync().success;
const cpu = /model name\s*:\s*(.+)/.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1] ?? "unknown CPU";
const rows = Deno.args.length ? Deno.args : Object.keys(TITLES);
const lines: string[] = [];
let version = "not installed";
for (const row of rows) {
  for (const dtype of ["f32", "bf16"]) {
    const ours = run(Deno.execPath(), ["run", "-A", `${here}measure.ts`, row, dtype, threads, repeats]);
    const peer = hasTorch ? run(python, [`${here}torch_peer.py`, row, dtype, threads, repeats]) : null;
    if (!ours) throw new Error(`the row ${row} ${dtype} failed`);
    version = peer?.version ?? version;
    const spread = (r: Result) => `${r.seconds.toFixed(2)} s (to ${Math.max(...r.all).toFixed(2)})`;
    const gib = (bytes: number) => (bytes / 2 ** 30).toFixed(2);
    lines.push(
      `| ${TITLES[row]} | ${dtype} | ${spread(ours)} | ${peer ? spread(peer) : "-"} | ` +
        `${peer ? (peer.seconds / ours.seconds).toFixed(2) : "-"} | ${gib(ours.peakBytes)} | ` +
        `${peer ? gib(peer.peakBytes) : "-"} | ${gib(ours.plannedBytes!)} |`,
    );
    console.error(lines.at(-1));
  }
}
console.log(`${cpu}, ${threads} threads, PyTorch ${version}, best of ${repeats} (slowest in brackets)\n`);
console.log("| what | dtype | easel | PyTorch | ratio | easel GiB | PyTorch GiB | planned GiB |");
console.log("| --- | --- | --- | --- | --- | --- | --- | --- |");
for (const line of lines) console.log(line);
