/** U-Nets: the prediction, and gradients of a loss with respect to inputs and weights. */

import { compile, gradients, Graph, type Tensor } from "../../../src/graph/mod.ts";
import { UNET, Weights } from "../../../src/models/mod.ts";
import { ParameterStore } from "../../../src/runtime/mod.ts";
import type { Check, GoldenCase, Runner } from "../case.ts";
import { goldenDevice } from "../device.ts";
import { close, sample, within } from "../compare.ts";
import { formula, toChannelsFirst, toChannelsLast, uniformName } from "../layout.ts";
import { uniform } from "../synth.ts";
import { caseModel, uploadSynth } from "../synth_models.ts";

export function match(c: GoldenCase): Runner | string | null {
  return c.topic === "unet" ? () => run(c) : null;
}

/** A gradient that is zero in exact arithmetic: rounding noise, compared absolutely. */
const NOISE = 1e-7;

/** Models of more weights than this are not repacked. */
const REPACKED = 1e9;

async function run(c: GoldenCase): Promise<Check[]> {
  const { json } = c;
  const model = caseModel(json);
  const x = formula(json.inputs.x), context = formula(json.inputs.context);
  const [n, channels, height, width] = x.shape;
  const timesteps = json.inputs.timesteps ?? new Array(n).fill(json.inputs.timestep);
  const vector = json.inputs.y ? formula(json.inputs.y) : undefined;

  const g = new Graph();
  const weights = Weights.over(g, model.shapes);
  const latents = g.input("x", [n, height, width, channels]);
  const contextInput = g.input("context", context.shape);
  const conditioning = { context: contextInput, vector: vector && g.input("vector", vector.shape) };
  const output = model.family.denoise(latents, g.input("timesteps", [n]), conditioning, weights);
  g.output("output", output);
  const inputs: Record<string, Float32Array> = {
    x: toChannelsLast(x.values, x.shape),
    context: context.values,
    timesteps: Float32Array.from(timesteps),
  };
  if (vector) inputs.vector = vector.values;
  const names = Object.keys(json.gradients ?? {});
  if (names.length) {
    const cotangent = uniform(uniformName(json.loss.rule), x.values.length);
    const scaled = toChannelsLast(cotangent, x.shape).map((v) => v / x.values.length);
    inputs.cotangent = scaled;
    differentiate(
      g,
      output,
      names,
      (name) =>
        name === "input.x" ? latents : name === "input.context" ? contextInput : weights.parameter(name),
    );
  }

  const device = goldenDevice();
  const store = new ParameterStore(device);
  try {
    // Frozen weights are kept a second time, repacked: not for the largest, which run only once.
    const frozen = !(json.parameters > REPACKED);
    uploadSynth(store, model.shapes, { wanted: (key) => key.startsWith(UNET), frozen: () => frozen });
    const program = await compile(g, store);
    const result = await program.run(inputs);
    program.destroy();
    return checks(c, result, x.shape);
  } finally {
    store.destroy();
    device.close();
  }
}

/** Names the gradient of sum(output * cotangent) by each of `names` as an output. */
function differentiate(g: Graph, output: Tensor, names: string[], find: (name: string) => Tensor): void {
  const seed = g.input("cotangent", output.shape);
  gradients(output, names.map(find), seed).forEach((gradient, i) => {
    if (gradient) g.output(`grad.${names[i]}`, gradient);
  });
}

function checks(c: GoldenCase, result: Record<string, Float32Array>, shape: readonly number[]): Check[] {
  const { json } = c, tensors = c.tensors(), tolerance = json.tolerance;
  const got = toChannelsFirst(result.output, shape);
  const wanted = tensors.has("output") ? tensors.f32("output") : tensors.f32("output_sample");
  const compared = tensors.has("output") ? got : sample(got, wanted.length);
  const all = [
    close("output", compared, wanted, tolerance.output_rel_l2 ?? tolerance.rel_l2),
    within("output, absolute", compared, wanted, tolerance.output_abs ?? tolerance.abs),
  ];
  if (json.loss) {
    const cotangent = uniform(uniformName(json.loss.rule), got.length);
    const loss = got.reduce((sum, v, i) => sum + v * cotangent[i], 0) / got.length;
    all.push(within("loss", [loss], [json.loss.value], 1e-6));
  }
  for (const name of Object.keys(json.gradients ?? {})) {
    const raw = result[`grad.${name}`] ?? new Float32Array(0);
    const gradient = name === "input.x" ? toChannelsFirst(raw, shape) : raw;
    const whole = tensors.has(`grad.${name}`);
    const expected = tensors.f32(whole ? `grad.${name}` : `grad_sample.${name}`);
    const compared = whole ? gradient : sample(gradient, expected.length);
    all.push(
      json.gradients[name].std < NOISE
        ? within(`grad ${name}`, compared, expected, NOISE)
        : close(`grad ${name}`, compared, expected, tolerance.grad_rel_l2),
    );
  }
  return all;
}
