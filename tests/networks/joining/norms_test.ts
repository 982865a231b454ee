import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { compile, Graph } from "../../../src/graph/mod.ts";
import {
  DOWN,
  keysOf,
  type NetworkModule,
  normReport,
  recordNormLimit,
  UP,
} from "../../../src/networks/mod.ts";
import type { KindSettings } from "../../../src/networks/kinds/kind.ts";
import { lokr } from "../../../src/networks/kinds/lokr.ts";
import { loraModule } from "../../../src/networks/sites/modules.ts";
import { wholeAlpha } from "../../../src/networks/sites/values.ts";
import { openDevice, ParameterStore } from "../../../src/runtime/mod.ts";
import { synthTensor } from "../../golden/synth.ts";

const module = (name: string, shape: number[], rank: number, alpha: number) =>
  loraModule({ name, path: name, part: "unet", shape }, rank, wholeAlpha(alpha));

/** Every kind of layer, and ranks above and below the layers' widths. */
const MODULES = [
  module("linear", [48, 20], 4, 2),
  module("wide", [8, 12], 16, 16),
  module("pointwise", [24, 16, 1, 1], 4, 1),
  module("kernel", [12, 10, 3, 3], 3, 6),
  module("zero", [6, 5], 2, 1),
  ...Array.from({ length: 6 }, (_, i) => module(`more${i}`, [7 + i, 9], 1 + i, 3)),
];

/** alpha / rank * ||up down||, from the product itself in float64. */
function normOf({ rank, alpha, shape: [out] }: NetworkModule, down: Float32Array, up: Float32Array): number {
  const width = down.length / rank;
  let squares = 0;
  for (let o = 0; o < out; o++) {
    for (let i = 0; i < width; i++) {
      let x = 0;
      for (let r = 0; r < rank; r++) x += up[o * rank + r] * down[r * width + i];
      squares += x * x;
    }
  }
  return alpha.value / rank * Math.sqrt(squares);
}

/** Norms and ratios as the program gives them, and the factors after it. */
async function limit(modules: readonly NetworkModule[], weights: Map<string, Float32Array>, most: number) {
  const device = openDevice("cpu", { threads: 1 });
  const store = new ParameterStore(device);
  for (const m of modules) {
    for (const [suffix, shape] of Object.entries(m.tensors)) {
      store.upload(`${m.name}.${suffix}`, shape, "f32", weights.get(`${m.name}.${suffix}`)!);
    }
  }
  const graph = new Graph();
  const recorded = recordNormLimit(graph, modules, most);
  for (const [name, tensor] of Object.entries(recorded)) graph.output(name, tensor);
  const program = await compile(graph, store);
  const { norms, ratios } = await program.run();
  program.destroy();
  const after = new Map([...weights.keys()].map((key) => [key, store.download(key)]));
  store.destroy();
  device.close();
  return { norms, ratios, after };
}

function initial(): Map<string, Float32Array> {
  return new Map(MODULES.flatMap((m) => {
    const { down, up } = keysOf(m);
    const values = synthTensor(up, m.tensors[UP]);
    if (m.name === "zero") values.fill(0);
    return [[down, synthTensor(down, m.tensors[DOWN])], [up, values]];
  }));
}

Deno.test("recordNormLimit() finds every module's norm and brings those above the limit down to it", async () => {
  const weights = initial();
  const before = MODULES.map((m) => normOf(m, weights.get(keysOf(m).down)!, weights.get(keysOf(m).up)!));
  const most = before.toSorted((a, b) => a - b)[5] * 1.01; // six stay
  const { norms, ratios, after } = await limit(MODULES, weights, most);
  before.forEach((norm, i) =>
    ok(Math.abs(norms[i] - norm) <= 1e-6 * norm, `${MODULES[i].name}: ${norms[i]}`)
  );
  strictEqual(ratios.filter((ratio) => ratio === 1).length, 6);
  const exact: number[] = [];
  for (const [i, m] of MODULES.entries()) {
    const { down, up } = keysOf(m), [d, u] = [after.get(down)!, after.get(up)!];
    if (before[i] <= most) deepStrictEqual([d, u], [weights.get(down), weights.get(up)], m.name);
    exact.push(normOf(m, d, u));
    ok(Math.abs(exact[i] - Math.min(before[i], most)) <= 1e-6 * most, `${m.name}: ${exact[i]}`);
    const share = Math.sqrt(Math.min(1, most / before[i]));
    ok(d.every((x, k) => Math.abs(x - share * weights.get(down)![k]) < 1e-6), `${m.name}: both alike`);
  }
  const report = normReport(norms, ratios);
  strictEqual(report.keysScaled, MODULES.length - 6);
  ok(Math.abs(report.meanNorm - exact.reduce((a, b) => a + b) / exact.length) < 1e-6 * most);
  ok(Math.abs(report.maximumNorm - most) < 1e-6 * most);
});

Deno.test("recordNormLimit() stays near the product's norm where the factors' columns cancel", async () => {
  // up's columns nearly alike, down's rows nearly opposite: the product is 1e-2 of what its terms are
  const [m] = MODULES.filter(({ name }) => name === "linear"), { down, up } = keysOf(m);
  const weights = new Map([[down, synthTensor(down, m.tensors[DOWN])], [up, synthTensor(up, m.tensors[UP])]]);
  const [d, u] = [weights.get(down)!, weights.get(up)!], width = d.length / m.rank;
  for (let r = 1; r < m.rank; r++) {
    for (let i = 0; i < width; i++) d[r * width + i] = (r % 2 ? -1 : 1) * d[i] + 1e-2 * d[r * width + i];
    for (let o = 0; o < m.shape[0]; o++) u[o * m.rank + r] = u[o * m.rank] + 1e-2 * u[o * m.rank + r];
  }
  const { norms } = await limit([m], weights, 1e9);
  const exact = normOf(m, d, u);
  ok(Math.abs(norms[0] / exact - 1) < 1e-3, `${norms[0]}, exactly ${exact}`);
});

Deno.test("recordNormLimit() shares the change of a LoKr among its factors, whichever it has", async () => {
  const kron = (name: string, shape: number[], rank: number, settings: KindSettings = {}) =>
    loraModule({ name, path: name, part: "unet", shape }, rank, wholeAlpha(1), lokr, settings);
  const modules = [
    kron("whole", [8, 6], 64),
    kron("second", [64, 64], 2),
    kron("both", [64, 64], 2, { decomposeBoth: true }),
    kron("core", [64, 64, 3, 3], 2, { decomposeBoth: true, useTucker: true }),
  ];
  deepStrictEqual(modules.map(({ tensors }) => Object.keys(tensors).length), [2, 3, 4, 5]);
  const keys = modules.flatMap((m) => Object.keys(m.tensors).map((suffix) => `${m.name}.${suffix}`));
  const shapes = Object.assign(
    {},
    ...modules.map((m) =>
      Object.fromEntries(Object.entries(m.tensors).map(([s, shape]) => [`${m.name}.${s}`, shape]))
    ),
  );
  const weights = new Map(keys.map((key) => [key, synthTensor(key, shapes[key])]));
  const { norms, ratios, after } = await limit(modules, weights, 0.25);
  const length = (key: string) => Math.hypot(...weights.get(key)!);
  // a Kronecker product is as long as its factors multiplied; whole ones have no alpha
  const exact = length("whole.lokr_w1") * length("whole.lokr_w2");
  ok(Math.abs(norms[0] - exact) < 1e-6 * exact, `${norms[0]}, exactly ${exact}`);
  modules.forEach((m, i) => {
    ok(ratios[i] < 1, `${m.name}: ${norms[i]}`);
    const suffixes = Object.keys(m.tensors), share = ratios[i] ** (1 / suffixes.length);
    for (const key of suffixes.map((suffix) => `${m.name}.${suffix}`)) {
      ok(after.get(key)!.every((x, k) => Math.abs(x - share * weights.get(key)![k]) < 1e-6), key);
    }
  });
  for (const norm of (await limit(modules, after, 0.25)).norms) ok(Math.abs(norm - 0.25) < 1e-6, `${norm}`);
});
