/**
 * cuBLASLt as another way of computing products, with a stand-in (kernels/simt/vendor) in the library's place: taken where it
 * is faster and right, refused where it is wrong, remembered.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { add, attention, compile, conv2d, Graph, linear, matmul } from "../../src/graph/mod.ts";
import { type Device, openDevice, ParameterStore } from "../../src/runtime/mod.ts";
import { vendorTexts } from "../../src/runtime/vendor.ts";
import { examine } from "../../src/tools/doctor.ts";
import { openChosenDevice } from "../../src/runtime/choose_device.ts";
import { relL2 } from "../golden/compare.ts";
import { simulatorPath, standInPath, withEnvironment } from "./devices.ts";
import {
  type Case,
  choicesIn,
  computed,
  counted as countedOf,
  type Outcome,
  type Settings,
  testsOf,
} from "./vendor.ts";

const test = testsOf("cublaslt");
const counted = async (body: () => Promise<unknown>) => {
  const { asked, computed } = await countedOf("cublaslt", body);
  return { asked, products: computed };
};

const PLAIN: Case = { shapes: [[19, 33], [33, 21]], build: (a, b) => matmul(a, b) };

const CASES: Record<string, Case> = {
  "bias and residual": {
    shapes: [[3, 7, 33], [70, 33], [70], [3, 7, 70]],
    build: (x, w, b, r) => add(linear(x, w, b), r),
  },
  "a 1x1 convolution": {
    shapes: [[2, 6, 5, 16], [24, 16, 1, 1], [24]],
    build: (x, w, b) => conv2d(x, w, b),
  },
  "large blocks": { shapes: [[264, 72], [136, 72], [264, 136]], build: (x, w, r) => add(linear(x, w), r) },
  "one row": { shapes: [[1, 70], [130, 70]], build: (x, w) => linear(x, w) },
  "attention by scores, two pictures of three heads": {
    shapes: [[2, 18, 600], [2, 19, 600], [2, 19, 600]],
    build: (q, k, v) => attention(q, k, v, { heads: 3 }),
  },
};
for (const transA of [false, true]) {
  for (const transB of [false, true]) {
    for (const B of [[], [3]]) {
      const [M, N, K] = [19, 21, 33];
      CASES[`matmul ${transA ? "t" : "n"}${transB ? "t" : "n"}${B.length ? ", stacked" : ""}`] = {
        shapes: [[...B, ...transA ? [K, M] : [M, K]], [...B, ...transB ? [N, K] : [K, N]]],
        build: (a, b) => matmul(a, b, { transA, transB }),
      };
    }
  }
}

for (const dtype of ["f32", "f16", "bf16"] as const) {
  test(`a faster library computes products of every kind, and agrees with our kernels (${dtype})`, async () => {
    for (const [name, each] of Object.entries(CASES)) {
      let theirs!: Outcome;
      const { products } = await counted(async () => theirs = await computed({ ...each, dtype }));
      const ours = await computed({ ...each, dtype }, { noVendorLibs: true });
      const { refused, reason, taken } = theirs.facts.cublasLt;
      assert.equal(refused, 0, `${name}: ${reason}`);
      assert.ok(taken > 0 && products > 0, `${name}: none taken`);
      assert.deepEqual(theirs.replayed, theirs.first, name);
      const limit = { f32: 2e-6, f16: 2e-3, bf16: 2e-2 }[dtype];
      for (const [output, values] of Object.entries(ours.first)) {
        const error = relL2(theirs.first[output], values);
        assert.ok(error <= limit, `${name}: ${output} differs by ${error}`);
      }
    }
  });
}

test("the workspace that the library wants is part of the program's scratch", async () => {
  const theirs = await computed(PLAIN), ours = await computed(PLAIN, { noVendorLibs: true });
  assert.equal(theirs.facts.cublasLt.taken, 3);
  assert.ok(theirs.scratchBytes >= 4096 && theirs.scratchBytes > ours.scratchBytes);
});

test("a slower library is tried and not taken", async () => {
  await withEnvironment({ EASEL_SIMT_CUBLASLT: "slow" }, async () => {
    const { facts, first } = await computed({ shapes: [[2, 3], [3, 4]], build: (a, b) => matmul(a, b) });
    assert.deepEqual([facts.cublasLt.measured, facts.cublasLt.taken, facts.cublasLt.refused], [3, 0, 0]);
    assert.ok(first.y.every(Number.isFinite));
  });
});

const WRONG: [string, RegExp][] = [
  ["wrong", /its result differs from ours by /],
  ["nan", /its result is not finite/],
  ["outside", /its result differs from ours by .*, at one place by /],
  ["tf32", /its result differs from ours by /],
  ["error", /cublasLtMatmul: CUBLAS_STATUS_EXECUTION_FAILED/],
];
for (const [mode, reason] of WRONG) {
  test(`a library that goes wrong (${mode}) is refused for the product, which info() tells`, async () => {
    await withEnvironment({ EASEL_SIMT_CUBLASLT: mode }, async () => {
      const { facts, first } = await computed(PLAIN);
      assert.deepEqual([facts.cublasLt.measured, facts.cublasLt.taken, facts.cublasLt.refused], [3, 0, 3]);
      assert.match(facts.cublasLt.reason, /^f32 [nt]+ \d+x\d+x\d+.*: cublaslt 0: /);
      assert.match(facts.cublasLt.reason, reason);
      assert.match(
        vendorTexts(facts)[0],
        /for 0 of 3 kinds of products so far .*; 3 refused, the first f32 /,
      );
      assert.deepEqual(first, (await computed(PLAIN, { noVendorLibs: true })).first);
      const again = await counted(() => computed(PLAIN)); // that it went wrong is remembered
      assert.deepEqual(again, { asked: 0, products: 0 });
    });
  });
}

test("TF32 is refused for f32 only: halves lose nothing in it", async () => {
  await withEnvironment({ EASEL_SIMT_CUBLASLT: "tf32" }, async () => {
    for (const dtype of ["f16", "bf16"] as const) {
      assert.equal((await computed({ ...PLAIN, dtype })).facts.cublasLt.refused, 0);
    }
  });
});

test("a product that the library has no way for is ours", async () => {
  await withEnvironment({ EASEL_SIMT_CUBLASLT: "none" }, async () => {
    const { facts } = await computed(PLAIN);
    assert.deepEqual([facts.cublasLt.measured, facts.cublasLt.taken, facts.cublasLt.refused], [3, 0, 0]);
  });
});

test("a missing or wrong library is said in one line, and our kernels compute", async () => {
  const cases: [Settings, RegExp][] = [
    [
      { EASEL_CUBLASLT: "/nowhere/libcublasLt.so.13" },
      /EASEL_CUBLASLT: \/nowhere\/libcublasLt\.so\.13: cannot open/,
    ],
    [{ EASEL_CUBLASLT: simulatorPath() }, /it has no cublasLtCreate/],
    [{ EASEL_SIMT_CUBLASLT: "old" }, /it is version 11\.0\.2, easel needs 11\.11\.3 or newer/],
    [{ EASEL_SIMT_CUBLASLT: "create" }, /cublasLtCreate: CUBLAS_STATUS_NOT_INITIALIZED/],
  ];
  for (const [settings, why] of cases) {
    await withEnvironment(settings, async () => {
      const { facts, first } = await computed(PLAIN);
      assert.match(facts.cublasLt.why, why);
      assert.equal(facts.cublasLt.usable, false);
      const lines: string[] = [];
      openChosenDevice("cuda", {}, (line) => lines.push(line)).close();
      assert.match(lines[1], /^cuBLASLt .*is not used \(/);
      assert.match(lines[1], why);
      assert.ok(!lines.join("").includes("\n"));
      assert.deepEqual(first, (await computed(PLAIN, { noVendorLibs: true })).first);
    });
  }
});

test("on the simulator only a library that is named counts as there", async () => {
  await withEnvironment({ EASEL_CUBLASLT: "" }, async () => {
    const { facts } = await computed(PLAIN);
    assert.equal(facts.cublasLt.path, "");
    assert.equal(vendorTexts(facts)[0], "no cuBLASLt or cuDNN found, easel's own kernels do all");
  });
});

test("--no-vendor-libs leaves the library alone", async (cache) => {
  const calls = await counted(async () => {
    const { facts } = await computed(PLAIN, { noVendorLibs: true });
    assert.equal(vendorTexts(facts)[0], "cuBLASLt and cuDNN are not used (--no-vendor-libs)");
  });
  assert.deepEqual(calls, { asked: 0, products: 0 });
  assert.deepEqual([...Deno.readDirSync(cache)], []);
});

test("doctor says what was found, with version and path, and what it has taken", async () => {
  await computed(PLAIN);
  const text = examine().find(({ name }) => name === "GPU")!.text;
  const path = Deno.realPathSync(standInPath("cublaslt"));
  assert.ok(
    text.endsWith(
      `cuBLASLt 13.1.1 is used where it is faster, for 3 of 3 kinds of products so far (${path}), ` +
        "no cuDNN found, easel's own kernels do convolutions and attention",
    ),
    text,
  );
});

/** Products enqueued by computing PLAIN: 2 runs of 3 where nothing is tried, since the third is a replay. */
const UNTRIED = 6;

test("choices are remembered: nothing is tried again", async (cache) => {
  const tried = await counted(() => computed(PLAIN));
  assert.ok(tried.products > UNTRIED);
  const text = Deno.readTextFileSync(choicesIn(cache));
  assert.match(
    text,
    /^easel's choices .*\ncard: simulated sm_86, .*\ndriver: 13\.0\ncuBLASLt: 13\.1\.1\ncuDNN: none\nkernels: /,
  );
  assert.equal(text.match(/\tcublaslt [01]\teasel [\d.]+ us, cublaslt 0 [\d.]+ us/g)?.length, 3);
  assert.deepEqual(await counted(() => computed(PLAIN)), { asked: 3, products: UNTRIED });
  assert.equal(Deno.readTextFileSync(choicesIn(cache)), text);
  const more = await computed(CASES["one row"]);
  assert.equal(more.facts.cublasLt.measured, 6);
  assert.equal(Deno.readTextFileSync(choicesIn(cache)).split("\n").length, text.split("\n").length + 3);
});

test("what another process has remembered meanwhile stays in the file", async (cache) => {
  const build = async (device: Device, N: number) => {
    const g = new Graph();
    g.output("y", matmul(g.input("a", [9, 8], "f32"), g.input("b", [8, N], "f32")));
    (await compile(g, new ParameterStore(device))).destroy();
  };
  const [a, b] = [openDevice("cuda"), openDevice("cuda")];
  await build(a, 5);
  await build(b, 6);
  await Promise.all([build(a, 7), build(b, 8)]);
  await build(a, 9);
  for (const device of [a, b]) device.close();
  const kinds = Deno.readTextFileSync(choicesIn(cache)).match(/(?<=^cublaslt: )f32 nn 9x\d+x8/gm);
  assert.deepEqual(kinds, [5, 6, 7, 8, 9].map((N) => `f32 nn 9x${N}x8`));
});

test("a remembered way that the library does not offer any more is tried anew", async () => {
  await computed(PLAIN);
  await withEnvironment({ EASEL_SIMT_CUBLASLT: "none" }, async () => {
    const { facts } = await computed(PLAIN);
    assert.deepEqual([facts.cublasLt.measured, facts.cublasLt.taken], [3, 0]);
  });
});

test("a file of choices that is damaged, cut short or of another driver is ignored and replaced", async (cache) => {
  await computed(PLAIN);
  const path = choicesIn(cache), whole = Deno.readTextFileSync(path);
  const damaged = [
    whole.replace("\tcublaslt 1\t", "\tcublaslt 0\t"),
    whole.slice(0, -30),
    whole.slice(0, 100),
    "",
    "\0".repeat(5000),
    "end ",
  ];
  for (const text of damaged) {
    Deno.writeTextFileSync(path, text);
    assert.ok((await counted(() => computed(PLAIN))).products > UNTRIED, JSON.stringify(text.slice(0, 40)));
    assert.deepEqual(await counted(() => computed(PLAIN)), { asked: 3, products: UNTRIED });
  }
  await withEnvironment({ EASEL_SIMT_DRIVER_VERSION: "12080" }, async () => {
    assert.ok((await counted(() => computed(PLAIN))).products > UNTRIED);
    assert.match(Deno.readTextFileSync(choicesIn(cache)), /\ndriver: 12\.8\n/);
  });
});

test("where nothing can be written, choices last as long as the device", async (cache) => {
  Deno.writeTextFileSync(join(cache, "choices"), "a file, not a folder");
  const { facts } = await computed(PLAIN);
  assert.equal(facts.cublasLt.taken, 3);
  assert.ok((await counted(() => computed(PLAIN))).products > UNTRIED);
});

test("a library that fails after it was taken is named, with the flag that goes without it", async () => {
  const device = openDevice("cuda"), g = new Graph();
  g.output("y", matmul(g.input("a", [9, 8], "f32"), g.input("b", [8, 7], "f32")));
  const program = await compile(g, new ParameterStore(device));
  const inputs = { a: new Float32Array(72), b: new Float32Array(56) };
  await withEnvironment({ EASEL_SIMT_CUBLASLT: "error" }, () =>
    assert.rejects(
      program.run(inputs),
      /instruction 0 matmul f32\[9, 7\].*: cublasLtMatmul: CUBLAS_STATUS_EXECUTION_FAILED; --no-vendor-libs computes/,
    ));
  program.destroy();
  device.close();
});

test("a library that loses the card while it is tried is not tried again", async () => {
  await withEnvironment(
    { EASEL_SIMT_CUBLASLT: "lost" },
    () =>
      assert.rejects(
        computed(PLAIN),
        /CUDA_ERROR_LAUNCH_FAILED.*, in cublaslt, which is not asked again for the like/,
      ),
  );
  const { facts } = await computed(PLAIN);
  assert.deepEqual([facts.cublasLt.measured, facts.cublasLt.taken, facts.cublasLt.refused], [3, 2, 1]);
});

test("where there is no memory to try in, our kernels compute and nothing is remembered", async () => {
  const { facts, first } = await computed(PLAIN, { limitBytes: 40 << 20 });
  assert.deepEqual([facts.cublasLt.measured, facts.cublasLt.taken], [0, 0]);
  assert.deepEqual(first, (await computed(PLAIN, { noVendorLibs: true })).first);
});
