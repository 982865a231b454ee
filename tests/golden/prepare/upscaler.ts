/** latent_upscaler: the network on given latents, and pictures to latents to sharper ones. */

import { join } from "node:path";
import { toChannelsFirst, toChannelsLast } from "../../../src/base/layout.ts";
import { quietContext } from "../../../src/base/job.ts";
import { openCheckpoint, writeSafetensors } from "../../../src/formats/mod.ts";
import { Programs } from "../../../src/graph/mod.ts";
import { resizePillow } from "../../../src/images/resampling/pillow.ts";
import { Weights } from "../../../src/models/mod.ts";
import { loadUpscaler } from "../../../src/models/upscaler/load.ts";
import { upscaler, UPSCALER_LAYERS, upscalerShape } from "../../../src/models/upscaler/upscaler.ts";
import { ParameterStore } from "../../../src/runtime/mod.ts";
import { openModels } from "../../../src/tools/dataset/pictures/upscaler_models.ts";
import type { Check, GoldenCase } from "../case.ts";
import { close, within } from "../compare.ts";
import { goldenDevice } from "../device.ts";
import { synthTensor, uniform } from "../synth.ts";
import { writeSynthModel } from "./arrays.ts";
import { drawn } from "./pictures.ts";

export async function checkUpscaler(c: GoldenCase): Promise<Check[]> {
  const folder = Deno.makeTempDirSync({ prefix: "easel-golden-" });
  try {
    const weights = join(folder, "upscaler.safetensors");
    writeSynthUpscaler(weights);
    return await (c.json.pictures ? checkPictures(c, folder, weights) : checkForward(c, weights));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Weights by the rule of the golden format, but for variances: around 1. */
export function writeSynthUpscaler(path: string): void {
  const tensors = UPSCALER_LAYERS.flatMap(([conv, norm]) => {
    const shape = upscalerShape(conv), channels = shape[0];
    const named: [string, readonly number[]][] = [[`${conv}.weight`, shape]];
    if (norm === null) return [...named, [`${conv}.bias`, [channels]] as [string, number[]]];
    const stats = ["weight", "bias", "running_mean", "running_var"];
    return [...named, ...stats.map((name): [string, number[]] => [`${norm}.${name}`, [channels]])];
  });
  writeSafetensors(
    path,
    tensors.map(([name, shape]) => ({
      ...{ name, dtype: "F32", shape: [...shape] },
      data: () => {
        const values = name.endsWith("running_var")
          ? uniform(name, shape[0]).map((u) => 1 + 0.1 * u)
          : synthTensor(name, shape);
        return new Uint8Array(values.buffer as ArrayBuffer);
      },
    })),
    {},
  );
}

async function checkForward(c: GoldenCase, path: string): Promise<Check[]> {
  const x = c.tensors().f32("x"), [n, channels, h, w] = c.tensors().info("x").shape;
  const device = goldenDevice(), store = new ParameterStore(device);
  using file = openCheckpoint(path);
  const shapes = loadUpscaler(file, store), programs = new Programs<string>(store);
  const { y } = await programs.run("forward", (graph) => {
    graph.output("y", upscaler(graph.input("x", [n, h, w, channels]), Weights.over(graph, shapes)));
  }, { x: toChannelsLast(x, n, channels) });
  programs.destroy();
  store.destroy();
  device.close();
  return [close("y", toChannelsFirst(y, n, channels), c.tensors().f32("y"), c.json.tolerance.rel_l2)];
}

async function checkPictures(c: GoldenCase, folder: string, weights: string): Promise<Check[]> {
  const vaePath = join(folder, "vae.safetensors"),
    count = c.json.pictures.length,
    f32 = (name: string) => c.tensors().f32(name);
  writeSynthModel(vaePath, "sd1-tiny", "first_stage_model.");
  const enlarged = c.json.pictures.map((picture: Parameters<typeof drawn>[0]) => {
    const { width, height, data } = drawn(picture);
    return resizePillow({ width, height, channels: 3, data }, 2 * width, 2 * height, "lanczos");
  });
  const models = openModels({
    ...{ vaePath, weights, vaeBatchSize: 1, seed: 7 },
    ...{ device: "cpu", threads: 1, vramBudget: null, noVendorLibs: false },
  }, quietContext());
  try {
    const { sampled, refined } = await models.refine(enlarged), limit = c.json.tolerance.rel_l2;
    const bytes = c.tensors().bytes("enlarged"), size = bytes.length / count;
    return [
      ...enlarged.map(({ data }: { data: Uint8Array }, i: number) =>
        within(`enlarged ${i}`, data, bytes.subarray(i * size, (i + 1) * size), 0)
      ),
      close("sampled", toChannelsFirst(sampled, count, 4), f32("sampled"), limit),
      close("result", toChannelsFirst(refined.map((v) => v * 0.18215), count, 4), f32("result"), limit),
    ];
  } finally {
    models.close();
  }
}
