/** EASEL_CUDA_BLOCKS=tried: sizes of blocks are tried against each other on the card, and the fastest is taken and remembered. */

import assert from "node:assert/strict";
import { add, conv2d, linear, matmul } from "../../../src/graph/mod.ts";
import { agree, type Beside, outcome } from "../beside_cpu.ts";
import { device, noSimulator, openTestDevice, withEnvironment } from "../devices.ts";
import { choicesIn } from "./vendor.ts";

const SIZES = "(256128|128128|128064|64064)";
const CASES: Record<string, Beside & { readonly least: number }> = { // kinds that are tried
  "a product whose K is cut": {
    least: 2,
    dtype: "bf16",
    shapes: [[72, 1032], [72, 1032]],
    build: (a, b) => matmul(a, b, { transB: true }),
  },
  "a LoRA in its layer's product": {
    least: 4,
    dtype: "f16",
    shapes: [[140, 96], [160, 96], [160], [140, 16], [160, 16]],
    build: (x, w, b, h, up) => add(linear(x, w, b), linear(h, up)),
  },
  "a convolution, its input's and its weights' gradients": {
    least: 3,
    dtype: "f16",
    shapes: [[1, 9, 13, 64], [64], [64, 64, 3, 3]],
    build: (x, b, w) => conv2d(x, w, b, { pad: [1, 1, 1, 1] }),
  },
};

for (const [name, { least, ...each }] of Object.entries(CASES)) {
  Deno.test({
    name: `sizes of blocks tried: ${name}`,
    ignore: noSimulator !== null,
    fn: async () => {
      const cache = Deno.makeTempDirSync({ prefix: "easel-blocks-" });
      const settings = {
        ...{ EASEL_CUDA_BLOCKS: "tried", EASEL_CACHE: cache, EASEL_CUBLASLT: "", EASEL_CUDNN: "" },
        EASEL_SIMT_MULTIPROCESSORS: "8",
      };
      const tried = () =>
        withEnvironment(settings, async () => {
          const card = openTestDevice("cuda");
          try {
            return await outcome(card, each);
          } finally {
            card.close();
          }
        });
      try {
        const got = await tried();
        agree(name, each.dtype, got, await outcome(device("cpu"), each));
        const text = Deno.readTextFileSync(choicesIn(cache));
        const choices = text.split("\n").filter((line) => line.startsWith("blocks: "));
        assert.ok(choices.length >= least, text);
        for (const line of choices) {
          assert.match(
            line,
            new RegExp(`\\t(own|blocks ${SIZES})\\teasel [\\d.]+ us(, blocks ${SIZES} [\\d.]+ us)+$`),
          );
        }
        assert.deepEqual(await tried(), got);
        assert.equal(Deno.readTextFileSync(choicesIn(cache)), text, "they were tried again");
      } finally {
        Deno.removeSync(cache, { recursive: true });
      }
    },
  });
}
