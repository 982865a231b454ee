/** What was chosen between our kernels and NVIDIA's is told and remembered: tried with cuBLASLt's stand-in. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { compile, Graph, linear, matmul } from "../../../src/graph/mod.ts";
import { type Device, openDevice, ParameterStore } from "../../../src/runtime/mod.ts";
import { vendorTexts } from "../../../src/runtime/vendor.ts";
import { examine } from "../../../src/tools/doctor.ts";
import { simulatorPath, standInPath, withEnvironment } from "../devices.ts";
import {
  type Case,
  choicesIn,
  computed,
  CONVOLUTION,
  counted as countedOf,
  PRODUCT as PLAIN,
  testsOf,
} from "./vendor.ts";

const test = testsOf("cublaslt");
const counted = async (body: () => Promise<unknown>) => {
  const { asked, computed } = await countedOf("cublaslt", body);
  return { asked, products: computed };
};
const ONE_ROW: Case = { shapes: [[1, 70], [130, 70]], build: (x, w) => linear(x, w) };

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
  const more = await computed(ONE_ROW);
  assert.equal(more.facts.cublasLt.measured, 6);
  assert.equal(Deno.readTextFileSync(choicesIn(cache)).split("\n").length, text.split("\n").length + 3);
});

test("what is short is timed without the launch of its graph", async (cache) => {
  const delay = 120; // with it the simulator counts time: a microsecond for each other piece of work
  await withEnvironment({ EASEL_SIMT_GRAPH_DELAY: `${delay}` }, () => computed(ONE_ROW));
  const took = [...Deno.readTextFileSync(choicesIn(cache)).matchAll(/cublaslt 1 ([\d.]+) us/g)]
    .map(([, us]) => Number(us));
  assert.equal(took.length, 3);
  for (const us of took) assert.ok(us < delay / 10, took.join());
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

test("what a process that was killed while writing left is removed with the next write, and nothing else", async (cache) => {
  await computed(PLAIN);
  const path = choicesIn(cache), left = `${path}.0123456789abcdef.tmp`, other = `${path}.mine.tmp`;
  Deno.writeTextFileSync(left, "half");
  Deno.writeTextFileSync(other, "mine");
  await computed(ONE_ROW);
  const names = [...Deno.readDirSync(join(cache, "choices"))].map(({ name }) => join(cache, "choices", name));
  assert.deepEqual(names.sort(), [path, `${path}.lock`, other]);
});

test("where nothing can be written, choices last as long as the device", async (cache) => {
  Deno.writeTextFileSync(join(cache, "choices"), "a file, not a folder");
  const { facts } = await computed(PLAIN);
  assert.equal(facts.cublasLt.taken, 3);
  assert.ok((await counted(() => computed(PLAIN))).products > UNTRIED);
});

test("where there is no memory to try in, our kernels compute and nothing is remembered", async () => {
  const { facts, first } = await computed(PLAIN, { limitBytes: 40 << 20 });
  assert.deepEqual([facts.cublasLt.measured, facts.cublasLt.taken], [0, 0]);
  assert.deepEqual(first, (await computed(PLAIN, { noVendorLibs: true })).first);
});

testsOf("cudnn")(
  "the libraries are found in the folders of Python's packages, whole paths and all",
  async (cache) => {
    const folders = ["cublas", "cudnn"].map((name) => join(cache, "nvidia", name, "lib"));
    for (const folder of folders) {
      Deno.mkdirSync(folder, { recursive: true });
      Deno.symlinkSync(simulatorPath(), join(folder, "libeasel_simt.so")); // where a stand-in looks for what it computes on
    }
    Deno.copyFileSync(standInPath("cublaslt"), join(folders[0], "libcublasLt.so.12"));
    Deno.copyFileSync(standInPath("cudnn"), join(folders[1], "libcudnn.so.9"));
    const named = {
      EASEL_CUBLASLT: "",
      EASEL_CUDNN: "",
      EASEL_NVIDIA_FOLDERS: ["/nowhere", ...folders].join(":"),
    };
    const { facts } = await withEnvironment(named, () => computed(CONVOLUTION));
    assert.equal(facts.cublasLt.path, join(folders[0], "libcublasLt.so.12"));
    assert.equal(facts.cudnn.path, join(folders[1], "libcudnn.so.9"));
    assert.ok(facts.cudnn.usable && facts.cudnn.taken > 0, facts.cudnn.why);
  },
);
