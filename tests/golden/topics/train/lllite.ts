/** Training an LLLite: losses, norms, first gradients and final weights, and the metadata of the file. */
import { llliteTensors, type Shapes } from "../../../../src/models/mod.ts";
import { modelSpec } from "../../../../src/networks/mod.ts";
import { PythonRandom, TorchGenerator } from "../../../../src/random/mod.ts";
import { ParameterStore } from "../../../../src/runtime/mod.ts";
import type { LatentBatch } from "../../../../src/training/objective/batch.ts";
import { CONDITIONING } from "../../../../src/training/objective/examples.ts";
import type { DiffusionTraining } from "../../../../src/training/step/diffusion_training.ts";
import { gradientOf } from "../../../../src/training/step/trainable.ts";
import {
  llliteTraining,
  type LLLiteTrainingConfig,
} from "../../../../src/training/trained/lllite/training.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { close, exact, sample, within } from "../../compare.ts";
import { goldenDevice } from "../../device.ts";
import { toChannelsLast } from "../../layout.ts";
import { synthTensor, uniform } from "../../synth.ts";
import { caseModel, uploadSynth } from "../../synth_models.ts";
import { readTrainArgs } from "../../train_args.ts";
import { trainBatches } from "../../train_inputs.ts";
import { Recorder } from "./recorder.ts";

export async function llliteTrained(c: GoldenCase): Promise<Check[]> {
  const { json } = c, model = caseModel(json), { config } = readTrainArgs(json.train_args);
  const shapes = llliteTensors(model.shapes, { embedding: json.cond_emb_dim, inner: json.mlp_dim });
  const plain = await trainBatches(json, model.family, model.latentScale, config.priorLossWeight);
  const batch = (k: number): LatentBatch => {
    const { model: inputs, ...rest } = plain(k);
    return { ...rest, model: { ...inputs, [CONDITIONING]: pictures(json, k) } };
  };
  const checks = [metadata(c)];
  // gathered and not yet applied, each counted half
  await withTraining(c, shapes, { ...config, gradientAccumulationSteps: 2 }, async (training, store) => {
    await training.train(batch(0), generators(json));
    checks.push(...firstGradients(c, (name) => store.download(gradientOf(name)).map((x) => 2 * x)));
  });
  await withTraining(c, shapes, config, async (training) => {
    const record = new Recorder(c, training), torch = generators(json);
    for (let k = 0; k < json.steps; k++) {
      const rates = training.learningRates(training.step.state.optimizerSteps);
      record.add(k, rates, await training.train(batch(k), torch));
    }
    const now = training.weights();
    checks.push(...record.checks(config, (name, wanted) => {
      const limit = Math.max(1e-4, 10 * (json.sensitivity.final[name.replace(/_sample$/, "")] ?? 0));
      return close(`final ${name}`, picked(name, now, wanted.length), wanted, limit);
    }));
  });
  return checks;
}

// deno-lint-ignore no-explicit-any -- the case as it is
const generators = ({ seed }: any) => ({ torch: new TorchGenerator(seed), python: new PythonRandom(seed) });

/** A tensor, or the sample of it that "NAME_sample" means. */
function picked(name: string, all: { get(name: string): Float32Array | undefined }, count: number) {
  const whole = name.replace(/_sample$/, ""), values = all.get(whole)!;
  return whole === name ? values : sample(values, count);
}

/** A training from the case's first weights. */
async function withTraining(
  { json }: GoldenCase,
  shapes: Shapes,
  config: LLLiteTrainingConfig,
  body: (training: DiffusionTraining, store: ParameterStore) => Promise<void>,
): Promise<void> {
  const share = Math.fround(Number(/float32\(([\d.]+)\)/.exec(json.initial_weights)![1]));
  const weights = new Map([...shapes].map(([name, shape]) => {
    const values = synthTensor(name, shape);
    return [name, name.endsWith("up.0.weight") ? values.map((x) => x * share) : values];
  }));
  const device = goldenDevice(), store = new ParameterStore(device), model = caseModel(json);
  try {
    uploadSynth(store, model.shapes, { wanted: (key) => !key.startsWith("first_stage_model") });
    const training = llliteTraining(store, model, { shapes, weights }, config);
    await body(training, store);
    training.destroy();
  } finally {
    store.destroy();
    device.close();
  }
}

function firstGradients(c: GoldenCase, gradient: (name: string) => Float32Array): Check[] {
  const tensors = c.tensors(), prefix = "grad_step1.";
  return tensors.keys().filter((key) => key.startsWith(prefix)).map((key) => {
    const name = key.slice(prefix.length), wanted = tensors.f32(key);
    const got = picked(name, { get: gradient }, wanted.length);
    // adding the same to all keys changes no attention
    if (name.startsWith("lllite") && /attn1_to_k\.up\.0\.bias/.test(name)) {
      return within(key, got, wanted, 1e-8);
    }
    return close(key, got, wanted, c.json.tolerance.grad_norm_rel);
  });
}

/** "conditioning_images of item i = uniform('P.cond.i') [3,128,128] in [-1,1]", two items a step. */
// deno-lint-ignore no-explicit-any -- the case as it is
function pictures(json: any, k: number): Float32Array {
  const [, c, h, w] = /conditioning_images[^[]*\[(\d+),(\d+),(\d+)\]/.exec(json.inputs)!.map(Number);
  const items = Number(/(\d+) items/.exec(json.inputs)![1]), chosen = [2 * k % items, (2 * k + 1) % items];
  const all = Float32Array.from(
    chosen.flatMap((item) => [...uniform(`${json.input_prefix}.cond.${item}`, c * h * w)]),
  );
  return toChannelsLast(all, [chosen.length, c, h, w]);
}

/** What the file says of itself, but for the time. */
function metadata({ json }: GoldenCase): Check {
  const { "modelspec.date": _, ...wanted } = json.saved_file.metadata;
  const [width, height] = wanted["modelspec.resolution"].split("x").map(Number);
  const { "modelspec.date": _now, ...got } = modelSpec({
    ...{ family: caseModel(json).family, lllite: true, version: "1.0.0" },
    ...{ vParameterization: false, resolution: [width, height], title: wanted["modelspec.title"] },
    ...{ author: null, description: null, license: null, tags: null },
    ...{ minTimestep: null, maxTimestep: null, clipSkip: null },
  }, 0);
  return exact("metadata", got, wanted);
}
