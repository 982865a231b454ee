/**
 * The kernels for compute capability 9.0 (wgmma and TMA), which EASEL_CUDA_HOPPER=always takes wherever they can compute, on
 * the simulator or a card: beside the CPU, with blocks in either order; and that without it they are not there.
 */

import assert from "node:assert/strict";
import type { DType } from "../../../src/base/dtype.ts";
import { add, attention, conv2d, linear, matmul, type Tensor } from "../../../src/graph/mod.ts";
import { agree, type Beside, outcome } from "../beside_cpu.ts";
import { device, noCuda, noSimulator, openTestDevice, simulatorPath, withEnvironment } from "../devices.ts";
import { choicesIn } from "./vendor.ts";

/** Edges in every direction, more than one block of each width, K that is no multiple of 64 and longer than all stages. */
const CASES: Record<string, Omit<Beside, "dtype">> = {
  "a product": { shapes: [[200, 136], [136, 328]], build: (a, b) => matmul(a, b) },
  "a product by b transposed, with a residual": {
    shapes: [[130, 472], [72, 472], [130, 72]],
    build: (a, b, r) => add(matmul(a, b, { transB: true }), r),
  },
  "a product of a transposed": {
    shapes: [[72, 264], [72, 96]],
    build: (a, b) => matmul(a, b, { transA: true }),
  },
  "a product whose K is cut, with a bias and a residual": {
    shapes: [[72, 2056], [72, 2056], [72], [72, 72]],
    build: (a, b, bias, r) => add(matmul(a, b, { transB: true, bias }), r),
  },
  "a convolution whose K is cut": {
    shapes: [[1, 5, 6, 256], [64, 256, 3, 3]],
    build: (x, w) => conv2d(x, w, undefined, { pad: [1, 1, 1, 1] }),
  },
  "a stack": { shapes: [[3, 40, 64], [3, 64, 72]], build: (a, b) => matmul(a, b) },
  "linear with a bias": {
    shapes: [[2, 70, 96], [160, 96], [160]],
    build: (x, w, b) => linear(x, w, b),
  },
  "linear with a bias, a LoRA and a residual": {
    shapes: [[140, 96], [160, 96], [160], [140, 16], [160, 16], [140, 160]],
    build: (x, w, b, h, up, r) => add(add(linear(x, w, b), linear(h, up)), r),
  },
  "odd rows of the result": {
    shapes: [[64, 64], [67, 64]],
    build: (a, b) => matmul(a, b, { transB: true }),
  },
  "a convolution": {
    shapes: [[2, 9, 13, 64], [136, 64, 3, 3], [136]],
    build: (x, w, b) => conv2d(x, w, b, { pad: [1, 1, 1, 1] }),
  },
  "a convolution with other padding on each side": {
    shapes: [[2, 8, 11, 128], [64, 128, 3, 2]],
    build: (x, w) => conv2d(x, w, undefined, { pad: [0, 2, 1, 0] }),
  },
  "a convolution by 2": {
    shapes: [[1, 14, 17, 64], [64, 64, 3, 3]],
    build: (x, w) => conv2d(x, w, undefined, { stride: 2, pad: [0, 1, 0, 1] }),
  },
  "attention of 40 wide heads to 77 keys": heads(2, 131, 77, 2, 40),
  "attention of 64 wide heads, more tiles than stages": heads(1, 130, 530, 2, 64),
  "attention of 64 wide heads to 150 keys": heads(2, 67, 150, 1, 64),
  "attention of 80 wide heads": heads(1, 200, 300, 1, 80),
  "attention of 72 wide heads to keys before": heads(1, 141, 141, 2, 72, true),
  "attention of 128 wide heads": heads(1, 64, 129, 2, 128),
  "attention of 128 wide heads to few keys before": heads(1, 193, 77, 1, 128, true),
  "attention of 160 wide heads": heads(1, 129, 250, 1, 160),
  "attention whose queries are cut for few keys": heads(1, 520, 40, 2, 64),
};

function heads(B: number, Lq: number, Lk: number, count: number, width: number, causal = false) {
  const row = count * width;
  return {
    shapes: [[B, Lq, row], [B, Lk, row], [B, Lk, row]],
    build: (q: Tensor, k: Tensor, v: Tensor) => attention(q, k, v, { heads: count, causal }),
  };
}

/** Products of warpgroups that the simulator has computed. */
function products(): number {
  const library = Deno.dlopen(simulatorPath(), {
    easel_simt_group_products: { parameters: [], result: "i64" },
  });
  const count = Number(library.symbols.easel_simt_group_products());
  library.close();
  return count;
}

const onHopper = (each: Beside, more: Record<string, string> = {}, scratch?: (bytes: number) => void) =>
  withEnvironment({ EASEL_SIMT_CAPABILITY: "90", EASEL_CUDA_HOPPER: "always", ...more }, async () => {
    const hopper = openTestDevice("cuda");
    try {
      return await outcome(hopper, each, scratch);
    } finally {
      hopper.close();
    }
  });

let dtype: DType = "f16";
for (const [name, each] of Object.entries(CASES)) {
  dtype = dtype === "f16" ? "bf16" : "f16";
  const chosen: Beside = { ...each, dtype };
  Deno.test({
    name: `Hopper: ${name} (cuda)`,
    ignore: noCuda !== null,
    fn: async () => {
      const before = noSimulator ? 0 : products();
      let whole = 0, parts = 0; // bytes of scratch
      const got = await onHopper(chosen, {}, (bytes) => whole = bytes);
      agree(name, chosen.dtype, got, await outcome(device("cpu"), chosen));
      if (noSimulator) return;
      assert.ok(products() > before, "the kernels for Hopper were not used");
      assert.deepEqual(await onHopper(chosen, { EASEL_SIMT_REVERSED: "1" }), got);
      // more multiprocessors: other widths of blocks, and parts of K, which the last block of a tile adds in their order
      const many = { EASEL_SIMT_MULTIPROCESSORS: "132" };
      const cut = await onHopper(chosen, many, (bytes) => parts = bytes);
      agree(name, chosen.dtype, cut, got);
      if (/(is|are) cut/.test(name)) assert.ok(parts > whole, "nothing was cut and kept in parts");
      assert.deepEqual(await onHopper(chosen, { ...many, EASEL_SIMT_REVERSED: "1" }), cut);
    },
  });
}

Deno.test({
  name: "Hopper: other cards, and without EASEL_CUDA_HOPPER, take the kernels for all",
  ignore: noSimulator !== null,
  fn: async () => {
    const each: Beside = { ...CASES["a product"], dtype: "bf16" }, before = products();
    await onHopper(each, { EASEL_SIMT_CAPABILITY: "86" });
    await onHopper(each, { EASEL_CUDA_HOPPER: "" });
    assert.equal(products(), before);
  },
});

Deno.test({
  name: "Hopper: EASEL_CUDA_HOPPER=1 tries them beside the others, and remembers",
  ignore: noSimulator !== null,
  fn: async () => {
    const cache = Deno.makeTempDirSync({ prefix: "easel-hopper-" });
    const settings = { EASEL_CUDA_HOPPER: "1", EASEL_CACHE: cache, EASEL_CUBLASLT: "", EASEL_CUDNN: "" };
    try {
      for (const name of ["a product", "a convolution", "attention of 40 wide heads to 77 keys"]) {
        const each: Beside = { ...CASES[name], dtype: "bf16" };
        const before = products(), got = await onHopper(each, settings), tried = products() - before;
        agree(name, "bf16", got, await outcome(device("cpu"), each));
        assert.ok(tried > 0, "they were not tried");
        assert.deepEqual(await onHopper(each, settings), got);
        assert.ok(products() - before - tried < tried, "they were tried again");
      }
      const choices = Deno.readTextFileSync(choicesIn(cache)).split("\n").filter((line) =>
        line.startsWith("hopper: ")
      );
      assert.equal(choices.length, 5, "not all three and two gradients"); // 136 channels are no multiple of 64
      for (const line of choices) assert.match(line, /\t(own|hopper (256|128|80|0))\t/);
    } finally {
      Deno.removeSync(cache, { recursive: true });
    }
  },
});

Deno.test({
  name: "Hopper: another word in EASEL_CUDA_HOPPER is refused in one line",
  ignore: noSimulator !== null,
  fn: () =>
    assert.rejects(
      onHopper({ ...CASES["a product"], dtype: "bf16" }, { EASEL_CUDA_HOPPER: "yes" }),
      /EASEL_CUDA_HOPPER is yes; it may be 0, 1 \(tried beside the other kernels\) or always/,
    ),
});
