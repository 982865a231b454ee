/** The U-Net with an LLLite, and gradients. */

import { gradients } from "../../../../src/graph/mod.ts";
import { llliteAdapter, llliteEmbedding, llliteTensors, Weights } from "../../../../src/models/mod.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { toChannelsLast } from "../../layout.ts";
import { synthTensor, uniform } from "../../synth.ts";
import { begin, compared, execute, gradientNames, LATENTS, PICTURE } from "./run.ts";

export async function lllite(c: GoldenCase): Promise<Check[]> {
  const { json } = c, run = begin(c, [500, 500], false);
  const { graph, inputs, model, latents, timesteps, context, vector, picture } = run;
  const sizes = { inner: json.mlp_dim, embedding: json.cond_emb_dim };
  const shapes = llliteTensors(model.shapes, sizes);
  const weights = Weights.over(graph, shapes),
    multiplier = graph.constant(Float32Array.of(json.multiplier), [1]);
  const adapter = llliteAdapter({ weights, picture, multiplier, height: 16, width: 16 });
  const unet = Weights.over(graph, model.shapes, { adapter });
  const out = model.family.denoise(latents, timesteps, { context, vector }, unet);
  graph.output("out", out);
  for (const key of c.tensors().keys().filter((key) => key.endsWith(".cond_emb"))) {
    graph.output(key, llliteEmbedding(picture, weights.at(key.slice(0, -".cond_emb".length))));
  }
  const size = LATENTS.reduce((a, b) => a * b), planar = new Map([["out", LATENTS], ["grad.cond", PICTURE]]);
  inputs.g = toChannelsLast(uniform(`input.${json.case}.g`, size), LATENTS).map((x) => x / size);
  const names = gradientNames(c, "grad.");
  gradients(
    out,
    names.map((name) => name === "cond" ? picture : weights.parameter(name)),
    graph.input("g", out.shape),
  )
    .forEach((gradient, i) => gradient && graph.output(`grad.${names[i]}`, gradient));
  const result = await execute(run, (name) => {
    if (!shapes.has(name)) return undefined;
    const values = synthTensor(name, shapes.get(name)!), share = Math.fround(0.3);
    return name.endsWith("up.0.weight") ? values.map((x) => x * share) : values;
  });
  return compared(c, result, planar, () => true);
}
