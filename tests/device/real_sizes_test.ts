/** The heavy ops of SD1.5 at 512x512 on the machine's GPU against the CPU backend, in every dtype. Run by first.sh only. */

import assert from "node:assert/strict";
import type { DType } from "../../src/base/dtype.ts";
import {
  attention,
  compile,
  conv2d,
  geglu,
  gradients,
  Graph,
  groupNorm,
  layerNorm,
  linear,
  mul,
  silu,
  sum,
  type Tensor,
} from "../../src/graph/mod.ts";
import { type Device, openDevice, ParameterStore } from "../../src/runtime/mod.ts";
import { relL2 } from "../golden/compare.ts";
import { normal } from "../kernels/check_op.ts";
import { openTestDevice } from "../kernels/devices.ts";

const onCard = Deno.env.get("EASEL_TEST_DEVICE") === "cuda";
const LIMITS: Partial<Record<DType, number>> = { f32: 1e-5, f16: 4e-3, bf16: 3e-2 };

interface Case {
  readonly shapes: readonly (readonly number[])[];
  readonly build: (...x: Tensor[]) => Tensor;
}
const CASES: Record<string, Case> = {
  "linear 8192x320 -> 2560": { shapes: [[2, 4096, 320], [2560, 320]], build: (x, w) => linear(x, w) },
  "conv 3x3 640 -> 640 at 32x32": {
    shapes: [[2, 32, 32, 640], [640, 640, 3, 3]],
    build: (x, w) => conv2d(x, w, undefined, { pad: [1, 1, 1, 1] }),
  },
  "attention of 4096 pixels, 8 heads of 40": {
    shapes: [[1, 4096, 320], [1, 4096, 320], [1, 4096, 320]],
    build: (q, k, v) => attention(q, k, v, { heads: 8 }),
  },
  "groupNorm and silu of 64x64x320": {
    shapes: [[2, 64, 64, 320], [320], [320]],
    build: (x, w, b) => silu(groupNorm(x, w, b, { groups: 32, eps: 1e-5 })),
  },
  "layerNorm of 4096x320": { shapes: [[2, 4096, 320], [320], [320]], build: (x, w, b) => layerNorm(x, w, b) },
  "geglu of 4096x2560": { shapes: [[2, 4096, 2560]], build: (x) => geglu(x) },
};

async function results(device: Device, { shapes, build }: Case, dtype: DType) {
  const store = new ParameterStore(device), g = new Graph();
  const x = shapes.map((shape, i) => g.input(`x${i}`, shape, dtype));
  const y = build(...x);
  g.output("y", y);
  const weights = normal(y.shape, 9).values; // a plain sum has no gradient behind a norm or a softmax
  gradients(sum(mul(y, g.input("weights", y.shape, dtype))), x).forEach((d, i) => d && g.output(`d${i}`, d));
  const program = await compile(g, store);
  const inputs = Object.fromEntries(shapes.map((shape, i) => {
    const scale = i === 0 || shape.length < 2 ? 1 : (shape.slice(1).reduce((n, d) => n * d, 1)) ** -0.5;
    return [`x${i}`, normal(shape, i + 1, scale).values];
  }));
  const out = await program.run({ ...inputs, weights });
  program.destroy();
  return out;
}

for (const [name, spec] of Object.entries(CASES)) {
  for (const dtype of ["f32", "f16", "bf16"] as const) {
    Deno.test({
      name: `${name}, ${dtype}: cuda and CPU agree`,
      ignore: !onCard,
      async fn() {
        const cuda = openTestDevice("cuda"), cpu = openDevice("cpu");
        const [got, wanted] = [await results(cuda, spec, dtype), await results(cpu, spec, dtype)];
        cuda.close();
        cpu.close();
        for (const key of Object.keys(wanted)) {
          const error = relL2(got[key], wanted[key]);
          assert.ok(error < LIMITS[dtype]!, `${key}: ${error} is over ${LIMITS[dtype]}`);
        }
      },
    });
  }
}
