/**
 * cuDNN as another way of computing convolutions and attention, with a stand-in (kernels/simt/vendor) in the library's place
 * that computes the graphs which easel describes, operation by operation.
 */

import assert from "node:assert/strict";
import { add, attention, compile, conv2d, Graph } from "../../src/graph/mod.ts";
import { openDevice, ParameterStore } from "../../src/runtime/mod.ts";
import { vendorTexts } from "../../src/runtime/vendor.ts";
import { openChosenDevice } from "../../src/runtime/choose_device.ts";
import { relL2 } from "../golden/compare.ts";
import { normal } from "./check_op.ts";
import { simulatorPath, withEnvironment } from "./devices.ts";
import {
  type Case,
  choicesIn,
  computed,
  counted as countedOf,
  type Outcome,
  type Settings,
  testsOf,
  vendor,
} from "./vendor.ts";

const test = testsOf("cudnn");
const counted = (body: () => Promise<unknown>) => countedOf("cudnn", body);

/** A convolution, its two gradients: three kinds. */
const PLAIN: Case = {
  shapes: [[1, 6, 5, 8], [16, 8, 3, 3]],
  build: (x, w) => conv2d(x, w, undefined, { pad: [1, 1, 1, 1] }),
};

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

async function agrees(cases: Record<string, Case>, dtype: "f32" | "f16" | "bf16"): Promise<void> {
  for (const [name, each] of Object.entries(cases)) {
    let theirs!: Outcome;
    const { computed: executed } = await counted(async () => theirs = await computed({ ...each, dtype }));
    const ours = await computed({ ...each, dtype }, { noVendorLibs: true });
    const { measured, refused, reason, taken } = theirs.facts.cudnn;
    assert.equal(refused, 0, `${name}: ${reason}`);
    assert.ok(taken === measured && taken > 0 && executed > 0, `${name}: ${taken} of ${measured} taken`);
    assert.deepEqual(theirs.replayed, theirs.first, name);
    const limit = { f32: 2e-6, f16: 2e-3, bf16: 2e-2 }[dtype];
    for (const [output, values] of Object.entries(ours.first)) {
      const error = relL2(theirs.first[output], values);
      assert.ok(error <= limit, `${name}: ${output} differs by ${error}`);
    }
  }
}

for (const dtype of ["f32", "f16", "bf16"] as const) {
  test(`a faster library convolves, and agrees with our kernels (${dtype})`, () =>
    agrees(CONVOLUTIONS, dtype));
}
for (const dtype of ["f16", "bf16"] as const) {
  test(`a faster library computes attention and its gradient, and agrees (${dtype})`, () =>
    agrees(ATTENTION, dtype));
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

test("the workspace that the library wants is part of the program's scratch", async () => {
  const theirs = await computed(PLAIN), ours = await computed(PLAIN, { noVendorLibs: true });
  assert.equal(theirs.facts.cudnn.taken, 3);
  assert.ok(theirs.scratchBytes >= 4096 && theirs.scratchBytes > ours.scratchBytes);
});

test("a slower library is tried and not taken", async () => {
  await withEnvironment({ EASEL_SIMT_CUDNN: "slow" }, async () => {
    const { facts } = await computed(PLAIN);
    assert.deepEqual([facts.cudnn.measured, facts.cudnn.taken, facts.cudnn.refused], [3, 0, 0]);
  });
});

const WRONG: [string, RegExp][] = [
  ["wrong", /its result differs from ours by /],
  ["nan", /its result is not finite/],
  ["outside", /its result differs from ours by .*, at one place by /],
  ["error", /cudnnBackendExecute: CUDNN_STATUS_EXECUTION_FAILED/],
  ["capture", /cudnnBackendExecute: CUDNN_STATUS_EXECUTION_FAILED/],
];
for (const [mode, reason] of WRONG) {
  test(`a library that goes wrong (${mode}) is refused for the convolution, which info() tells`, async () => {
    await withEnvironment({ EASEL_SIMT_CUDNN: mode }, async () => {
      const { facts, first } = await computed(PLAIN);
      // A value outside of the weights' gradient lies in scratch of the library's own, where it harms nobody.
      const refused = mode === "outside" ? 2 : 3;
      assert.deepEqual([facts.cudnn.measured, facts.cudnn.refused], [3, refused]);
      assert.match(facts.cudnn.reason, /^f32 conv2d.*: cudnn 2: /);
      assert.match(facts.cudnn.reason, reason);
      assert.match(
        vendorTexts(facts)[1],
        /kinds of convolutions and attention so far .*refused, the first f32 conv2d/,
      );
      assert.deepEqual(first.y, (await computed(PLAIN, { noVendorLibs: true })).first.y);
    });
  });
}

test("a convolution that the library has no way for is ours", async () => {
  await withEnvironment({ EASEL_SIMT_CUDNN: "none" }, async () => {
    const { facts } = await computed(PLAIN);
    assert.deepEqual([facts.cudnn.measured, facts.cudnn.taken, facts.cudnn.refused], [3, 0, 0]);
  });
});

test("a missing or wrong library is said in one line, and our kernels compute", async () => {
  const cases: [Settings, RegExp][] = [
    [{ EASEL_CUDNN: "/nowhere/libcudnn.so.9" }, /EASEL_CUDNN: \/nowhere\/libcudnn\.so\.9: cannot open/],
    [{ EASEL_CUDNN: simulatorPath() }, /it has no cudnnCreate/],
    [{ EASEL_SIMT_CUDNN: "old" }, /it is version .*, easel needs version 9/],
    [{ EASEL_SIMT_CUDNN: "create" }, /cudnnCreate: CUDNN_STATUS_NOT_INITIALIZED/],
    [{ EASEL_SIMT_CUBLASLT: "create" }, /it needs cuBLASLt/],
  ];
  for (const [settings, why] of cases) {
    await withEnvironment(settings, async () => {
      const { facts, first } = await computed(PLAIN);
      assert.match(facts.cudnn.why, why);
      assert.equal(facts.cudnn.usable, false);
      const lines: string[] = [];
      openChosenDevice("cuda", {}, (line) => lines.push(line)).close();
      assert.match(lines[2], /^cuDNN .*is not used \(/);
      assert.match(lines[2], why);
      assert.deepEqual(first, (await computed(PLAIN, { noVendorLibs: true })).first);
    });
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

test("a library that fails after it was taken is named, with the flag that goes without it", async () => {
  const device = openDevice("cuda"), g = new Graph();
  g.output("y", PLAIN.build(g.input("x", [1, 6, 5, 8], "f32"), g.input("w", [16, 8, 3, 3], "f32")));
  const program = await compile(g, new ParameterStore(device));
  const inputs = { x: normal([1, 6, 5, 8]).values, w: normal([16, 8, 3, 3]).values };
  assert.equal(vendor(device).cudnn.taken, 1);
  await withEnvironment({ EASEL_SIMT_CUDNN: "error" }, () =>
    assert.rejects(
      program.run(inputs),
      /instruction 0 conv2d f32.*: cudnnBackendExecute: CUDNN_STATUS_EXECUTION_FAILED; --no-vendor-libs computes/,
    ));
  program.destroy();
  device.close();
});

test("a library that loses the card while it is tried is not tried again", async () => {
  await withEnvironment(
    { EASEL_SIMT_CUDNN: "lost" },
    () =>
      assert.rejects(
        computed(PLAIN),
        /CUDA_ERROR_LAUNCH_FAILED.*, in cudnn, which is not asked again for the like/,
      ),
  );
  const { facts } = await computed(PLAIN);
  assert.deepEqual([facts.cudnn.measured, facts.cudnn.taken, facts.cudnn.refused], [3, 2, 1]);
});
