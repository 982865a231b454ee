/**
 * deno task listing [--write]: what six programs cost before anything is measured, against listing.txt: instructions,
 * launches on a card of 132 multiprocessors, planned memory, bytes that instructions move (each operand once). Launches
 * are counted by the idle simulator (sh tools/build_cuda.sh --simulator); a training step is its two programs together.
 */

import { compileGraph, type CompileOptions, type Graph } from "../../../src/graph/mod.ts";
import { compile, knownPlaces } from "../../../src/graph/compile.ts";
import { openDevice, ParameterStore } from "../../../src/runtime/mod.ts";
import { UPDATE } from "../../../src/training/step/recorded/update.ts";
import { allocateGroups } from "../../../src/training/step/trainable.ts";
import { simulatorPath, withEnvironment } from "../../kernels/devices.ts";
import { decodeGraph, forwardGraph, loraOf, loraStep } from "../programs/graphs.ts";
import { type Model, MODELS, parts } from "../programs/models.ts";
import { write } from "../options.ts";
import { workOf } from "../programs/work.ts";

const CARD = {
  EASEL_SIMT_IDLE: "1",
  EASEL_SIMT_CAPABILITY: "90",
  EASEL_SIMT_MULTIPROCESSORS: "132",
  EASEL_SIMT_MEMORY: String(60 * 2 ** 30),
};
const FILE = new URL("./listing.txt", import.meta.url);

type Part = "unet" | "vae";
interface Listed {
  readonly name: string;
  readonly model: string;
  readonly part: Part;
  readonly graphs: (store: ParameterStore, model: Model) => Compiled[];
}
interface Compiled {
  readonly graph: Graph;
  readonly options?: CompileOptions;
}

const step = (batch: number, recompute: boolean) => (store: ParameterStore, model: Model) => {
  const made = loraStep(store, model, "bf16", recompute);
  return [
    { graph: made.recordBackward({ batch }), options: made.compileOptions({ batch }) },
    { graph: made.recordUpdate(), options: UPDATE },
  ];
};
export const LISTED: readonly Listed[] = [
  {
    name: "sd15 forward",
    model: "sd15",
    part: "unet",
    graphs: (_, m) => [{ graph: forwardGraph(m, 1, "bf16") }],
  },
  { name: "sd15 step", model: "sd15", part: "unet", graphs: step(1, false) },
  {
    name: "sdxl forward",
    model: "sdxl",
    part: "unet",
    graphs: (_, m) => [{ graph: forwardGraph(m, 1, "bf16") }],
  },
  { name: "sdxl step", model: "sdxl", part: "unet", graphs: step(1, false) },
  { name: "sdxl step:4 recompute", model: "sdxl", part: "unet", graphs: step(4, true) },
  {
    name: "sdxl decode",
    model: "sdxl",
    part: "vae",
    graphs: (_, m) => [{ graph: decodeGraph(m, 1, "bf16") }],
  },
];

export const COLUMNS = ["instructions", "launches", "planned MiB", "moved MB"] as const;
export type Cost = Record<typeof COLUMNS[number], number>;

interface Counter {
  easel_simt_launches: () => number | bigint;
}

/** Launches of one run of each graph's program, on a store that holds no values. */
async function launches(listed: Listed, counter: Counter): Promise<number> {
  const device = withEnvironment(
    { EASEL_CUDA_DRIVER: simulatorPath("fast") },
    () => openDevice("cuda", { noVendorLibs: true }),
  );
  const store = new ParameterStore(device), model = MODELS.get(listed.model)!;
  for (const [key, shape] of parts[listed.part](model)) store.allocate(key, shape, "bf16", { frozen: true });
  if (listed.name.includes("step")) allocateGroups(store, loraOf(model).groups);
  let counted = 0;
  for (const { graph, options } of listed.graphs(store, model)) {
    const program = await compile(graph, store, options);
    const inputs = Object.fromEntries(
      [...program.tables.inputs].map(([name, { shape }]) =>
        [name, new Float32Array(shape.reduce((a, b) => a * b, 1))] as const
      ),
    );
    const before = Number(counter.easel_simt_launches());
    await program.run(inputs);
    counted += Number(counter.easel_simt_launches()) - before;
    program.destroy();
  }
  store.destroy();
  device.close();
  return counted;
}

/** What a program costs; launches are NaN without a simulator. */
export function costOf(listed: Listed): Promise<Cost> {
  return withEnvironment(CARD, async () => {
    const model = MODELS.get(listed.model)!;
    const cpu = openDevice("cpu"), store = new ParameterStore(cpu);
    if (listed.name.includes("step")) allocateGroups(store, loraOf(model).groups);
    const lowered = listed.graphs(store, model).map(({ graph, options }) =>
      compileGraph(graph, knownPlaces(store), options)
    );
    const sum = (of: (l: typeof lowered[number]) => number) => lowered.reduce((total, l) => total + of(l), 0);
    const bytes = (lines: readonly string[]) => lines.reduce((total, line) => total + workOf(line).bytes, 0);
    const counter = openCounter();
    const cost = {
      instructions: sum((l) => l.instructionCount),
      launches: counter ? await launches(listed, counter.symbols) : NaN,
      "planned MiB": Math.round(Math.max(...lowered.map((l) => l.arenaBytes)) / 2 ** 20),
      "moved MB": Math.round(sum((l) => bytes(l.listing)) / 1e6),
    };
    counter?.close();
    store.destroy();
    cpu.close();
    return cost;
  });
}

function openCounter() {
  try {
    return Deno.dlopen(simulatorPath("fast"), { easel_simt_launches: { parameters: [], result: "i64" } });
  } catch {
    return null;
  }
}

export function committed(): Map<string, Cost> {
  const [, ...lines] = Deno.readTextFileSync(FILE).trim().split("\n");
  return new Map(lines.map((line) => {
    const [name, ...numbers] = line.split(/ {2,}/);
    return [name, Object.fromEntries(COLUMNS.map((column, i) => [column, Number(numbers[i])])) as Cost];
  }));
}

function text(costs: ReadonlyMap<string, Cost>): string {
  const row = (cells: readonly string[]) =>
    cells[0].padEnd(24) + cells.slice(1).map((c) => c.padStart(14)).join("");
  const rows = [...costs].map(([name, cost]) =>
    row([name, ...COLUMNS.map((column) => String(cost[column]))])
  );
  return [row(["program", ...COLUMNS]), ...rows, ""].join("\n");
}

if (import.meta.main) {
  const costs = new Map<string, Cost>();
  for (const listed of LISTED) costs.set(listed.name, await costOf(listed));
  console.log(text(costs));
  if (write) Deno.writeTextFileSync(FILE, text(costs));
}
