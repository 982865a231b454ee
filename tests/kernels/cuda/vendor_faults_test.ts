/** NVIDIA's libraries, each by its stand-in (kernels/simt/vendor), when they are slow, wrong, missing, or fail. */

import assert from "node:assert/strict";
import { compile, Graph } from "../../../src/graph/mod.ts";
import { openDevice, ParameterStore } from "../../../src/runtime/mod.ts";
import { openChosenDevice } from "../../../src/runtime/choose_device.ts";
import { vendorTexts } from "../../../src/runtime/vendor.ts";
import { normal } from "../check_op.ts";
import { simulatorPath, withEnvironment } from "../devices.ts";
import {
  type Case,
  computed,
  CONVOLUTION,
  counted,
  factsOf,
  type Library,
  PRODUCT,
  type Settings,
  testsOf,
  vendor,
} from "./vendor.ts";

interface Tested {
  readonly library: Library;
  /** What is computed: three kinds. */
  readonly plain: Case;
  readonly called: string;
  /** Which of the lines about libraries is its own. */
  readonly line: number;
  /** Of a refusal: what was computed, and the way. */
  readonly refused: RegExp;
  /** Modes of the stand-in beside those of both, and the reason that is told. */
  readonly modes: readonly (readonly [string, RegExp])[];
  readonly unusable: readonly (readonly [Settings, RegExp])[];
  readonly failure: RegExp;
}

const LIBRARIES: readonly Tested[] = [
  {
    library: "cublaslt",
    plain: PRODUCT,
    called: "cuBLASLt",
    line: 0,
    refused: /^f32 [nt]+ \d+x\d+x\d+.*: cublaslt 0: /,
    modes: [
      ["tf32", /its result differs from ours by /],
      ["error", /cublasLtMatmul: CUBLAS_STATUS_EXECUTION_FAILED/],
    ],
    unusable: [
      [
        { EASEL_CUBLASLT: "/nowhere/libcublasLt.so.13" },
        /EASEL_CUBLASLT: \/nowhere\/libcublasLt\.so\.13: cannot open/,
      ],
      [{ EASEL_CUBLASLT: simulatorPath() }, /it has no cublasLtCreate/],
      [{ EASEL_SIMT_CUBLASLT: "old" }, /it is version 11\.0\.2, easel needs 11\.11\.3 or newer/],
      [{ EASEL_SIMT_CUBLASLT: "create" }, /cublasLtCreate: CUBLAS_STATUS_NOT_INITIALIZED/],
    ],
    failure: /instruction 0 matmul f32.*: cublasLtMatmul: CUBLAS_STATUS_EXECUTION_FAILED; --no-vendor-libs/,
  },
  {
    library: "cudnn",
    plain: CONVOLUTION,
    called: "cuDNN",
    line: 1,
    refused: /^f32 conv2d.*: cudnn 2: /,
    modes: [
      ["error", /cudnnBackendExecute: CUDNN_STATUS_EXECUTION_FAILED/],
      ["capture", /cudnnBackendExecute: CUDNN_STATUS_EXECUTION_FAILED/],
    ],
    unusable: [
      [{ EASEL_CUDNN: "/nowhere/libcudnn.so.9" }, /EASEL_CUDNN: \/nowhere\/libcudnn\.so\.9: cannot open/],
      [{ EASEL_CUDNN: simulatorPath() }, /it has no cudnnCreate/],
      [{ EASEL_SIMT_CUDNN: "old" }, /it is version .*, easel needs version 9/],
      [{ EASEL_SIMT_CUDNN: "create" }, /cudnnCreate: CUDNN_STATUS_NOT_INITIALIZED/],
      [{ EASEL_SIMT_CUBLASLT: "create" }, /it needs cuBLASLt/],
    ],
    failure:
      /instruction 0 conv2d f32.*: cudnnBackendExecute: CUDNN_STATUS_EXECUTION_FAILED; --no-vendor-libs/,
  },
];

const MODES = [
  ["wrong", /its result differs from ours by /],
  ["nan", /its result is not finite/],
  ["outside", /its result differs from ours by .*, at one place by /],
] as const;

for (const { library, plain, called, line, refused, modes, unusable, failure } of LIBRARIES) {
  const test = (name: string, body: () => Promise<void>) => testsOf(library)(`${called}: ${name}`, body);
  const inMode = <T>(mode: string, body: () => Promise<T>) =>
    withEnvironment({ [`EASEL_SIMT_${library.toUpperCase()}`]: mode }, body);
  const numbers = async (mode: string) => {
    const { facts } = await inMode(mode, () => computed(plain));
    const { measured, taken, refused } = factsOf(library, facts);
    return { measured, taken, refused };
  };

  test("the workspace that it wants is part of the program's scratch", async () => {
    const theirs = await computed(plain), ours = await computed(plain, { noVendorLibs: true });
    assert.equal(factsOf(library, theirs.facts).taken, 3);
    assert.ok(theirs.scratchBytes >= 4096 && theirs.scratchBytes > ours.scratchBytes);
  });

  test("where it is slower, it is tried and not taken", async () => {
    assert.deepEqual(await numbers("slow"), { measured: 3, taken: 0, refused: 0 });
  });

  test("what it has no way for is ours", async () => {
    assert.deepEqual(await numbers("none"), { measured: 3, taken: 0, refused: 0 });
  });

  for (const [mode, reason] of [...MODES, ...modes]) {
    test(`where it goes wrong (${mode}), it is refused, which info() tells`, async () => {
      await inMode(mode, async () => {
        const { facts, first } = await computed(plain);
        const { measured, taken, refused: count, reason: told } = factsOf(library, facts);
        // What is written outside of the weights' gradient lies in scratch of cuDNN's way and harms nobody.
        const harmless = library === "cudnn" && mode === "outside" ? 1 : 0;
        assert.deepEqual([measured, taken, count], [3, harmless, 3 - harmless]);
        assert.match(told, refused);
        assert.match(told, reason);
        assert.match(
          vendorTexts(facts)[line],
          /for \d of 3 kinds of .* so far .*; [23] refused, the first f32 /,
        );
        const ours = await computed(plain, { noVendorLibs: true });
        assert.deepEqual(first.y, ours.first.y);
        if (harmless) return;
        assert.deepEqual(first, ours.first);
        const again = await counted(library, () => computed(plain)); // that it went wrong is remembered
        assert.deepEqual(again, { asked: 0, computed: 0 });
      });
    });
  }

  test("that it is missing or cannot be used is said in one line, and our kernels compute", async () => {
    for (const [settings, why] of unusable) {
      await withEnvironment(settings, async () => {
        const { facts, first } = await computed(plain);
        assert.match(factsOf(library, facts).why, why);
        assert.equal(factsOf(library, facts).usable, false);
        const lines: string[] = [];
        openChosenDevice("cuda", {}, (text) => lines.push(text)).close();
        const own = lines[1 + line]; // after the one about the GPU
        assert.ok(own.startsWith(called) && /is not used \(/.test(own), own);
        assert.match(own, why);
        assert.ok(!lines.join("").includes("\n"));
        assert.deepEqual(first, (await computed(plain, { noVendorLibs: true })).first);
      });
    }
  });

  test("when it fails after it was taken, it is named, with the flag that goes without it", async () => {
    const device = openDevice("cuda"), g = new Graph();
    g.output("y", plain.build(...plain.shapes.map((shape, i) => g.input(`x${i}`, shape, "f32"))));
    const program = await compile(g, new ParameterStore(device));
    const inputs = Object.fromEntries(plain.shapes.map((shape, i) => [`x${i}`, normal(shape, i + 1).values]));
    assert.equal(factsOf(library, vendor(device)).taken, 1);
    await inMode("error", () => assert.rejects(program.run(inputs), failure));
    program.destroy();
    device.close();
  });

  test("when it loses the card while it is tried, it is not tried again", async () => {
    await inMode("lost", () =>
      assert.rejects(
        computed(plain),
        new RegExp(`CUDA_ERROR_LAUNCH_FAILED.*, in ${library}, which is not asked again for the like`),
      ));
    assert.deepEqual(await numbers(""), { measured: 3, taken: 2, refused: 1 });
  });
}
