/**
 * One body for every kind of network: live and merged output against a float64 reference of the weight's change, and
 * gradients against central differences of that reference.
 */

import { ok } from "node:assert/strict";
import { add, cast, compile, gradients, Graph, mul, sum } from "../../../src/graph/mod.ts";
import { conv2d, linear } from "../../../src/models/layers.ts";
import { Weights } from "../../../src/models/mod.ts";
import { loraAdapter, type NetworkModule, recordMerge } from "../../../src/networks/mod.ts";
import { openDevice, ParameterStore } from "../../../src/runtime/mod.ts";
import { uniform } from "../../golden/synth.ts";

export type Numbers = Float64Array;

/** Values of a module's tensors by suffix. */
export type Values = Readonly<Record<string, Numbers>>;

export interface KindCase {
  readonly module: NetworkModule;
  /** The new weight less the old one in full strength, (out, in * height * width), from the published formula. */
  readonly change: (values: Values, base: Numbers, module: NetworkModule) => Numbers;
  /** First values where they are not all between -0.5 and 0.5. */
  readonly values?: Readonly<Record<string, (i: number) => number>>;
  readonly stride?: number;
  readonly multiplier?: number;
  readonly tolerance?: number;
  /** Factors of the change's outputs by rank_dropout, which nothing merged has. */
  readonly rows?: readonly number[];
}

const size = (shape: readonly number[]) => shape.reduce((a, d) => a * d, 1);

export async function checkKind({ module, change, values: own = {}, ...options }: KindCase): Promise<void> {
  const { stride = 1, multiplier = 0.7, tolerance = 1e-5, rows } = options;
  const { shape } = module, [out, ...inputs] = shape, convolution = inputs.length === 3;
  const side = convolution ? 5 : 1;
  const xShape = convolution ? [2, side, side, inputs[0]] : [2, 3, inputs[0]];
  const tensors = Object.fromEntries(
    Object.entries(module.tensors).map(([suffix, s]) => {
      const made = own[suffix];
      const first = uniform(`${module.name}.${suffix}`, size(s), 0.5);
      return [suffix, made ? Float32Array.from(first, (_, i) => made(i)) : first];
    }),
  );
  const base = uniform("base", size(shape), 0.5), bias = uniform("bias", out, 0.5);
  const x = uniform("x", size(xShape), 1);

  const device = openDevice("cpu", { threads: 1 }), store = new ParameterStore(device);
  try {
    store.upload("layer.weight", shape, "f32", base);
    store.upload("layer.bias", [out], "f32", bias);
    for (const [suffix, values] of Object.entries(tensors)) {
      store.upload(`${module.name}.${suffix}`, module.tensors[suffix], "f32", values);
    }
    const shapes = new Map([["layer.weight", shape], ["layer.bias", [out]]]);
    const record = (live: boolean, dtype: "f32" | "bf16" = "f32") => {
      const graph = new Graph();
      const dropped = rows && { rowDropout: { p: 0.5, scale: "none" as const }, draws: [] };
      const adapter = live ? loraAdapter([module], { multiplier, ...dropped }) : undefined;
      const w = Weights.over(graph, shapes, { adapter, dtype, storage: () => "f32" }).at("layer");
      const input = cast(graph.input("x", xShape), dtype);
      const y = convolution ? conv2d(input, w, { stride }) : linear(input, w);
      graph.output("y", cast(y, "f32"));
      return { graph, y };
    };
    const masks: Record<string, Float32Array> = rows
      ? { [`${module.name}.row_mask`]: Float32Array.from(rows) }
      : {};
    const run = async (graph: Graph, inputs: Record<string, Float32Array> = { x, ...masks }) => {
      const program = await compile(graph, store);
      const found = await program.run(inputs);
      program.destroy();
      return found;
    };

    const exact = Object.fromEntries(Object.entries(tensors).map(([s, v]) => [s, Float64Array.from(v)]));
    const base64 = Float64Array.from(base), x64 = Float64Array.from(x);
    const layer = (weight: Numbers) => apply(x64, xShape, weight, shape, stride);
    const after = (values: Values) => {
      const delta = change(values, base64, module);
      return base64.map((w, i) => w + multiplier * delta[i]);
    };
    const plain = layer(base64), wanted = layer(after(exact));
    const biased = (y: Numbers) => y.map((v, i) => v + bias[i % out]);

    const live = record(true), { y } = await run(live.graph);
    near(`${module.name}: live`, y, biased(wanted), tolerance);
    ok(distance(wanted, plain) > 1e-3, `${module.name}: the case does something`);

    const half = await run(record(true, "bf16").graph);
    near(`${module.name}: in bf16`, half.y, biased(wanted), 3e-2);

    const weights = uniform("of the loss", y.length, 1), again = record(true);
    const loss = sum(mul(again.y, again.graph.constant(weights, again.y.shape)));
    const names = Object.keys(module.tensors);
    const parameters = names.map((s) =>
      again.graph.parameter(`${module.name}.${s}`, module.tensors[s], "f32")
    );
    gradients(loss, parameters).forEach((g, i) => {
      ok(g, `${names[i]} has a gradient`);
      again.graph.output(`grad ${names[i]}`, add(g, g)); // an output of its own
    });
    const found = await run(again.graph);
    const lossOf = (values: Values) => layer(after(values)).reduce((s, v, i) => s + v * weights[i], 0);
    for (const suffix of names) {
      const numeric = exact[suffix].map((v, i) => {
        const step = 1e-4 * Math.max(1, Math.abs(v));
        const moved = (by: number) => lossOf({ ...exact, [suffix]: exact[suffix].with(i, v + by) });
        return (moved(step) - moved(-step)) / (2 * step);
      });
      near(
        `${module.name}: gradient of ${suffix}`,
        found[`grad ${suffix}`].map((v) => v / 2),
        numeric,
        20 * tolerance,
      );
    }

    if (rows) return;
    const merging = new Graph();
    recordMerge(merging, [module], (key) => store.has(key) ? store.get(key) : undefined, multiplier);
    await run(merging, {});
    near(`${module.name}: merged weight`, store.download("layer.weight"), after(exact), tolerance);
    const merged = await run(record(false).graph);
    near(`${module.name}: merged`, merged.y, y, tolerance);
  } finally {
    store.destroy();
    device.close();
  }
}

/** x through a weight without bias: (..., in) or (N, H, W, in) with zeros around. */
function apply(
  x: Numbers,
  xShape: readonly number[],
  weight: Numbers,
  shape: readonly number[],
  stride: number,
) {
  const [out, inputs, height = 1, width = 1] = shape;
  const [n, h, w] = xShape.length === 4 ? xShape : [size(xShape.slice(0, -1)), 1, 1];
  const [ph, pw] = [height >> 1, width >> 1];
  const [oh, ow] = [
    Math.floor((h + 2 * ph - height) / stride) + 1,
    Math.floor((w + 2 * pw - width) / stride) + 1,
  ];
  const y = new Float64Array(n * oh * ow * out);
  for (let at = 0, o = 0; o < y.length; at++) {
    const b = Math.floor(at / (oh * ow)), row = Math.floor(at / ow) % oh, column = at % ow;
    for (let c = 0; c < out; c++, o++) {
      for (let ky = 0; ky < height; ky++) {
        for (let kx = 0; kx < width; kx++) {
          const [iy, ix] = [row * stride + ky - ph, column * stride + kx - pw];
          if (iy < 0 || ix < 0 || iy >= h || ix >= w) continue;
          for (let i = 0; i < inputs; i++) {
            y[o] += x[((b * h + iy) * w + ix) * inputs + i] *
              weight[((c * inputs + i) * height + ky) * width + kx];
          }
        }
      }
    }
  }
  return y;
}

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let apart = 0, norm = 0;
  for (let i = 0; i < b.length; i++) [apart, norm] = [apart + (a[i] - b[i]) ** 2, norm + b[i] ** 2];
  return Math.sqrt(apart / norm);
}

function near(what: string, got: ArrayLike<number>, wanted: ArrayLike<number>, limit: number): void {
  ok(got.length === wanted.length, `${what}: ${got.length} values, not ${wanted.length}`);
  const apart = distance(got, wanted);
  ok(apart <= limit, `${what}: ${apart} apart, at most ${limit}`);
}

/** (m, k) times (k, n). */
export function product(a: Numbers, b: Numbers, k: number): Numbers {
  const m = a.length / k, n = b.length / k, c = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < k; j++) for (let l = 0; l < n; l++) c[i * n + l] += a[i * k + j] * b[j * n + l];
  }
  return c;
}

export function times(a: Numbers, factor: number): Numbers {
  return a.map((v) => factor * v);
}
