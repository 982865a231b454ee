import assert from "node:assert/strict";
import { Graph } from "../../src/graph/mod.ts";
import { compile } from "../../src/graph/mod.ts";
import {
  bicubicWeights,
  interpolated,
  interpolatedValues,
  linearWeights,
} from "../../src/models/interpolate.ts";
import { openDevice, ParameterStore } from "../../src/runtime/mod.ts";

const ramp = (n: number) => Float32Array.from({ length: n }, (_, i) => i * i / 10);
const rounded = (values: Float32Array) => Array.from(values, (x) => Number(x.toFixed(4)));

// torch.nn.functional.interpolate(align_corners=False) of arange(n)**2/10, PyTorch 2.13
const CASES = [{
  what: "bicubic to another size",
  from: [3, 4],
  rows: bicubicWeights(3, 5),
  columns: bicubicWeights(4, 2),
  wanted: [-0.1629, 0.3253, 0.3998, 1.609, 1.9469, 4.3531, 5.222, 8.8252, 7.5639, 11.8881],
}, {
  what: "bicubic by a scale factor",
  from: [4, 5],
  rows: bicubicWeights(4, 3, 1 / 0.75),
  columns: bicubicWeights(5, 3, 1 / 0.75),
  wanted: [0.2536, 0.6303, 1.3529, 5.5109, 7.775, 10.2657, 21.2079, 25.3595, 29.6184],
}, {
  what: "bilinear",
  from: [3, 4],
  rows: linearWeights(3, 4),
  columns: linearWeights(4, 6),
  // deno-fmt-ignore
  wanted: [0, 0.05, 0.15, 0.35, 0.65, 0.9, 1, 1.3, 1.7333, 2.2667, 2.9, 3.4, 3.4, 4, 4.8333, 5.7667, 6.8, 7.6, 6.4, 7.25,
    8.4167, 9.6833, 11.05, 12.1],
}];

Deno.test("sizes change as PyTorch's interpolate() changes them, in a graph and at hand", async () => {
  for (const { what, from: [height, width], rows, columns, wanted } of CASES) {
    const values = ramp(height * width), sides = [rows.length / height, columns.length / width];
    assert.deepEqual(rounded(interpolatedValues(values, [1, height, width, 1], rows, columns)), wanted, what);
    const graph = new Graph(), device = openDevice("cpu"), store = new ParameterStore(device);
    const x = graph.input("x", [1, height, width, 1]);
    const weights = (data: Float32Array, i: number) => graph.constant(data, [sides[i], [height, width][i]]);
    graph.output("y", interpolated(x, weights(rows, 0), weights(columns, 1)));
    const program = await compile(graph, store);
    assert.deepEqual(rounded((await program.run({ x: values })).y), wanted, `${what}, graph`);
    program.destroy();
    store.destroy();
    device.close();
  }
});
