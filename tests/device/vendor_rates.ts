/**
 * How fast products, convolutions and attention are on the machine's GPU, with and without NVIDIA's libraries: one line for
 * each shape. Run by run.sh; deno task vendor-rates M,N,K... for other products.
 */

import type { DType } from "../../src/base/dtype.ts";
import {
  attention,
  compile,
  conv2d,
  gradients,
  Graph,
  linear,
  mul,
  sum,
  type Tensor,
} from "../../src/graph/mod.ts";
import { type Device, openDevice, ParameterStore } from "../../src/runtime/mod.ts";
import { type VendorFacts, vendorTexts } from "../../src/runtime/vendor.ts";
import { normal } from "../kernels/check_op.ts";

interface Case {
  readonly name: string;
  /** Multiply-adds of the instructions that count. */
  readonly products: number;
  readonly shapes: readonly (readonly number[])[];
  readonly build: (...x: Tensor[]) => Tensor;
  /** Beginnings of the instructions that count: only these are measured. */
  readonly ops: RegExp;
  readonly gradient?: boolean;
  readonly dtypes?: readonly DType[];
}

const product = ([M, N, K]: readonly number[]): Case => ({
  name: `product ${M}x${N}x${K}`,
  products: M * N * K,
  shapes: [[M, K], [N, K]],
  build: (x, w) => linear(x, w),
  ops: /^matmul /,
});
const convolution = ([N, side, I, O]: readonly number[], gradient = false): Case => ({
  name: `3x3 convolution ${N}x${side}x${side} ${I} to ${O}${gradient ? ", input gradient" : ""}`,
  products: N * side * side * I * O * 9,
  shapes: [[N, side, side, I], [O, I, 3, 3], [O]],
  build: (x, w, b) => conv2d(x, w, b, { pad: [1, 1, 1, 1] }),
  ops: gradient ? /^conv2dBackwardInput / : /^conv2d /,
  gradient,
});
const heads = ([B, L, K, count, width]: readonly number[], gradient = false): Case => ({
  name: `attention${gradient ? " gradient" : ""} ${B}x${count} heads of ${width}, ${L}x${K}`,
  products: (gradient ? 5 : 2) * B * count * L * K * width,
  shapes: [[B, L, count * width], [B, K, count * width], [B, K, count * width]],
  build: (q, k, v) => attention(q, k, v, { heads: count }),
  ops: gradient ? /^attentionBackward / : /^attention /,
  gradient,
  dtypes: ["f16"],
});

/** What SD1.5 and SDXL do most. */
const CASES = Deno.args.length ? Deno.args.map((text) => product(text.split(",").map(Number))) : [
  ...[[8192, 320, 320], [8192, 2560, 320], [2048, 640, 2560], [512, 1280, 1280], [8192, 16, 320], [
    4096,
    10240,
    1280,
  ]]
    .map(product),
  ...[[2, 64, 320, 320], [2, 32, 640, 640], [2, 16, 1280, 1280], [1, 256, 256, 256]].map((s) =>
    convolution(s)
  ),
  ...[[2, 64, 320, 320], [2, 16, 1280, 1280]].map((s) => convolution(s, true)),
  ...[[2, 4096, 4096, 8, 40], [2, 4096, 77, 8, 40], [2, 1024, 1024, 8, 80], [2, 4096, 4096, 10, 64]]
    .flatMap((s) => [heads(s), heads(s, true)]),
];

/** The best of ten runs, in teraflops a second. */
async function rate(
  device: Device,
  { shapes, build, products, ops, gradient }: Case,
  dtype: DType,
): Promise<number> {
  const g = new Graph();
  const x = shapes.map((shape, i) => g.input(`x${i}`, shape, dtype));
  const y = build(...x);
  if (gradient) {
    const weighted = sum(mul(y, g.input("weights", y.shape, dtype)));
    gradients(weighted, x).forEach((d, i) => d && g.output(`d${i}`, d));
  } else g.output("y", y);
  const store = new ParameterStore(device), program = await compile(g, store);
  const inputs: Record<string, Float32Array> = {};
  if (gradient) inputs.weights = normal(y.shape, 9).values as Float32Array;
  shapes.forEach((shape, i) => inputs[`x${i}`] = normal(shape, i + 1, 0.1).values as Float32Array);
  let least = Infinity;
  for (let k = 0; k < 10; k++) {
    const counted = (await program.profile(inputs)).filter(({ instruction }) => ops.test(instruction));
    least = Math.min(least, counted.reduce((sum, { seconds }) => sum + seconds, 0));
  }
  program.destroy();
  store.destroy();
  return 2 * products / least / 1e12;
}

const ours = openDevice("cuda", { noVendorLibs: true }), theirs = openDevice("cuda");
const facts = () => theirs.info().vendor as unknown as VendorFacts;
for (const each of CASES) {
  for (const dtype of each.dtypes ?? ["f16", "f32"] as const) {
    const [own, both] = [await rate(ours, each, dtype), await rate(theirs, each, dtype)];
    const rates = `${own.toFixed(3)} TFLOP/s by easel's kernels, ${both.toFixed(3)} with NVIDIA's libraries`;
    console.log(`${dtype} ${each.name}: ${rates} (${(both / own).toFixed(2)})`);
  }
}
vendorTexts(facts()).forEach((line) => console.log(line));
for (const device of [ours, theirs]) device.close();
