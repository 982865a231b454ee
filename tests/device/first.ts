/**
 * What first.sh starts after unpacking: runs the rows within the budget, prints a line as each ends, keeps all numbers
 * and logs.
 */

import { join } from "node:path";
import { parseArgs } from "node:util";
import { Report } from "./report.ts";
import { limitOf, type Row, type Setup } from "./row.ts";
import { ROWS } from "./rows.ts";
import { endAll, runTasks } from "./run_row.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { began: { type: "string", default: String(Date.now() / 1e3) } },
});
const env = (name: string, otherwise = "") => Deno.env.get(name) || otherwise;
const out = env("OUT"), work = env("WORK"), logs = join(work, "logs");
const budget = Number(env("BUDGET", "540")), simulator = env("SIMULATOR") || null;
/** Less than this is not worth beginning a row. */
const LEAST = simulator ? 1 : 20;

await Deno.remove(logs, { recursive: true }).catch(() => {});
Deno.mkdirSync(logs, { recursive: true });
const factsFile = join(out, "facts.txt");
Deno.writeTextFileSync(factsFile, "");
const report = new Report(
  console.log,
  (line) => Deno.writeTextFileSync(factsFile, line + "\n", { append: true }),
);

const elapsed = () => Math.round(Date.now() / 1e3 - Number(values.began));
const left = () => budget - elapsed();

function output(command: string, ...args: string[]): string {
  try {
    const { stdout, stderr } = new Deno.Command(command, { args }).outputSync();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  } catch {
    return "";
  }
}

/** The machine, before anything runs on it. */
function machine(): void {
  const asked = [
    ["nvidia-smi"],
    ["nvidia-smi", "-q", "-d", "CLOCK,POWER,PERFORMANCE"],
    ["nvcc", "--version"],
    ["ldd", "--version"],
    ["python3", "-m", "pip", "list"],
    ["lscpu"],
    ["free", "-m"],
  ];
  const answers = asked.map(([command, ...args]) =>
    `$ ${command} ${args.join(" ")}\n${output(command, ...args)}`
  );
  Deno.writeTextFileSync(join(logs, "machine.log"), answers.join("\n"));
  const card = output(
    "nvidia-smi",
    "--query-gpu=name,driver_version,clocks.sm,clocks.max.sm,clocks.mem,power.limit,memory.total",
    "--format=csv,noheader",
  );
  report.fact(
    `FACT machine.card ${simulator ? "simulated" : card.split("\n")[0].replaceAll(" ", "") || "none"}`,
  );
  report.fact(`FACT machine.nvcc ${/release ([\d.]+)/.exec(answers[2])?.[1] ?? "none"}`);
  report.fact(`FACT machine.glibc ${/(\d+\.\d+)\n/.exec(answers[3])?.[1]}`);
  report.fact(`FACT machine.cores ${navigator.hardwareConcurrency}`);
}

/** Folders of NVIDIA's libraries in Python's packages, as PyTorch brings them. */
function packagedLibraries(): string {
  return output(
    "python3",
    "-c",
    "import glob, site\n" +
      "folders = site.getsitepackages() + [site.getusersitepackages()]\n" +
      "print(':'.join(sorted(lib for f in folders for lib in glob.glob(f + '/nvidia/*/lib'))), end='')",
  );
}

/** Ceilings that were measured in this run or, on the same machine, in the one before. */
const ceilings: Record<string, number> = {};
function noteCeilings(log: string): void {
  for (const [, name, value] of log.matchAll(/^FACT ceiling\.(tflops|gbs) (\S+)/gm)) {
    ceilings[name] = Number(value);
  }
  if (Object.keys(ceilings).length) Deno.writeTextFileSync(join(work, "ceilings.txt"), log);
}
noteCeilings(await Deno.readTextFile(join(work, "ceilings.txt")).catch(() => ""));

/** Everything so far, after each row, since the end may come at any time. */
function keep(): void {
  Deno.writeTextFileSync(join(out, "summary.txt"), report.summary.join("\n") + "\n");
  output("sh", "-c", `cp "${work}"/cache-*/choices/*.txt "${logs}"/`);
  output("tar", "-C", work, "-czf", join(out, "logs.tmp"), "logs");
  Deno.renameSync(join(out, "logs.tmp"), join(out, "logs.tar.gz"));
}

let spy = true;
const setup = {
  deno: Deno.execPath(),
  work,
  libraries: env("LIBRARIES"),
  packaged: packagedLibraries(),
  simulator,
  torch: output("python3", "-c", "import torch; print(torch.cuda.is_available())").startsWith("True"),
  ceilings,
};

/** Why the row cannot run here, or null. */
function missing({ needs }: Row): string | null {
  if (needs === "PyTorch") return setup.torch ? null : simulator ? "needs a card" : "needs PyTorch with CUDA";
  return needs && simulator ? "needs a card" : null;
}

/** Runs a row; true when it did all that it should. */
async function run(row: Row): Promise<boolean> {
  const at = elapsed();
  const made: Setup = { ...setup, spy, left: left() };
  const tasks = row.tasks(made).map((task) => ({ ...task, limit: limitOf(task.limit, made) }));
  const atOnce = row.together ? Math.min(8, navigator.hardwareConcurrency) : 1;
  const ended = await runTasks(tasks, logs, left, atOnce);
  if (row.together) report.rows(row.name, ended, elapsed() - at, elapsed());
  else report.row(ended[0], elapsed());
  for (const { log } of ended) noteCeilings(log);
  keep();
  return ended.every(({ status, log }) => status === 0 && !/^SKIP /m.test(log));
}

/** Where the spy does not work, the rows go without it. */
async function hello(row: Row): Promise<boolean> {
  const good = await run(row);
  if (good || !spy) return good;
  spy = false;
  const without = await run(row);
  if (without) report.say("NOTE the counting library does not work here; the rest goes without it");
  return without;
}

machine();
report.say(`unpacked at ${elapsed()}`);
const watcher = simulator || !output("nvidia-smi", "-L") ? null : new Deno.Command("sh", {
  args: ["-c", `exec nvidia-smi dmon -s pucm -d 2 >"${logs}/dmon.log" 2>&1`],
}).spawn();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => {
    endAll();
    watcher?.kill();
    keep();
    Deno.exit(143);
  });
}

const again: string[] = [], noTime: string[] = [];
const unknown = positionals.filter((name) => !ROWS.some((row) => row.name === name));
if (unknown.length) {
  report.say(`there is no row ${unknown.join(", ")}; the rows are ${ROWS.map((r) => r.name).join(" ")}`);
}
for (const row of ROWS) {
  if (positionals.length && !positionals.includes(row.name)) continue;
  const why = missing(row);
  if (why) report.say(`ROW ${row.name} skipped: ${why}`);
  else if (left() < LEAST) noTime.push(row.name);
  else if (!(await (row.name.endsWith("hello") ? hello(row) : run(row)))) again.push(row.name);
}
watcher?.kill();
report.say(
  `NEXT ${[...again, ...noTime].join(" ") || "nothing"}${
    noTime.length ? `, no time was left for ${noTime.join(" ")}` : ""
  }`,
);
report.say(`END at ${elapsed()} s, ${report.facts} facts`);
keep();
