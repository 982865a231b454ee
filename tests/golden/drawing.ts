/** Drawing with the synthetic models of the golden format, and comparing what comes out. */

import { UserError } from "../../src/base/errors.ts";
import { genImgGroups } from "../../src/generation/groups.ts";
import { parseArgs } from "../../src/options/given/parse.ts";
import { refuseUnsupported } from "../../src/options/given/support.ts";
import { decodeImage } from "../../src/images/load.ts";
import type { GenImgConfig } from "../../src/generation/groups.ts";
import { GEN_IMG_DEFAULTS } from "../generation/defaults.ts";
import type { Start } from "../../src/generation/pipeline/draw.ts";
import type { DrawingModel } from "../../src/generation/pipeline/model.ts";
import { Pipeline } from "../../src/generation/pipeline/pipeline.ts";
import { toBytes } from "../../src/generation/pictures/pixels.ts";
import { samplerProblem } from "../../src/generation/samplers/mod.ts";
import { ParameterStore } from "../../src/runtime/mod.ts";
import type { Check, GoldenCase } from "./case.ts";
import { goldenDevice } from "./device.ts";
import { close, exact, sample, toNumber, within } from "./compare.ts";
import { toChannelsFirst } from "./layout.ts";
import { synthTensor } from "./synth.ts";
import { caseModel } from "./synth_models.ts";

/** gen_img's flags: the defaults with a case's extra_args on them, as 0.9.1 draws. */
export function genArgs(args: readonly string[]): GenImgConfig {
  const parsed = parseArgs(args, genImgGroups);
  refuseUnsupported(parsed, genImgGroups);
  const camel = (name: string) => name.replace(/_([a-z0-9])/g, (_, c) => c.toUpperCase());
  const values = Object.fromEntries(
    Object.entries(parsed.values).map(([name, value]) => [camel(name), value]),
  );
  return { ...GEN_IMG_DEFAULTS, ...values, ckpt: "synthetic", compat: "0.9.1" };
}

/** Why a case cannot be drawn yet, or null. */
export function drawingProblem(sampler: string, args: readonly string[] = []): string | null {
  const problem = samplerProblem(sampler);
  if (problem) return problem.split(";")[0];
  try {
    genArgs(args);
    return null;
  } catch (error) {
    if (error instanceof UserError && error.message.includes("not supported yet")) return error.message;
    throw error;
  }
}

/** The same for a whole command line. */
export function callsProblem(args: readonly string[]): string | null {
  const paths = args.map((arg) => arg.replace("<dir>/", ""));
  const sampler = paths[paths.indexOf("--sampler") + 1];
  return drawingProblem(paths.includes("--sampler") ? sampler : "ddim", paths);
}

export interface Studio {
  readonly pipeline: Pipeline;
  /** The same model with the autoencoder's attention left away. */
  readonly bypassed: Pipeline;
  /** For all that is drawn from now on. */
  change(more: Partial<DrawingModel>): void;
  close(): void;
}

/** The model of a case; weights are made when a program first needs them. */
// deno-lint-ignore no-explicit-any -- the case as it is
export function openStudio(json: any): Studio {
  const { family, shapes } = caseModel(json);
  const device = goldenDevice(), store = new ParameterStore(device);
  const model: DrawingModel = {
    family,
    shapes,
    store,
    source: "synthetic",
    dtype: "f32",
    vaeDtype: "f32",
    load(graph) {
      for (const { source } of graph.nodes) {
        if (source?.kind !== "parameter" || store.has(source.name)) continue;
        const shape = shapes.get(source.name)!;
        store.upload(source.name, shape, "f32", synthTensor(source.name, shape), { frozen: true });
      }
      return Promise.resolve();
    },
  };
  const pipeline = new Pipeline(model), bypassed = new Pipeline({ ...model, vaeAttention: false });
  return {
    pipeline,
    bypassed,
    change(more) {
      Object.assign(model, more);
    },
    close() {
      pipeline.destroy();
      bypassed.destroy();
      store.destroy();
      device.close();
    },
  };
}

/** What a run shows while it goes. */
export class Recorder {
  readonly steps: { timestep: number; prediction: Float32Array; latents: Float32Array }[] = [];
  readonly noises: Float32Array[] = [];
  start: (Omit<Start, "start"> & { start?: Float32Array }) | undefined;

  readonly observe = (step: { timestep: number; prediction: Float32Array; latents: Float32Array }) => {
    this.steps.push(step);
  };
  readonly drawn = (noise: Float32Array) => {
    this.noises.push(noise);
  };
  readonly inspect = (start: Omit<Start, "start"> & { start?: Float32Array }) => {
    this.start = start;
  };
}

/** Every recorded tensor that the case holds, and the timesteps. */
export function runChecks(c: GoldenCase, recorder: Recorder, final: Float32Array): Check[] {
  const { json } = c, tensors = c.tensors(), { tolerance } = json;
  const first = tolerance.per_evaluation_rel_l2 ?? tolerance.latents_rel_l2;
  const last = tolerance.final_rel_l2 ?? tolerance.latents_rel_l2;
  const { start, steps, noises } = recorder, { guidance, sampler } = start!;
  const checks: Check[] = [];
  const shape = () => tensors.info("final").shape;
  const latents = (key: string, values: Float32Array | undefined, limit: number) => {
    if (!tensors.has(key)) return;
    const { shape } = tensors.info(key);
    checks.push(close(key, toChannelsFirst(values!, shape), tensors.f32(key), limit));
  };
  latents("start", start!.start, 1e-6);
  latents("first_sample", start!.first, first);
  latents("noise_pred_00", steps[0]?.prediction, first);
  const names = tensors.keys();
  for (const key of names.filter((k) => k.startsWith("step_noise_"))) {
    latents(key, noises[Number(key.slice(-2))], 1e-6);
  }
  for (const key of names.filter((k) => /^prev_\d+$/.test(k))) {
    latents(key, steps[Number(key.slice(5))]?.latents, first);
  }
  latents("final", final, last);
  const context = (key: string, list: typeof guidance.negative) => {
    if (tensors.has(key) && list) checks.push(close(key, list[0].context, tensors.f32(key)));
  };
  context("context_cond", guidance.positive);
  context("context_uncond", guidance.negative);
  if (tensors.has("pool_cond")) {
    checks.push(close("pool_cond", guidance.positive[0].pooled!, tensors.f32("pool_cond")));
  }
  if (tensors.has("pool_uncond")) {
    checks.push(close("pool_uncond", guidance.negative![0].pooled!, tensors.f32("pool_uncond")));
  }
  const run = json.timesteps_run ?? json.evaluations?.map((e: { timestep: number }) => e.timestep);
  if (run) checks.push(within("timesteps run", steps.map((s) => s.timestep), run.map(toNumber), 1e-3));
  if (json.timesteps) {
    checks.push(within("timesteps", sampler.timesteps, json.timesteps.map(toNumber), 1e-3));
  }
  if (json.init_noise_sigma !== undefined) {
    const error = Math.abs(sampler.initNoiseSigma / toNumber(json.init_noise_sigma) - 1);
    checks.push({ what: "init_noise_sigma", error, limit: 1e-6 });
  }
  (json.evaluations ?? []).forEach((e: { prev_l2: number; prev_first4: number[] }, i: number) => {
    const values = steps[i] && toChannelsFirst(steps[i].latents, shape());
    const limit = i + 1 === json.evaluations.length ? last : first;
    checks.push({
      what: `size of prev_${i}`,
      error: values ? Math.abs(norm(values) / e.prev_l2 - 1) : NaN,
      limit,
    });
  });
  return checks;
}

function norm(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * values[i];
  return Math.sqrt(sum);
}

/** A decoded picture (H, W, 3) against a `*_sample` of the reference's, which is (1, 3, H, W). */
export function decodedCheck(c: GoldenCase, key: string, image: Float32Array, limit: number): Check[] {
  const tensors = c.tensors();
  if (!tensors.has(key)) return [];
  const [count] = tensors.info(key).shape;
  const planar = toChannelsFirst(image, [1, 3, image.length / 3, 1]);
  return [close(key, sample(planar, count), tensors.f32(key), limit)];
}

/** The picture's bytes against the PNG beside the case: 99 % within 2, mean difference below 0.3. */
export async function pictureChecks(c: GoldenCase, image: Float32Array): Promise<Check[]> {
  let file: Uint8Array;
  try {
    file = Deno.readFileSync(c.path.replace(/\.\w+$/, ".png"));
  } catch {
    return [];
  }
  const wanted = await decodeImage(file), bytes = toBytes(image);
  let beyond = 0, sum = 0;
  for (let i = 0; i < bytes.length; i++) {
    const difference = Math.abs(bytes[i] - wanted.data[i]);
    sum += difference;
    if (difference > 2) beyond++;
  }
  return [
    exact("bytes of the picture", bytes.length, wanted.data.length),
    { what: "share of bytes more than 2 away", error: beyond / bytes.length, limit: 0.01 },
    { what: "mean difference of bytes", error: sum / bytes.length, limit: 0.3 },
  ];
}
