/**
 * Convolutions and attention by cuDNN's stand-in (kernels/simt/vendor), which computes the graphs that easel describes
 * operation by operation: taken where they are right, for every kind.
 */

import assert from "node:assert/strict";
import { add, attention, compile, conv2d, Graph } from "../../../src/graph/mod.ts";
import { openDevice, ParameterStore } from "../../../src/runtime/mod.ts";
import { relL2 } from "../../golden/compare.ts";
import { normal } from "../check_op.ts";
import { withEnvironment } from "../devices.ts";
import {
  agrees,
  type Case,
  choicesIn,
  computed,
  CONVOLUTION as PLAIN,
  counted as countedOf,
  testsOf,
} from "./vendor.ts";

const test = testsOf("cudnn");
const counted = (body: () => Promise<unknown>) => countedOf("cudnn", body);

const CONVOLUTIONS: Record<string, Case> = {
  "bias and residual": {
    shapes: [[2, 6, 5, 16], [24, 16, 3, 3], [24], [2, 6, 5, 24]],
    build: (x, w, b, r) => add(conv2d(x, w, b, { pad: [1, 1, 1, 1] }), r),
  },
  "bias, odd channels": {
    shapes: [[1, 7, 4, 5], [3, 5, 3, 3], [3]],
    build: (x, w, b) => conv2d(x, w, b, { pad: [1, 1, 1, 1] }),
  },
  "by two, padded behind": {
    shapes: [[1, 8, 6, 8], [8, 8, 3, 3], [8]],
    build: (x, w, b) => conv2d(x, w, b, { stride: 2, pad: [0, 0, 1, 1] }),
  },
  "a wide flat window": {
    shapes: [[1, 5, 9, 8], [8, 8, 1, 4]],
    build: (x, w) => conv2d(x, w, undefined, { pad: [0, 2, 0, 1] }),
  },
};
const ATTENTION: Record<string, Case> = {
  "two pictures of two heads": {
    shapes: [[2, 18, 32], [2, 23, 32], [2, 23, 32]],
    build: (q, k, v) => attention(q, k, v, { heads: 2 }),
  },
  "a wide head": {
    shapes: [[1, 5, 160], [1, 77, 160], [1, 77, 160]],
    build: (q, k, v) => attention(q, k, v, { heads: 1, scale: 0.3 }),
  },
};

for (const dtype of ["f32", "f16", "bf16"] as const) {
  test(`a faster library convolves, and agrees with our kernels (${dtype})`, () =>
    agrees("cudnn", CONVOLUTIONS, dtype));
}
for (const dtype of ["f16", "bf16"] as const) {
  test(`a faster library computes attention and its gradient, and agrees (${dtype})`, () =>
    agrees("cudnn", ATTENTION, dtype));
}

test("what the library's graphs do not say stays with our kernels", async () => {
  const cases: Case[] = [
    {
      shapes: [[1, 18, 16], [1, 18, 16], [1, 18, 16]],
      build: (q, k, v) => attention(q, k, v, { heads: 1, causal: true }),
    },
    { shapes: [[1, 18, 12], [1, 18, 12], [1, 18, 12]], build: (q, k, v) => attention(q, k, v, { heads: 1 }) },
  ];
  for (const each of cases) {
    const { facts } = await computed({ ...each, dtype: "f16" });
    assert.equal(facts.cudnn.measured, 0);
  }
});

test("guesses whose results vary, or that round f32, are not taken", async (cache) => {
  for (const [dtype, ways] of [["f32", 2], ["f16", 3]] as const) {
    await computed({ ...PLAIN, dtype });
    const lines = Deno.readTextFileSync(choicesIn(cache)).split("\n").filter((line) =>
      line.startsWith(`cudnn: ${dtype} conv2d`)
    );
    assert.equal(lines.length, 3);
    // The stand-in has four: one that varies, one for tensor cores, two more.
    for (const line of lines) assert.equal(line.match(/cudnn \d+ [\d.]+ us/g)?.length, ways, line);
  }
});

test("choices are remembered, beside those of cuBLASLt: nothing is tried again", async (cache) => {
  const both = {
    ...PLAIN,
    build: (x, w, u) => conv2d(PLAIN.build(x, w), u),
    shapes: [...PLAIN.shapes, [8, 16, 1, 1]],
  } as Case;
  const tried = await counted(() => computed(both));
  const { facts } = await computed(both);
  assert.deepEqual([facts.cudnn.taken, facts.cublasLt.taken], [3, 3]);
  assert.match(Deno.readTextFileSync(choicesIn(cache)), /\ncuBLASLt: 13\.1\.1\ncuDNN: 9\.24\.0\n/);
  const again = await counted(() => computed(both));
  assert.equal(again.asked, 3); // the plans themselves are made at each start
  assert.ok(again.computed < tried.computed);
});

test("the library is asked once for each kind of computation, however often a program has it", async () => {
  const build = async () => {
    const device = openDevice("cuda"), g = new Graph();
    const x = g.input("x", [1, 6, 5, 8], "f32"), w = g.input("w", [8, 8, 3, 3], "f32");
    let y = x;
    for (let k = 0; k < 4; k++) y = conv2d(y, w, undefined, { pad: [1, 1, 1, 1] });
    g.output("y", y);
    const program = await compile(g, new ParameterStore(device));
    const inputs = { x: normal([1, 6, 5, 8]).values, w: normal([8, 8, 3, 3]).values };
    const result = await program.run(inputs);
    program.destroy();
    device.close();
    return result;
  };
  assert.equal((await counted(build)).asked, 1);
  assert.equal((await counted(build)).asked, 1); // at the next start too
  const theirs = (await build()).y as Float32Array;
  await withEnvironment({ EASEL_CUDNN: "" }, async () => {
    assert.ok(relL2(theirs, (await build()).y as Float32Array) <= 2e-6);
  });
});
