/** What a ControlNet gives, the U-Net with it, and gradients of both. */

import { add, gradients, mul, sum, type Tensor } from "../../../../src/graph/mod.ts";
import {
  CONTROL,
  controlNet,
  controlPlaces,
  controlShapes,
  hintFeatures,
  rename,
  reversed,
  UNET,
  Weights,
} from "../../../../src/models/mod.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { within } from "../../compare.ts";
import { toChannelsLast } from "../../layout.ts";
import { synthTensor, uniform } from "../../synth.ts";
import { begin, compared, execute, gradientNames, LATENTS, PICTURE } from "./run.ts";

const MODULE_SDXL = "controlnet.", OUTS = /^out_\d+/;

export async function forward(c: GoldenCase): Promise<Check[]> {
  const sdxl = c.json.model.includes("sdxl");
  return [...await outputs(c, sdxl), ...await steered(c, sdxl)];
}

/** A ControlNet's part of a run, and its tensors by the names of the case. */
function control(c: GoldenCase, sdxl: boolean) {
  const run = begin(c, c.json.inputs.timesteps ?? [999, 123], sdxl);
  const { graph, model, picture } = run, places = controlPlaces({ levels: sdxl ? 3 : 4, resBlocks: 2 });
  const weights = Weights.over(graph, controlShapes(model.shapes));
  const values = (name: string) => {
    if (name.startsWith(UNET)) return undefined;
    const shape = weights.shape(name);
    return synthTensor(sdxl ? MODULE_SDXL + rename(name, new Map(places)) : CONTROL + name, shape);
  };
  // SDXL's own parts have diffusers' names, its blocks original ones
  const original = (name: string) =>
    name.startsWith(CONTROL) ? name.slice(CONTROL.length) : rename(name, reversed(places));
  return { run, weights, hint: hintFeatures(picture, weights), values, original };
}

/** What the ControlNet gives, and gradients of L = sum_i mean(out_i * g_i). */
async function outputs(c: GoldenCase, sdxl: boolean): Promise<Check[]> {
  const { run, weights, hint, values, original } = control(c, sdxl);
  const { graph, inputs, latents, timesteps, context, picture, vector } = run;
  const heads = c.json.model.includes("sd1") ? () => 8 : (channels: number) => Math.max(1, channels / 64);
  const { skips, middle } = controlNet(latents, timesteps, context, { weights, hint }, { heads, vector });
  const outs = [...skips, middle], shapes = new Map<string, number[]>();
  let loss: Tensor | undefined;
  outs.forEach((out, i) => {
    const [n, h, w, channels] = out.shape, size = n * h * w * channels;
    const name = `out_${String(i).padStart(2, "0")}`, planar = [n, channels, h, w];
    graph.output(name, out);
    shapes.set(name, planar);
    inputs[`g${i}`] = toChannelsLast(uniform(`input.${c.json.case}.g.${i}`, size), planar).map((x) =>
      x / size
    );
    const part = sum(mul(out, graph.input(`g${i}`, out.shape)));
    loss = loss ? add(loss, part) : part;
  });
  graph.output("L", loss!);
  const known: Record<string, Tensor> = { sample: latents, context, cond: picture };
  const names = gradientNames(c, "grad.");
  gradients(loss!, names.map((name) => known[name] ?? weights.parameter(original(name))))
    .forEach((gradient, i) => gradient && graph.output(`grad.${names[i]}`, gradient));
  shapes.set("grad.sample", LATENTS).set("grad.cond", PICTURE);
  const result = await execute(run, values);
  return [
    within("L", result.L, [c.json.expected.L], 1e-5),
    ...compared(c, result, shapes, (key) => OUTS.test(key) || key.startsWith("grad.")),
  ];
}

/** The U-Net with the ControlNet, and gradients of mean(unet_out * gy) where the case has them. */
async function steered(c: GoldenCase, sdxl: boolean): Promise<Check[]> {
  const { run, weights, hint, values, original } = control(c, sdxl);
  const { graph, inputs, latents, timesteps, context, vector, unet, model } = run;
  const out = model.family.denoise(latents, timesteps, { context, vector }, unet, {
    control: { weights, hint, reachesMiddle: !sdxl },
  });
  graph.output("unet_out", out);
  const names = gradientNames(c, "unet_grad.");
  if (names.length) {
    const size = LATENTS.reduce((a, b) => a * b);
    inputs.gy = toChannelsLast(uniform(`input.${c.json.case}.gy`, size), LATENTS).map((x) => x / size);
    gradients(out, names.map((name) => weights.parameter(original(name))), graph.input("gy", out.shape))
      .forEach((gradient, i) => gradient && graph.output(`unet_grad.${names[i]}`, gradient));
  }
  const result = await execute(run, values);
  return compared(c, result, new Map([["unet_out", LATENTS]]), (key) => key.startsWith("unet_"));
}
