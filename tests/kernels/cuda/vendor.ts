/** What the tests of NVIDIA's libraries share: the stand-ins (kernels/simt/vendor) in the libraries' place. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { DType } from "../../../src/base/dtype.ts";
import { compile, conv2d, gradients, Graph, matmul, mul, sum, type Tensor } from "../../../src/graph/mod.ts";
import { type Device, type DeviceOptions, openDevice, ParameterStore } from "../../../src/runtime/mod.ts";
import type { LibraryFacts, VendorFacts } from "../../../src/runtime/vendor.ts";
import { relL2 } from "../../golden/compare.ts";
import { normal } from "../check_op.ts";
import { noCuda, simulatorPath, standInPath, withEnvironment } from "../devices.ts";

export type Library = "cublaslt" | "cudnn";
export type Settings = Readonly<Record<string, string>>;
export type Values = Record<string, Float32Array>;

const ignore = noCuda !== null || Deno.env.get("EASEL_TEST_DEVICE") === "cuda";

/**
 * Defines tests with a cache folder of their own, in which stand-ins are the libraries: cuBLASLt's, and where `library` is
 * cuDNN also that.
 */
export function testsOf(library: Library): (name: string, body: (cache: string) => Promise<void>) => void {
  return (name, body) =>
    Deno.test({
      name,
      ignore,
      async fn() {
        const cache = Deno.makeTempDirSync({ prefix: "easel-vendor-" });
        try {
          await withEnvironment({
            EASEL_CUDA_DRIVER: simulatorPath(),
            EASEL_CUBLASLT: standInPath("cublaslt"),
            EASEL_SIMT_CUBLASLT: "",
            EASEL_CUDNN: library === "cudnn" ? standInPath("cudnn") : "",
            EASEL_SIMT_CUDNN: "",
            EASEL_CACHE: cache,
          }, () => body(cache));
        } finally {
          Deno.removeSync(cache, { recursive: true });
        }
      },
    });
}

export const vendor = (device: Device) => device.info().vendor as VendorFacts;

export interface Outcome {
  readonly first: Values;
  readonly replayed: Values;
  readonly facts: VendorFacts;
  readonly scratchBytes: number;
}

export interface Case {
  readonly shapes: readonly (readonly number[])[];
  readonly build: (...x: Tensor[]) => Tensor;
  readonly dtype?: DType;
}

/** Output and gradients of a case on a device of its own, from the first run and from the captured graph. */
export async function computed(
  { shapes, build, dtype = "f32" }: Case,
  options: DeviceOptions = {},
): Promise<Outcome> {
  const device = openDevice("cuda", options);
  try {
    const g = new Graph();
    const x = shapes.map((shape, i) => g.input(`x${i}`, shape, dtype));
    const y = build(...x);
    g.output("y", y);
    const weighted = sum(mul(y, g.input("weights", y.shape, dtype)));
    gradients(weighted, x).forEach((d, i) => d && g.output(`d${i}`, d));
    const program = await compile(g, new ParameterStore(device));
    const inputs: Values = { weights: normal(y.shape, 9).values as Float32Array };
    shapes.forEach((shape, i) => inputs[`x${i}`] = normal(shape, i + 1).values as Float32Array);
    const first = await program.run(inputs) as Values, replayed = await program.run(inputs) as Values;
    assert.deepEqual((await program.run(inputs)) as Values, replayed);
    const { scratchBytes } = program.memory;
    program.destroy();
    return { first, replayed, facts: vendor(device), scratchBytes };
  } finally {
    device.close();
  }
}

/** A product and its two gradients: three kinds. */
export const PRODUCT: Case = { shapes: [[19, 33], [33, 21]], build: (a, b) => matmul(a, b) };

/** A convolution and its two gradients. */
export const CONVOLUTION: Case = {
  shapes: [[1, 6, 5, 8], [16, 8, 3, 3]],
  build: (x, w) => conv2d(x, w, undefined, { pad: [1, 1, 1, 1] }),
};

export function factsOf(library: Library, facts: VendorFacts): LibraryFacts {
  return library === "cudnn" ? facts.cudnn : facts.cublasLt;
}

/** Fails unless the library takes every case, comes to what our kernels do, and replays it. */
export async function agrees(
  library: Library,
  cases: Record<string, Case>,
  dtype: "f32" | "f16" | "bf16",
): Promise<void> {
  for (const [name, each] of Object.entries(cases)) {
    let theirs!: Outcome;
    const { computed: computations } = await counted(
      library,
      async () => theirs = await computed({ ...each, dtype }),
    );
    const ours = await computed({ ...each, dtype }, { noVendorLibs: true });
    const { measured, refused, reason, taken } = factsOf(library, theirs.facts);
    assert.equal(refused, 0, `${name}: ${reason}`);
    assert.ok(taken > 0 && computations > 0, `${name}: ${taken} of ${measured} taken`);
    assert.deepEqual(theirs.replayed, theirs.first, name);
    const limit = { f32: 2e-6, f16: 2e-3, bf16: 2e-2 }[dtype];
    for (const [output, values] of Object.entries(ours.first)) {
      const error = relL2(theirs.first[output], values);
      assert.ok(error <= limit, `${name}: ${output} differs by ${error}`);
    }
  }
}

/** How often the stand-in was asked for ways and for computations while `body` ran. */
export async function counted(
  library: Library,
  body: () => Promise<unknown>,
): Promise<{ asked: number; computed: number }> {
  const computations = library === "cudnn" ? "executed" : "enqueued";
  const { symbols, close } = open(library, computations);
  const now = () => [symbols.asked(), symbols.computed()];
  try {
    const before = now();
    await body();
    const after = now();
    return { asked: after[0] - before[0], computed: after[1] - before[1] };
  } finally {
    close();
  }
}

function open(library: Library, computations: string) {
  const number = (
    name: string,
  ) => ({ name: `easel_simt_${library}_${name}`, parameters: [], result: "i32" } as const);
  const opened = Deno.dlopen(standInPath(library), {
    asked: number("asked"),
    computed: number(computations),
  });
  return { symbols: opened.symbols, close: () => opened.close() };
}

/** The one file of choices. */
export function choicesIn(cache: string): string {
  const [name, ...more] = [...Deno.readDirSync(join(cache, "choices"))].map((entry) => entry.name)
    .filter((name) => !name.endsWith(".lock"));
  assert.equal(more.length, 0, "more than one file");
  return join(cache, "choices", name);
}
