/** Single ops at the sizes that SD1.5 and SDXL use most. peer.py has the same under the same names. */

import {
  affine,
  attention,
  conv2d,
  geglu,
  groupNorm,
  layerNorm,
  linear,
  silu,
  type Tensor,
} from "../../../src/graph/mod.ts";
import { tiny } from "../options.ts";

export interface Op {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
  readonly build: (...x: Tensor[]) => Tensor;
  /** Beginnings of the instructions that count. */
  readonly lines: RegExp;
  /** Its gradient is measured. */
  readonly gradient?: boolean;
}

const product = (M: number, N: number, K: number): Op => ({
  name: `product_${M}x${N}x${K}`,
  shapes: [[M, K], [N, K]],
  build: (x, w) => linear(x, w),
  lines: /^matmul /,
});

const convolution = (n: number, side: number, from: number, to: number, gradient = false): Op => ({
  name: `conv_${n}x${side}x${side}_${from}_${to}${gradient ? "_dx" : ""}`,
  shapes: [[n, side, side, from], [to, from, 3, 3]],
  build: (x, w) => conv2d(x, w, undefined, { pad: [1, 1, 1, 1] }),
  lines: gradient ? /^conv2dBackwardInput / : /^conv2d /,
  gradient,
});

function heads(batch: number, queries: number, keys: number, count: number, width: number): Op[] {
  const name = `attention_${batch}x${count}x${queries}x${keys}_${width}`, inner = count * width;
  const shapes = [[batch, queries, inner], [batch, keys, inner], [batch, keys, inner]];
  const build = (q: Tensor, k: Tensor, v: Tensor) => attention(q, k, v, { heads: count });
  return [
    { name, shapes, build, lines: /^attention / },
    { name: `${name}_grad`, shapes, build, lines: /^attentionBackward /, gradient: true },
  ];
}

function pass(op: string, shapes: readonly (readonly number[])[], build: Op["build"]): Op[] {
  const name = `${op}_${shapes[0].join("x")}`;
  return [
    { name, shapes, build, lines: new RegExp(`^${op} `) },
    { name: `${name}_grad`, shapes, build, lines: new RegExp(`^${op}Backward `), gradient: true },
  ];
}

const FULL: readonly Op[] = [
  ...[
    [8192, 8192, 8192],
    [16384, 5120, 640],
    [4096, 10240, 1280],
    [4096, 1280, 5120],
    [1024, 1280, 1280],
    [1024, 16, 1280],
    [1024, 1280, 16],
    [16384, 16, 640],
  ].map(([M, N, K]) => product(M, N, K)),
  ...[
    [1, 64, 320, 320],
    [2, 64, 320, 320],
    [1, 64, 640, 640],
    [4, 64, 640, 640],
    [4, 128, 320, 320],
    [1, 32, 1280, 1280],
    [1, 1024, 128, 128],
  ].map(([n, side, from, to]) => convolution(n, side, from, to)),
  ...[1, 4].map((n) => convolution(n, 64, 640, 640, true)),
  ...[
    [1, 4096, 4096, 8, 40],
    [1, 4096, 4096, 10, 64],
    [4, 4096, 4096, 10, 64],
    [4, 1024, 1024, 20, 64],
    [4, 4096, 77, 10, 64],
    [1, 1024, 1024, 8, 80],
    [1, 256, 256, 8, 160],
  ].flatMap(([b, q, k, count, width]) => heads(b, q, k, count, width)),
  ...pass(
    "groupNorm",
    [[4, 128, 128, 320], [320], [320]],
    (x, w, b) => silu(groupNorm(x, w, b, { groups: 32, eps: 1e-5 })),
  ),
  ...pass("layerNorm", [[4, 4096, 640], [640], [640]], (x, w, b) => layerNorm(x, w, b)),
  ...pass("geglu", [[4, 4096, 5120]], (x) => geglu(x)),
  {
    name: "copy_4x4096x40960",
    shapes: [[4, 4096, 40960]],
    build: (x) => affine(x, 2, 1),
    lines: /^affine /,
  },
];
const TINY: readonly Op[] = [
  product(64, 64, 64),
  convolution(1, 8, 32, 32),
  convolution(1, 8, 32, 32, true),
  ...heads(1, 64, 77, 2, 40),
];

export const OPS: readonly Op[] = tiny ? TINY : FULL;
