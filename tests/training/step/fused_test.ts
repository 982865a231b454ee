/** Weights that step within the backward program, and weights that are held in 16 bits. */
import assert from "node:assert/strict";
import {
  add,
  cast,
  type Graph,
  matmul,
  memoryNeeded,
  mul,
  reshape,
  silu,
  sum,
  type Tensor,
} from "../../../src/graph/mod.ts";
import { ParameterStore } from "../../../src/runtime/mod.ts";
import { readOptimizer } from "../../../src/training/optimizers/mod.ts";
import { checkUpdate } from "../../../src/training/step/check_update.ts";
import { type StepOptions, TrainingStep } from "../../../src/training/step/step.ts";
import { allocateGroups, type ParameterGroup, weightOf } from "../../../src/training/step/trainable.ts";
import { device, noCuda, testOnEach } from "../../kernels/devices.ts";
import { relL2 } from "../../golden/compare.ts";
import { u } from "../optimizers/recorded_steps.ts";

const WIDTH = 64, LAYERS = 6, BATCH = 4;
type Options = Partial<StepOptions<{ readonly batch: number }>> & {
  readonly dtype?: ParameterGroup["dtype"];
  readonly type?: string;
};

/** A stack of layers; every other one is used twice, so that its weights are read after a first gradient is there. */
class Stack {
  readonly store: ParameterStore;
  readonly step: TrainingStep<{ readonly batch: number }>;
  readonly groups: ParameterGroup[];

  constructor(backend: "cpu" | "cuda", { dtype, type = "AdamW", ...options }: Options) {
    this.store = new ParameterStore(device(backend));
    const parameters = Array.from({ length: LAYERS }, (_, k) => ({ name: `w${k}`, shape: [WIDTH, WIDTH] }));
    this.groups = [parameters.slice(0, 2), parameters.slice(2)].map((part, i) => ({
      name: `part ${i}`,
      learningRate: 0.01,
      parameters: part,
      dtype,
    }));
    allocateGroups(this.store, this.groups, { gradients: !options.fused });
    for (const [k, { name }] of parameters.entries()) {
      this.store.set(name, Float32Array.from({ length: WIDTH * WIDTH }, (_, i) => 0.2 * u(k, i)));
    }
    this.step = new TrainingStep(this.store, {
      ...{ groups: this.groups, optimizer: readOptimizer(type, null), maxGradNorm: 1 },
      ...{ gradientAccumulationSteps: 1, scaleLoss: false },
      record: (graph, shape) => ({ loss: this.#loss(graph, shape.batch) }),
      ...options,
    });
  }

  #loss(graph: Graph, batch: number): Tensor {
    let x = graph.input("x", [batch, WIDTH]);
    for (const group of this.groups) {
      for (const [k, p] of group.parameters.entries()) {
        const w = cast(weightOf(graph, group, p), "f32");
        // of the gradient of a sum one product is, which reads its weights where the sum is made
        for (let use = 0; use < 1 + k % 2; use++) x = k % 3 ? silu(matmul(x, w)) : add(silu(matmul(x, w)), x);
      }
    }
    return reshape(sum(mul(x, x)), [1]);
  }

  async train(steps: number, scale = 1): Promise<{ norms: number[]; heldBack: (string | null)[] }> {
    const norms: number[] = [], heldBack: (string | null)[] = [];
    for (let k = 0; k < steps; k++) {
      const x = Float32Array.from({ length: BATCH * WIDTH }, (_, i) => scale * u(50 + k, i));
      await this.step.backward({ batch: BATCH }, { x }, [0.01, 0.02]);
      const result = await this.step.update([0.01, 0.02]);
      norms.push(result.gradNorm);
      heldBack.push(result.heldBack);
    }
    return { norms, heldBack };
  }

  weights(): Float32Array {
    return Float32Array.from([0, 1].flatMap((i) => [...this.store.download(`train/${i}`)]));
  }

  arena(): number {
    return memoryNeeded(this.step.recordBackward({ batch: BATCH }), this.store).arenaBytes;
  }

  [Symbol.dispose]() {
    this.step.destroy();
    this.store.destroy();
  }
}

/** Instructions of AdamW's own in what steps the weights. */
const ownSteps = ({ step }: Stack) =>
  (step.options.fused ? step.recordBackward({ batch: BATCH }) : step.recordUpdate()).nodes
    .filter(({ op }) => op?.name === "adamw").length;

Deno.test({
  name:
    "on a GPU AdamW is an instruction where weights are 32 bits wide, on a CPU a chain: both go the same way",
  ignore: noCuda !== null,
  fn: async () => {
    const ways: [Options, number][] = [
      [{}, 2], // a group each
      [{ clipEach: true }, LAYERS],
      [{ fused: true }, LAYERS],
      [{ dtype: "bf16", fused: true }, 0],
    ];
    for (const [options, own] of ways) {
      using cpu = new Stack("cpu", options), gpu = new Stack("cuda", options);
      assert.deepEqual([ownSteps(cpu), ownSteps(gpu)], [0, own], JSON.stringify(options));
      const start = cpu.weights(), moved = (w: Float32Array) => w.map((x, i) => x - start[i]);
      const [a, b] = [await cpu.train(3), await gpu.train(3)];
      a.norms.forEach((norm, k) => assert.ok(Math.abs(b.norms[k] / norm - 1) < 1e-4, `${b.norms} ${norm}`));
      const apart = relL2(moved(gpu.weights()), moved(cpu.weights()));
      assert.ok(apart < (options.dtype ? 2e-2 : 1e-4), `${JSON.stringify(options)}: ${apart}`);
    }
  },
});

const bytesOf = (store: ParameterStore) => store.names().filter((name) => name.includes("grad")).length;

testOnEach(
  "weights that step within the backward program go where they go after it, with no gradients kept",
  async (backend) => {
    for (const type of ["AdamW", "Adafactor", "AdamW8bit", "Lion", "CAME"]) {
      using plain = new Stack(backend, { type, clipEach: true }),
        fused = new Stack(backend, { type, fused: true });
      const start = plain.weights();
      const [a, b] = [await plain.train(3), await fused.train(3)];
      const moved = (w: Float32Array) => w.map((x, i) => x - start[i]);
      // Lion's signs are those of what may be almost 0
      const apart = relL2(moved(fused.weights()), moved(plain.weights()));
      assert.ok(apart < (type === "Lion" ? 2e-2 : 1e-4), `${type}: ${apart}`);
      a.norms.forEach((norm, k) =>
        assert.ok(Math.abs(b.norms[k] / norm - 1) < 1e-5, `${type}: ${b.norms} ${norm}`)
      );
      assert.equal(bytesOf(fused.store), 0);
      const one = 4 * WIDTH * WIDTH, more = fused.arena() - plain.arena();
      assert.ok(more < 3 * one, `${type}: the arena has ${more / one} weights more, of ${LAYERS}`);
      assert.ok(await fused.step.works({ batch: BATCH }, { x: new Float32Array(BATCH * WIDTH).fill(0.1) }));
    }
  },
);

testOnEach(
  "proving weights that step within the backward program moves none; what is not finite holds them",
  async (backend) => {
    using fused = new Stack(backend, { fused: true });
    await fused.train(1);
    const before = fused.weights(), { optimizerSteps } = fused.step.state;
    assert.ok(!await fused.step.works({ batch: BATCH }, { x: new Float32Array(BATCH * WIDTH).fill(1e30) }));
    const { heldBack } = await fused.train(1, 1e30);
    assert.deepEqual(heldBack, ["gradients"]);
    assert.deepEqual(fused.weights(), before);
    assert.equal(fused.step.state.optimizerSteps, optimizerSteps);
  },
);

testOnEach(
  "weights of 16 bits step like those of 32, and rounding at random loses no small step",
  async (backend) => {
    const path = async (options: Options, rate: number, steps = 4) => {
      using stack = new Stack(backend, options);
      const start = stack.weights();
      for (let k = 0; k < steps; k++) {
        const x = Float32Array.from({ length: BATCH * WIDTH }, (_, i) => u(50, i));
        await stack.step.backward({ batch: BATCH }, { x }, [rate, rate]);
        await stack.step.update([rate, rate]);
      }
      return stack.weights().map((w, i) => w - start[i]);
    };
    for (const dtype of ["bf16", "f16"] as const) {
      for (const fused of [false, true]) {
        const apart = relL2(await path({ dtype, fused }, 0.01), await path({ fused }, 0.01));
        assert.ok(
          apart > 1e-6 && apart < (dtype === "bf16" ? 0.1 : 0.03),
          `${dtype}, fused ${fused}: ${apart}`,
        );
      }
    }
    if (backend === "cuda") return; // tests/kernels/chain/quantized_test.ts has dither() there
    // a thousandth of a bf16 step of the larger weights
    const tiny = 1e-6,
      mean = (moved: Float32Array) => moved.reduce((sum, x) => sum + Math.abs(x), 0) / moved.length;
    const lost = await path({ dtype: "bf16" }, tiny, 20),
      kept = await path({ dtype: "bf16", dithered: true }, tiny, 20);
    const whole = await path({}, tiny, 20);
    assert.ok(mean(lost) < 0.5 * mean(whole), `${mean(lost)} of ${mean(whole)}`);
    const along = kept.reduce((sum, x, i) => sum + x * Math.sign(whole[i]), 0) / kept.length;
    assert.ok(Math.abs(along / mean(whole) - 1) < 0.2, `${along} of ${mean(whole)}`);
    assert.deepEqual(await path({ dtype: "bf16", dithered: true }, tiny, 20), kept, "and is the same again");
  },
);

Deno.test("ways to hold and step weights that exclude each other are refused in one line", () => {
  const plain = {
    ...{ mixedPrecision: "bf16", gradientAccumulationSteps: 1, fullBf16: false, fullFp16: false } as const,
    ...{ stochasticRounding: false, fusedBackwardPass: false, fp8Base: false, fp8BaseUnet: false },
  };
  const cases: [Partial<Parameters<typeof checkUpdate>[0]>, string, RegExp | null][] = [
    [{}, "Prodigy", null],
    [{ fusedBackwardPass: true, fullBf16: true, stochasticRounding: true }, "Adafactor", null],
    [{ fusedBackwardPass: true }, "Prodigy", /needs all gradients first/],
    [{ fusedBackwardPass: true, gradientAccumulationSteps: 2 }, "AdamW", /gathers them/],
    [{ fusedBackwardPass: true, mixedPrecision: "fp16" }, "AdamW", /use --mixed_precision bf16/],
    [
      { fusedBackwardPass: true, emaDecay: 0.9 },
      "AdamW",
      /its gradient comes, --ema_decay averages all of them after the step; leave one/,
    ],
    [{ fullFp16: true }, "AdamW", /--full_fp16 needs --mixed_precision fp16/],
    [{ fullBf16: true, mixedPrecision: "no" }, "AdamW", /--full_bf16 needs --mixed_precision bf16/],
    [{ fullBf16: true, scaleWeightNorms: 1 }, "AdamW", null],
    [{ fp8Base: true }, "AdamW", null],
    [
      { fp8BaseUnet: true, mixedPrecision: "no" },
      "AdamW",
      /--fp8_base_unet needs --mixed_precision bf16 or fp16/,
    ],
    [{ stochasticRounding: true }, "AdamW", /--stochastic_rounding needs --full_bf16/],
  ];
  for (const [config, optimizer, message] of cases) {
    const check = () => checkUpdate({ ...plain, ...config }, readOptimizer(optimizer, null));
    if (message) assert.throws(check, { name: "UsageError", message }, JSON.stringify(config));
    else check();
  }
});
