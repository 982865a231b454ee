/** Tables of the noise schedule, and whole sampling runs with a synthetic U-Net. */

import { drawBatch } from "../../../src/generation/pipeline/draw.ts";
import type { PictureRequest } from "../../../src/generation/prompts/requests.ts";
import {
  noiseSchedule,
  noiseSigmas,
  signalToNoise,
  zeroTerminalSnr,
} from "../../../src/models/noise/schedule.ts";
import { samplingOf } from "../../../src/generation/pipeline/sampling.ts";
import type { Check, GoldenCase, Runner } from "../case.ts";
import { within } from "../compare.ts";
import { drawingProblem, genArgs, openStudio, Recorder, runChecks } from "../drawing.ts";

export function match(c: GoldenCase): Runner | string | null {
  if (c.topic !== "samplers") return null;
  const { json } = c;
  if (json.tensors?.alphas_cumprod && !json.settings) return () => Promise.resolve(tables(c));
  if (!json.settings) return "no rule for a samplers case without settings";
  return drawingProblem(json.sampler, json.settings.extra_args) ?? (() => run(c));
}

function tables(c: GoldenCase): Check[] {
  const tensors = c.tensors(), plain = noiseSchedule(), zero = zeroTerminalSnr(plain);
  const ours: Record<string, Float32Array> = {
    betas: plain.betas,
    alphas: plain.alphas,
    alphas_cumprod: plain.alphasCumprod,
    sigmas: noiseSigmas(plain),
    snr: plain.alphasCumprod.map((a) => a / Math.fround(1 - a)),
    all_snr: signalToNoise(plain),
    zero_snr_betas: zero.betas,
    zero_snr_alphas: zero.alphas,
    zero_snr_alphas_cumprod: zero.alphasCumprod,
  };
  return tensors.keys().map((key) => {
    if (!ours[key]) return { what: `${key} is no known table`, error: NaN, limit: 0 };
    const wanted = tensors.f32(key);
    // Differences of close numbers at the end of the zero-SNR tables are compared absolutely.
    if (key.startsWith("zero_snr")) return within(key, ours[key], wanted, 1e-6);
    const error = Math.max(...ours[key].map((x, i) => Math.abs(x / wanted[i] - 1)));
    return { what: key, error, limit: c.json.tolerance.rel };
  });
}

async function run(c: GoldenCase): Promise<Check[]> {
  const { settings, sampler } = c.json, config = genArgs(settings.extra_args ?? []);
  const requests = settings.seeds.map((seed: number, index: number): PictureRequest => ({
    index,
    prompt: settings.prompt,
    words: settings.prompt,
    negativePrompt: settings.negative_prompt ?? "",
    seed,
    clipPrompt: null,
    rawPrompt: settings.prompt,
    fileName: null,
    settings: {
      width: settings.width,
      height: settings.height,
      originalWidth: config.originalWidth,
      originalHeight: config.originalHeight,
      originalWidthNegative: config.originalWidthNegative,
      originalHeightNegative: config.originalHeightNegative,
      cropTop: config.cropTop,
      cropLeft: config.cropLeft,
      steps: settings.steps,
      scale: settings.scale,
      strength: config.strength ?? 0.8,
      negativeScale: null,
      deepShrink: null,
      gradualLatent: null,
      regionParts: null,
      networkMultipliers: null,
      loras: [],
    },
  }));
  const studio = openStudio(c.json), recorder = new Recorder();
  try {
    const conditioner = await studio.pipeline.conditioner({
      clipSkip: config.clipSkip ?? settings.clip_skip,
      normalization: config.embNormalizeMode,
      maxChunks: config.maxEmbeddingsMultiples ?? settings.max_embeddings_multiples ?? 1,
      knowsBreak: true,
      padWithEos: false,
    });
    const { latents } = await drawBatch(studio.pipeline, conditioner, { requests, images: null }, {
      sampler,
      sampling: samplingOf(config),
      signal: new AbortController().signal,
      ...recorder,
    });
    return runChecks(c, recorder, latents);
  } finally {
    studio.close();
  }
}
