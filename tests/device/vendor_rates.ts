/**
 * How fast products are on the machine's GPU, with and without NVIDIA's libraries: one line for each shape. Run by run.sh;
 * deno task vendor-rates M,N,K... for others.
 */

import type { DType } from "../../src/base/dtype.ts";
import { compile, Graph, linear } from "../../src/graph/mod.ts";
import { type Device, openDevice, ParameterStore } from "../../src/runtime/mod.ts";
import { type VendorFacts, vendorText } from "../../src/runtime/vendor.ts";
import { normal } from "../kernels/check_op.ts";

/** Products of SD1.5 and SDXL: rows, columns, length of the sums. */
const SHAPES = Deno.args.length
  ? Deno.args.map((text) => text.split(",").map(Number))
  : [[8192, 320, 320], [8192, 2560, 320], [2048, 640, 2560], [512, 1280, 1280], [8192, 16, 320], [
    4096,
    10240,
    1280,
  ]];

/** The best of ten runs, in teraflops a second. */
async function rate(device: Device, [M, N, K]: readonly number[], dtype: DType): Promise<number> {
  const g = new Graph();
  g.output("y", linear(g.input("x", [M, K], dtype), g.input("w", [N, K], dtype)));
  const store = new ParameterStore(device), program = await compile(g, store);
  const inputs = { x: normal([M, K], 1).values, w: normal([N, K], 2, K ** -0.5).values };
  let least = Infinity;
  for (let k = 0; k < 10; k++) {
    least = Math.min(least, (await program.profile(inputs)).reduce((sum, { seconds }) => sum + seconds, 0));
  }
  program.destroy();
  store.destroy();
  return 2 * M * N * K / least / 1e12;
}

const ours = openDevice("cuda", { noVendorLibs: true }), theirs = openDevice("cuda");
const facts = () => theirs.info().vendor as unknown as VendorFacts;
if (facts().cublasLt.usable) {
  for (const dtype of ["f16", "f32"] as const) {
    for (const shape of SHAPES) {
      const [own, both] = [await rate(ours, shape, dtype), await rate(theirs, shape, dtype)];
      const rates = `${own.toFixed(3)} TFLOP/s by easel's kernels, ${both.toFixed(3)} with cuBLASLt`;
      console.log(`${dtype} ${shape.join("x")}: ${rates} (${(both / own).toFixed(2)})`);
    }
  }
}
console.log(vendorText(facts()));
for (const device of [ours, theirs]) device.close();
