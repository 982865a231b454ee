import { add, conv2d } from "../../../src/graph/mod.ts";
import type { DType } from "../../../src/base/dtype.ts";
import { besideCpu } from "../beside_cpu.ts";
import { checkOp, frozen, normal } from "../check_op.ts";

interface Geometry {
  x: [number, number, number, number];
  w: [number, number, number, number];
  stride?: number;
  pad?: [number, number, number, number];
}

/** Cross-correlation of x (N, H, W, I) with w (O, I, KH, KW); pad is top, bottom, left, right. */
function convolved(x: Float64Array, w: Float64Array, g: Geometry): Float64Array {
  const [N, H, W, I] = g.x, [O, , KH, KW] = g.w, stride = g.stride ?? 1;
  const [top, bottom, left, right] = g.pad ?? [0, 0, 0, 0];
  const height = Math.floor((H + top + bottom - KH) / stride) + 1;
  const width = Math.floor((W + left + right - KW) / stride) + 1;
  const y = new Float64Array(N * height * width * O);
  for (let at = 0; at < y.length; at++) {
    const o = at % O, column = Math.floor(at / O) % width;
    const row = Math.floor(at / O / width) % height, n = Math.floor(at / O / width / height);
    for (let kh = 0; kh < KH; kh++) {
      const r = row * stride + kh - top;
      if (r < 0 || r >= H) continue;
      for (let kw = 0; kw < KW; kw++) {
        const c = column * stride + kw - left;
        if (c < 0 || c >= W) continue;
        for (let i = 0; i < I; i++) {
          y[at] += x[((n * H + r) * W + c) * I + i] * w[((o * I + i) * KH + kh) * KW + kw];
        }
      }
    }
  }
  return y;
}

const same: [number, number, number, number] = [1, 1, 1, 1];
const cases: Geometry[] = [
  { x: [1, 6, 5, 4], w: [8, 4, 3, 3], pad: same },
  { x: [2, 7, 9, 16], w: [32, 16, 3, 3], pad: same },
  { x: [1, 8, 8, 3], w: [5, 3, 3, 3], pad: same },
  { x: [1, 8, 8, 32], w: [3, 32, 3, 3], pad: same },
  { x: [2, 8, 8, 16], w: [16, 16, 3, 3], stride: 2, pad: same },
  { x: [1, 9, 8, 16], w: [16, 16, 3, 3], stride: 2, pad: [0, 1, 0, 1] },
  { x: [1, 5, 6, 20], w: [7, 20, 1, 1] },
  { x: [2, 6, 6, 8], w: [4, 8, 1, 1], stride: 2 },
  { x: [1, 7, 7, 4], w: [6, 4, 5, 3], pad: [2, 2, 1, 1] },
  { x: [1, 3, 4, 16], w: [16, 16, 3, 3], stride: 2, pad: [0, 4, 2, 1] }, // outputs of the border alone
  { x: [1, 1, 1, 1], w: [1, 1, 3, 3], pad: same },
];

for (const g of cases) {
  const w = normal(g.w, 2, 0.3);
  for (const pack of [false, true]) {
    checkOp(`conv2d() ${JSON.stringify(g)}, weights ${pack ? "frozen" : "trainable"}`, {
      operands: [normal(g.x, 1), pack ? frozen(w) : w],
      build: (x, w) => conv2d(x, w, undefined, g),
      reference: (x, w) => convolved(x, w, g),
    });
  }
}

for (const size of [1, 3]) {
  const g: Geometry = { x: [2, 6, 5, 16], w: [24, 16, size, size], pad: size === 3 ? same : undefined };
  checkOp(`conv2d() ${size}x${size} with bias and a residual`, {
    operands: [
      normal(g.x, 1),
      frozen(normal(g.w, 2, 0.3)),
      frozen(normal([24], 3)),
      normal([2, 6, 5, 24], 4),
    ],
    build: (x, w, b, r) => add(conv2d(x, w, b, g), r),
    reference: (x, w, b, r) => convolved(x, w, g).map((v, i) => v + b[i % 24] + r[i]),
  });
}

checkOp("conv2d() with a residual where outputs are of the border alone", {
  operands: [
    normal([1, 3, 4, 7], 1),
    frozen(normal([41, 7, 3, 3], 2, 0.3)),
    frozen(normal([41], 3)),
    normal([1, 5, 4, 41], 4),
  ],
  build: (x, w, b, r) => add(conv2d(x, w, b, { pad: [1, 3, 1, 1] }), r),
  reference: (x, w, b, r) =>
    convolved(x, w, { x: [1, 3, 4, 7], w: [41, 7, 3, 3], pad: [1, 3, 1, 1] }).map((v, i) =>
      v + b[i % 41] + r[i]
    ),
});

for (const O of [64, 136]) {
  const g: Geometry = { x: [1, 17, 16, 40], w: [O, 40, 3, 3], pad: same };
  checkOp(`conv2d() in large blocks, ${O} channels`, {
    operands: [normal(g.x, 1), frozen(normal(g.w, 2, 0.3))],
    build: (x, w) => conv2d(x, w, undefined, g),
    reference: (x, w) => convolved(x, w, g),
    gradient: false,
  });
}

// Channels that fill tiles of K, so that a tile lies within one tap: every block size, borders, strides, 25 taps.
const TILES: [outputs: number, inputs: number, stride: number, size: number, dtype: DType][] = [
  [64, 64, 1, 3, "f32"],
  [136, 32, 1, 3, "bf16"],
  [96, 64, 2, 3, "f16"],
  [64, 32, 3, 3, "bf16"],
  [40, 32, 2, 5, "f16"],
];
for (const [O, I, stride, size, dtype] of TILES) {
  besideCpu(
    `conv2d() of whole tiles, ${I} channels to ${O}, ${size}x${size} by ${stride}, and its gradient`,
    {
      shapes: [[1, 15, 16, I], [O, I, size, size]],
      dtype,
      build: (x, w) => conv2d(x, w, undefined, { stride, pad: [2, 1, 1, 0] }),
    },
  );
}

// Whole tiles, parts of tiles and padding of the weights that the input gradient reads reversed.
for (const [O, I] of [[96, 72], [64, 130], [40, 64]]) {
  const g: Geometry = { x: [1, 5, 7, I], w: [O, I, 3, 3], pad: [1, 0, 1, 2] };
  checkOp(`conv2d() from ${I} channels to ${O}, frozen`, {
    operands: [normal(g.x, 1), frozen(normal(g.w, 2, 0.3))],
    build: (x, w) => conv2d(x, w, undefined, g),
    reference: (x, w) => convolved(x, w, g),
  });
}
