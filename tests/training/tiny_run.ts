/** A model and pictures small enough to train on in a test. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { JobContext, Progress } from "../../src/base/job.ts";
import { quietContext } from "../../src/base/job.ts";
import { writeSafetensors } from "../../src/formats/mod.ts";
import { encodePng } from "../../src/images/png_file.ts";
import { sdBlocks } from "../../src/models/mod.ts";
import { DOWN, keysOf, loraModules, loraOptions, saveLora, UP } from "../../src/networks/mod.ts";
import type { TrainNetworkConfig } from "../../src/training/options.ts";
import { trainNetworkDefaults } from "./defaults.ts";
import { synthTensor, uniform } from "../golden/synth.ts";
import { synthModel } from "../golden/synth_models.ts";

export const TINY = synthModel("sd1", {
  unet: {
    model_channels: 32,
    channel_mult: [1, 2],
    num_res_blocks: 1,
    attention_resolutions: [2, 1],
    num_heads: 8,
    context_dim: 64,
  },
  clip: { hidden: 64, heads: 1, layers: 2, intermediate: 64 },
  vae: { ch: 32, ch_mult: [1, 1, 1, 1], num_res_blocks: 1, z_channels: 4 },
});

export const TINY_SDXL = synthModel("sdxl", {
  unet: {
    model_channels: 32,
    channel_mult: [1, 2],
    num_res_blocks: 1,
    transformer_depth: [0, 1],
    middle_depth: 1,
    context_dim: 128,
    adm_in_channels: 64 + 6 * 256,
    use_linear_in_transformer: true,
  },
  clip_l: { hidden: 64, heads: 1, layers: 3, intermediate: 64 },
  clip_g: { width: 64, heads: 1, layers: 2, mlp: 64, text_projection: [64, 64] },
  vae: { ch: 32, ch_mult: [1, 1, 1, 1], num_res_blocks: 1, z_channels: 4 },
});

export const TINY_SD2 = synthModel("sd2", {
  unet: {
    model_channels: 64,
    channel_mult: [1, 2],
    num_res_blocks: 1,
    attention_resolutions: [2, 1],
    num_head_channels: 64,
    context_dim: 64,
    use_linear_in_transformer: true,
  },
  clip: { width: 64, heads: 1, layers_in_checkpoint: 3, mlp: 64 },
  vae: { ch: 32, ch_mult: [1, 1, 1, 1], num_res_blocks: 1, z_channels: 4 },
});

/** Writes the model's file. */
export function writeTinyModel(
  path: string,
  metadata: Readonly<Record<string, string>> = {},
  model = TINY,
): void {
  const tensors = [...model.shapes].map(([name, shape]) => ({
    name,
    dtype: "F32",
    shape: [...shape],
    data: () => new Uint8Array(synthTensor(name, shape).buffer),
  }));
  writeSafetensors(path, tensors, metadata);
}

/** Writes a LoRA for all layers of that model, with weights that `name` decides and norms well above 0. */
export function writeTinyLora(
  path: string,
  name: string,
  rank: number,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const options = loraOptions(
    { dim: rank, alpha: 1, dropout: null, args: ["conv_dim=2", "conv_alpha=1"] },
    sdBlocks,
    true,
  );
  const modules = loraModules(TINY.shapes, TINY.family, options);
  const factor = (key: string, shape: readonly number[]): [string, Float32Array] => [
    key,
    uniform(name + key, shape.reduce((n, d) => n * d, 1), 0.1),
  ];
  const weights = new Map(modules.flatMap((m) => {
    const { down, up } = keysOf(m);
    return [factor(down, m.tensors[DOWN]), factor(up, m.tensors[UP])];
  }));
  saveLora(path, modules, weights, "F32", metadata);
}

/** Writes `count` pictures with captions as DIR/1_thing. */
export function writePictures(
  dir: string,
  count: number,
  { width = 64, height = 64, name = "" }: { width?: number; height?: number; name?: string } = {},
): void {
  const folder = join(dir, "1_thing");
  Deno.mkdirSync(folder, { recursive: true });
  for (let i = 0; i < count; i++) {
    const data = Uint8Array.from({ length: width * height * 3 }, (_, k) => (k * (i + 3)) % 251);
    Deno.writeFileSync(join(folder, `${name}${i}.png`), encodePng({ width, height, data }));
    Deno.writeTextFileSync(join(folder, `${name}${i}.txt`), `thing, number ${i}, seen`);
  }
}

/** A fresh folder with model and pictures, and a config that trains on them. */
export function tinyRun(pictures = 3): { dir: string; config: TrainNetworkConfig } {
  const dir = Deno.makeTempDirSync({ prefix: "easel-training-" });
  writeTinyModel(join(dir, "model.safetensors"));
  writePictures(join(dir, "data"), pictures);
  return {
    dir,
    config: {
      ...trainNetworkDefaults,
      pretrainedModelNameOrPath: join(dir, "model.safetensors"),
      trainDataDir: join(dir, "data"),
      outputDir: join(dir, "out"),
      outputName: "thing",
      resolution: "64",
      captionExtension: ".txt",
      shuffleCaption: true,
      cacheLatents: true,
      networkDim: 2,
      learningRate: 1e-2,
      maxTrainSteps: 4,
      seed: 5,
      threads: 1,
    },
  };
}

/** A context that keeps what it is told. */
export function listening(signal?: AbortSignal): JobContext & { lines: string[]; events: Progress[] } {
  const lines: string[] = [], events: Progress[] = [];
  return {
    ...quietContext(signal),
    lines,
    events,
    log: (line) => void lines.push(line),
    warn: (line) => void lines.push(`warning: ${line}`),
    progress: (event) => void events.push(event),
  };
}

/** The most memory that a training told of. */
export const peakOf = ({ events }: { readonly events: readonly Progress[] }): number =>
  Math.max(...events.map(({ memory = 0 }) => memory));

/** A planned peak and a measured one are no further apart than a plan may be wrong. */
export function closeTo(planned: number, measured: number): void {
  assert.ok(Math.abs(planned / measured - 1) < 0.05, `${planned} bytes were planned, ${measured} taken`);
}

/** The average loss after each step, from what a training told its context. */
export function lossesOf({ events }: { readonly events: readonly Progress[] }): number[] {
  const bySteps = new Map<number, number>();
  for (const { task, step, loss } of events) {
    if (task === "training" && step > 0 && loss !== undefined) bySteps.set(step, loss);
  }
  return [...bySteps.keys()].sort((a, b) => a - b).map((step) => bySteps.get(step)!);
}
