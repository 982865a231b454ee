/** YuNet from weights alone, against the network written out in float64 as libfacedetection.train's modules compute it. */

import { deepStrictEqual, ok, throws } from "node:assert/strict";
import { join } from "node:path";
import { openCheckpoint, writeSafetensors } from "../../../src/formats/mod.ts";
import { OnnxNetwork, yunetModel } from "../../../src/models/onnx/mod.ts";
import { openDevice } from "../../../src/runtime/mod.ts";
import { FaceDetector } from "../../../src/tools/dataset/pictures/detector.ts";

type Weights = Map<string, { shape: number[]; data: Float32Array<ArrayBuffer> }>;

const WIDTHS = [6, 8, 8, 8, 8, 8], SIDE = 64;
const HEADS = { cls: 1, obj: 1, bbox: 4, kps: 10 };

/** Weights of every layer, with `shared` those before the heads; each number from the one before. */
function weights(shared: boolean): Weights {
  const out: Weights = new Map();
  let state = 1;
  const next = () => (state = state * 48271 % 2147483647) / 2147483647 - 0.5;
  const put = (key: string, shape: number[], from: (x: number) => number) =>
    out.set(key, {
      shape,
      data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => from(next())),
    });
  const conv = (key: string, shape: number[]) => {
    put(`${key}.weight`, shape, (x) => 2 * x / Math.sqrt(shape[1] * shape[2] * shape[3] / 6));
    put(`${key}.bias`, [shape[0]], (x) => x);
  };
  const norm = (key: string, width: number) => {
    for (const name of ["weight", "running_var"]) put(`${key}.${name}`, [width], (x) => 1 + x);
    for (const name of ["bias", "running_mean"]) put(`${key}.${name}`, [width], (x) => x);
    put(`${key}.num_batches_tracked`, [1], () => 3);
  };
  const unit = (key: string, from: number, to: number, normed = true) => {
    conv(`${key}.conv1`, [to, from, 1, 1]);
    conv(`${key}.conv2`, [to, 1, 3, 3]);
    if (normed) norm(`${key}.bn`, to);
  };
  conv("backbone.model0.conv1", [5, 3, 3, 3]);
  norm("backbone.model0.bn1", 5);
  unit("backbone.model0.conv2", 5, WIDTHS[0]);
  for (let i = 1; i < 6; i++) {
    unit(`backbone.model${i}.conv1`, WIDTHS[i - 1], WIDTHS[i - 1]);
    unit(`backbone.model${i}.conv2`, WIDTHS[i - 1], WIDTHS[i]);
  }
  for (let i = 0; i < 3; i++) {
    unit(`neck.lateral_convs.${i}`, 8, 8);
    if (shared) unit(`bbox_head.multi_level_share_convs.${i}.0`, 8, 8);
    for (const [head, count] of Object.entries(HEADS)) {
      unit(`bbox_head.multi_level_${head}.${i}`, 8, count, false);
    }
  }
  return out;
}

/** (C, H, W). */
interface Plane {
  readonly c: number;
  readonly side: number;
  readonly data: Float64Array;
}

function plane(c: number, side: number, at: (c: number, y: number, x: number) => number): Plane {
  const data = new Float64Array(c * side * side);
  for (let i = 0; i < data.length; i++) {
    data[i] = at(Math.floor(i / side / side), Math.floor(i / side) % side, i % side);
  }
  return { c, side, data };
}

const read = ({ side, data }: Plane, c: number, y: number, x: number) =>
  y < 0 || x < 0 || y >= side || x >= side ? 0 : data[(c * side + y) * side + x];

function reference(w: Weights, input: Plane): Map<string, number[]> {
  const at = (key: string) => w.get(key)!.data;
  const conv = (x: Plane, key: string, stride = 1, alone = false) => {
    const { shape: [out, inner, k], data } = w.get(`${key}.weight`)!, bias = at(`${key}.bias`);
    return plane(out, x.side / stride, (o, y, column) => {
      let sum = bias[o];
      for (let i = 0; i < inner; i++) {
        for (let t = 0; t < k * k; t++) {
          const [dy, dx] = [Math.floor(t / k) - (k >> 1), t % k - (k >> 1)];
          sum += data[(o * inner + i) * k * k + t] *
            read(x, alone ? o : i, y * stride + dy, column * stride + dx);
        }
      }
      return sum;
    });
  };
  const normed = (x: Plane, key: string) => {
    const [scale, shift, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map((n) =>
      at(`${key}.${n}`)
    );
    return plane(
      x.c,
      x.side,
      (c, y, column) =>
        Math.max(0, (read(x, c, y, column) - mean[c]) / Math.sqrt(variance[c] + 1e-5) * scale[c] + shift[c]),
    );
  };
  const unit = (x: Plane, key: string) => {
    const each = conv(conv(x, `${key}.conv1`), `${key}.conv2`, 1, true);
    return w.has(`${key}.bn.weight`) ? normed(each, `${key}.bn`) : each;
  };
  const half = (x: Plane) =>
    plane(
      x.c,
      x.side / 2,
      (c, y, column) =>
        Math.max(...[0, 1, 2, 3].map((t) => read(x, c, 2 * y + (t >> 1), 2 * column + (t & 1)))),
    );
  let x = unit(
    normed(conv(input, "backbone.model0.conv1", 2), "backbone.model0.bn1"),
    "backbone.model0.conv2",
  );
  const grids: Plane[] = [];
  for (let i = 0; i < 6; i++) {
    if (i > 0) x = unit(unit(x, `backbone.model${i}.conv1`), `backbone.model${i}.conv2`);
    if (i >= 3) grids.push(x);
    if ([0, 2, 3, 4].includes(i)) x = half(x);
  }
  for (let i = 2; i >= 0; i--) {
    const small = grids[i] = unit(grids[i], `neck.lateral_convs.${i}`), large = grids[i - 1];
    if (!large) break;
    grids[i - 1] = plane(
      large.c,
      large.side,
      (c, y, column) => read(large, c, y, column) + read(small, c, y >> 1, column >> 1),
    );
  }
  const out = new Map<string, number[]>();
  for (const [i, grid] of grids.entries()) {
    const shared = `bbox_head.multi_level_share_convs.${i}.0`;
    const seen = w.has(`${shared}.conv1.weight`) ? unit(grid, shared) : grid;
    for (const [head, count] of Object.entries(HEADS)) {
      const { side, ...y } = unit(seen, `bbox_head.multi_level_${head}.${i}`);
      const rows = Array.from(
        { length: side * side * count },
        (_, k) => y.data[k % count * side * side + Math.floor(k / count)],
      );
      out.set(`${head}_${8 << i}`, count === 1 ? rows.map((v) => 1 / (1 + Math.exp(-v))) : rows);
    }
  }
  return out;
}

function written(w: Weights): { dir: string; path: string } {
  const dir = Deno.makeTempDirSync({ prefix: "easel-yunet-" }), path = join(dir, "yunet.safetensors");
  writeSafetensors(
    path,
    [...w].map(([key, { shape, data }]) => ({
      name: key,
      dtype: "F32",
      shape,
      data: new Uint8Array(data.buffer),
    })),
  );
  return { dir, path };
}

for (const shared of [true, false]) {
  Deno.test(`YuNet ${shared ? "n" : "s"} from its weights gives what its modules compute`, async () => {
    const w = weights(shared), { dir, path } = written(w), device = openDevice("cpu", { threads: 1 });
    const input = plane(3, SIDE, (c, y, x) => (37 * c + 11 * y + 5 * x * x) % 256 / 256); // small, so that scores keep their digits
    using file = openCheckpoint(path);
    const network = new OnnxNetwork(yunetModel(file), device);
    const found = await network.runAll(Float32Array.from(input.data), [1, 3, SIDE, SIDE]);
    const wanted = reference(w, input);
    deepStrictEqual([...found.keys()].sort(), [...wanted.keys()].sort());
    for (const [name, values] of wanted) {
      const { data, shape } = found.get(name)!, norm = (v: number[]) => Math.hypot(...v);
      deepStrictEqual(shape, [
        1,
        (SIDE / Number(name.split("_")[1])) ** 2,
        HEADS[name.split("_")[0] as "cls"],
      ]);
      const error = norm(values.map((v, i) => v - data[i])) / norm(values);
      ok(error < 1e-5, `${name}: ${error}`);
    }
    network.close();
    device.close();
    Deno.removeSync(dir, { recursive: true });
  });
}

Deno.test("weights of another network, and of a YuNet that lacks some, end in one line", () => {
  const device = openDevice("cpu", { threads: 1 }), whole = weights(true);
  const narrow = { shape: [8, 8, 3, 3], data: new Float32Array(576) };
  const cases: [Weights, RegExp][] = [
    [
      new Map([["model.0.conv.weight", narrow]]),
      /has no backbone\.model0\.conv1\.weight; give the weights of lib/,
    ],
    [
      new Map([...whole].filter(([key]) => !key.includes("kps.2"))),
      /has no bbox_head\.multi_level_kps\.2\.conv1\.weight/,
    ],
    [
      new Map([...whole, ["backbone.model3.conv1.conv2.weight", narrow]]),
      /is \[8, 8, 3, 3\], not \[8, 1, 3, 3\]/,
    ],
  ];
  for (const [w, pattern] of cases) {
    const { dir, path } = written(w);
    throws(() => FaceDetector.open(path, device, 0.6), { name: "UserError", message: pattern });
    Deno.removeSync(dir, { recursive: true });
  }
  device.close();
});
