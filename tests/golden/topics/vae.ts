/** Autoencoders: latents' distribution, samples, pictures, and gradients with respect to weights. */

import { add, compile, gradients, Graph, mul, sum, type Tensor } from "../../../src/graph/mod.ts";
import { decode, encode, sampleLatents, VAE, Weights } from "../../../src/models/mod.ts";
import { ParameterStore } from "../../../src/runtime/mod.ts";
import type { Check, GoldenCase, Runner } from "../case.ts";
import { goldenDevice } from "../device.ts";
import { close, sample, within } from "../compare.ts";
import { formula, toChannelsFirst, toChannelsLast } from "../layout.ts";
import { uniform } from "../synth.ts";
import { caseModel, uploadSynth } from "../synth_models.ts";

export function match(c: GoldenCase): Runner | string | null {
  return c.topic === "vae" ? () => run(c) : null;
}

async function run(c: GoldenCase): Promise<Check[]> {
  const { json } = c;
  const model = caseModel(json);
  const image = formula(json.inputs.image);
  const shapes: Record<string, readonly number[]> = Object.fromEntries(
    Object.entries(json.stats).map(([name, stats]) => [name, (stats as { shape: number[] }).shape]),
  );
  const eps = formula(json.inputs.eps, shapes.mean), z = formula(json.inputs.z, shapes.mean);

  const g = new Graph();
  const weights = Weights.over(g, model.shapes), w = weights.at(VAE);
  const inputs: Record<string, Float32Array> = {};
  const input = (name: string, { values, shape: [n, channels, height, width] }: typeof image) => {
    inputs[name] = toChannelsLast(values, [n, channels, height, width]);
    return g.input(name, [n, height, width, channels]);
  };
  const distribution = encode(input("image", image), w);
  const latents = sampleLatents(distribution, input("eps", eps));
  const decoded = decode(input("z", z), w);
  const values: Record<string, Tensor> = { ...distribution, latent_sample: latents, decoded };
  for (const name of ["mean", "logvar", "latent_sample", "decoded"]) g.output(name, values[name]);

  const names = Object.keys(json.stats).filter((name) => name.startsWith("grad."));
  if (names.length) {
    const terms = [...json.loss.rule.matchAll(/mean\((\w+) \* uniform\('([^']+)'\)\)/g)];
    const loss = terms.map(([, name, cotangent]: string[]) => {
      const shape = shapes[name], count = shape.reduce((a, b) => a * b, 1);
      const seed = uniform(cotangent, count).map((v) => v / count);
      return sum(mul(values[name], input(cotangent, { values: seed, shape: [...shape] })));
    }).reduce((a, b) => add(a, b));
    g.output("loss", loss);
    gradients(loss, names.map((name) => weights.parameter(name.slice("grad.".length))))
      .forEach((gradient, i) => gradient && g.output(names[i], gradient));
  }

  const device = goldenDevice();
  const store = new ParameterStore(device);
  try {
    uploadSynth(store, model.shapes, { wanted: (key) => key.startsWith(VAE) });
    const program = await compile(g, store);
    const result = await program.run(inputs);
    program.destroy();
    return checks(c, result, shapes);
  } finally {
    store.destroy();
    device.close();
  }
}

function checks(
  c: GoldenCase,
  result: Record<string, Float32Array>,
  shapes: Record<string, readonly number[]>,
): Check[] {
  const { json } = c, tensors = c.tensors(), all: Check[] = [];
  for (const name of tensors.keys()) {
    const whole = name.replace(/_sample$/, "");
    const key = name in result ? name : whole;
    const raw = result[key] ?? new Float32Array(0), gradient = key.startsWith("grad.");
    const values = gradient ? raw : toChannelsFirst(raw, shapes[key]);
    const expected = tensors.f32(name);
    const compared = key === name ? values : sample(values, expected.length);
    all.push(
      close(name, compared, expected, gradient ? json.tolerance.grad_rel_l2 : json.tolerance.rel_l2),
    );
    if (!gradient) all.push(within(`${name}, absolute`, compared, expected, json.tolerance.abs));
  }
  if (json.loss) all.push(within("loss", result.loss, [json.loss.value], 1e-6));
  return all;
}
