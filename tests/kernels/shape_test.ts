import { broadcastTo, concat, embedding, permute, slice, sum, upsampleNearest } from "../../src/graph/mod.ts";
import { checkOp, ids, normal } from "./check_op.ts";

/** Every index of a shape in row-major order. */
function indices(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (all, d) => all.flatMap((i) => Array.from({ length: d }, (_, k) => [...i, k])),
    [[]],
  );
}
const flat = (shape: readonly number[], index: readonly number[]) =>
  shape.reduce((n, d, i) => n * d + index[i], 0);

const orders: [number[], number[]][] = [
  [[5, 7], [1, 0]],
  [[70, 45], [1, 0]],
  [[2, 3, 4, 5], [0, 3, 1, 2]],
  [[2, 3, 4, 5], [0, 2, 3, 1]],
  [[2, 3, 4, 5], [0, 2, 1, 3]],
  [[2, 3, 2, 4, 3], [4, 2, 0, 3, 1]],
  [[1, 6, 1, 5], [2, 3, 0, 1]],
  [[2, 33, 70], [0, 2, 1]],
  [[20, 3, 34], [2, 1, 0]],
  [[3, 4, 16], [1, 0, 2]],
];
for (const [shape, order] of orders) {
  checkOp(`permute() of [${shape}] by [${order}]`, {
    operands: [normal(shape)],
    build: (x) => permute(x, order),
    reference: (x) =>
      indices(order.map((p) => shape[p])).map((index) => {
        const from: number[] = [];
        order.forEach((p, i) => from[p] = index[i]);
        return x[flat(shape, from)];
      }),
  });
}

for (
  const [axis, start, length, last] of [[0, 1, 2, 7], [1, 0, 3, 7], [1, 4, 1, 8], [2, 3, 4, 7], [2, 8, 8, 24]]
) {
  const shape = [4, 5, last];
  checkOp(`slice() of [${shape}] takes ${length} from ${start} on axis ${axis}`, {
    operands: [normal(shape)],
    build: (x) => slice(x, axis, start, length),
    reference: (x) =>
      indices(shape.with(axis, length)).map((index) => x[flat(shape, index.with(axis, index[axis] + start))]),
  });
}

for (const [axis, sides] of [[0, [2, 1, 3]], [1, [2, 1, 3]], [2, [2, 1, 3]], [2, [8, 24, 16]]] as const) {
  const shapes = sides.map((d) => [3, 4, 5].with(axis, d));
  checkOp(`concat() joins sides of [${sides}] on axis ${axis}`, {
    operands: shapes.map((s, i) => normal(s, i + 1)),
    build: (...x) => concat(x, axis),
    reference: (...x) =>
      indices([3, 4, 5].with(axis, sides.reduce((n, d) => n + d, 0))).map((index) => {
        let k = 0, at = index[axis];
        while (at >= sides[k]) at -= sides[k++];
        return x[k][flat(shapes[k], index.with(axis, at))];
      }),
  });
}

for (
  const [from, to] of [
    [[1, 5], [4, 5]],
    [[3, 1], [3, 6]],
    [[2, 1, 3, 1], [2, 4, 3, 5]],
    [[1, 1], [3, 2]],
    [[2, 1, 1, 7], [2, 3, 4, 7]],
    [[3, 1], [3, 16]],
    [[2, 1, 8], [2, 5, 8]],
  ]
) {
  checkOp(`broadcastTo() repeats [${from}] to [${to}]`, {
    operands: [normal(from)],
    build: (x) => broadcastTo(x, to),
    reference: (x) => indices(to).map((index) => x[flat(from, index.map((k, i) => (from[i] === 1 ? 0 : k)))]),
  });
}

for (
  const [shape, axes] of [
    [[3, 4, 5, 6], [0, 1, 2, 3]],
    [[3, 4, 5, 6], [0, 1, 2]],
    [[3, 4, 5, 6], [3]],
    [[3, 4, 5, 6], [1, 2]],
    [[3, 4, 5, 6], [0, 2]],
    [[3, 4, 5, 6], [1, 3]],
    [[2, 3, 2, 3, 2], [0, 2, 4]],
    [[1, 7, 1], [0, 2]],
    [[200, 1500], [0]],
    [[600, 40], [0]],
    [[700, 3], [0]],
    [[3, 70, 24], [1]],
    [[40, 30, 3, 3], [2]],
    [[40, 30, 3, 3], [3]],
    [[40, 30, 3, 1], [2]],
    [[3, 1024], [1]],
    [[2, 60000], [1]],
    [[300000], [0]],
  ]
) {
  checkOp(`sum() of [${shape}] over [${axes}]`, {
    operands: [normal(shape, 2, 1, 0.5)],
    build: (x) => sum(x, axes),
    reference: (x) => {
      const target = shape.map((d, i) => (axes.includes(i) ? 1 : d));
      const out = new Float64Array(target.reduce((n, d) => n * d, 1));
      let steps = 1;
      const strides = target.map(() => 0);
      for (let d = shape.length - 1; d >= 0; steps *= target[d--]) strides[d] = target[d] === 1 ? 0 : steps;
      for (let k = 0; k < x.length; k++) {
        let rest = k, at = 0;
        for (let d = shape.length - 1; d >= 0; d--) {
          at += (rest % shape[d]) * strides[d];
          rest = Math.floor(rest / shape[d]);
        }
        out[at] += x[k];
      }
      return out;
    },
    dtypes: shape[0] > 65504 ? ["f32", "bf16"] : undefined, // its sum is over the largest f16
    tolerance: { f32: 2e-7 },
  });
}

for (const [height, width, C] of [[8, 10, 3], [7, 9, 3], [3, 4, 3], [13, 5, 3], [8, 10, 8], [7, 9, 16]]) {
  const [N, H, W] = [2, 4, 5];
  checkOp(`upsampleNearest() of ${C} channels from 4x5 to ${height}x${width}`, {
    operands: [normal([N, H, W, C])],
    build: (x) => upsampleNearest(x, height, width),
    reference: (x) =>
      indices([N, height, width, C]).map(([n, y, z, c]) =>
        x[flat([N, H, W, C], [n, Math.floor(y * H / height), Math.floor(z * W / width), c])]
      ),
  });
}

for (const C of [5, 16]) {
  checkOp(`embedding() picks rows of ${C}, and its gradient adds repeated ones up`, {
    operands: [normal([6, C]), ids([2, 4], [0, 5, 5, 1, 0, 0, 3, 5])],
    build: (table, rows) => embedding(table, rows),
    reference: (table, rows) => Array.from(rows).flatMap((r) => Array.from(table.subarray(r * C, r * C + C))),
  });
}
