/** Text to image and image to image through gen_img, and the pictures that training samples. */

import type { Pixels } from "../../../src/images/pixels.ts";
import { drawBatch } from "../../../src/generation/pipeline/draw.ts";
import { pictureRequests } from "../../../src/generation/prompts/requests.ts";
import { drawSample, sampleConditioner } from "../../../src/generation/sample.ts";
import { parseSampleLine, type SamplePrompt } from "../../../src/generation/prompts/sample_prompt.ts";
import { samplingOf } from "../../../src/generation/pipeline/sampling.ts";
import type { Check, GoldenCase, Runner } from "../case.ts";
import { exact } from "../compare.ts";
import {
  callsProblem,
  decodedCheck,
  drawingProblem,
  genArgs,
  openStudio,
  pictureChecks,
  Recorder,
  runChecks,
} from "../drawing.ts";
import { uniformName } from "../layout.ts";
import { calls } from "./pipeline/calls.ts";
import { allowRounding, roundingGrowth, singleSteps } from "../rounding.ts";
import { stream } from "../synth.ts";

export function match(c: GoldenCase): Runner | string | null {
  if (c.topic !== "pipeline") return null;
  const { json } = c;
  if (typeof json.prompt_line === "string") {
    const { sampler } = parseSampleLine(json.prompt_line);
    return drawingProblem(sampler ?? json.sample_sampler_default) ?? (() => training(c));
  }
  if (json.calls) return callsProblem(json.args) ?? (() => calls(c));
  if (!json.settings) return "no rule for a pipeline case without settings or prompt_line";
  return drawingProblem(json.settings.sampler, json.settings.extra_args) ?? (() => generation(c));
}

async function generation(c: GoldenCase): Promise<Check[]> {
  const { json } = c, { settings } = json, { width, height } = settings;
  const flags = genArgs(settings.extra_args ?? []);
  const config = {
    ...flags,
    steps: settings.steps,
    scale: settings.scale,
    strength: settings.strength,
    clipSkip: flags.clipSkip ?? (typeof settings.clip_skip === "number" ? settings.clip_skip : null),
  };
  const line = `${settings.prompt} --n ${settings.negative_prompt} --d ${settings.seed}`;
  const requests = [...pictureRequests(config, [line], { width, height })];
  const images = json.init_image ? requests.map(() => initialImage(json.init_image, width, height)) : null;

  const studio = openStudio(json), recorder = new Recorder();
  try {
    const conditioner = await studio.pipeline.conditioner({
      clipSkip: config.clipSkip,
      normalization: config.embNormalizeMode,
      maxChunks: config.maxEmbeddingsMultiples ?? 1,
      knowsBreak: true,
      padWithEos: false,
    });
    const drawn = await drawBatch(studio.pipeline, conditioner, { requests, images }, {
      sampler: settings.sampler,
      sampling: samplingOf(config),
      signal: new AbortController().signal,
      ...recorder,
    });
    const limit = json.tolerance.latents_rel_l2;
    const bypassed = await studio.bypassed.decode(drawn.latents, drawn.shape);
    return [
      ...runChecks(c, recorder, drawn.latents),
      ...decodedCheck(c, "decoded_sample", drawn.images[0], limit),
      ...decodedCheck(c, "decoded_sample_attention_bypassed", bypassed, limit),
      ...await pictureChecks(c, drawn.images[0]),
    ];
  } finally {
    studio.close();
  }
}

/** "uint8 floor((u+1)*128) with u = uniform('...', w*h*3) as [h,w,3]". */
function initialImage(rule: string, width: number, height: number): Pixels {
  const name = /uniform\('([^']+)'/.exec(rule)?.[1] ?? uniformName(rule);
  const u = stream(name, width * height * 3);
  return { width, height, channels: 3, data: Uint8Array.from(u, (x) => Math.floor((x + 1) * 128)) };
}

async function training(c: GoldenCase): Promise<Check[]> {
  const { json } = c, prompt = parseSampleLine(json.prompt_line);
  const studio = openStudio(json), recorder = new Recorder();
  try {
    const conditioner = await sampleConditioner(studio.pipeline, {
      clipSkip: json.clip_skip ?? null,
      compat: true,
    });
    const { latents, image } = await drawSample(studio.pipeline, conditioner, prompt, {
      sampler: json.sample_sampler_default,
      prediction: json.v_parameterization ? "v_prediction" : "epsilon",
      size: { width: 512, height: 512 },
      compat: true,
      signal: new AbortController().signal,
      ...recorder,
    });
    let run = runChecks(c, recorder, latents);
    if (run.some(({ error, limit }) => !(error <= limit))) {
      const [, channels, height, width] = c.tensors().info("final").shape,
        shape = { batch: 1, channels, height, width };
      const growth = await roundingGrowth(studio.pipeline, recorder, shape);
      run = [...allowRounding(run, growth), ...await singleSteps(c, studio.pipeline, recorder, shape)];
    }
    return [
      exact("prompt_dict", prompt, fromDict(json.prompt_dict)),
      ...run,
      ...await pictureChecks(c, image),
    ];
  } finally {
    studio.close();
  }
}

/** The reference's dictionary of a prompt line, with our defaults for what it does not hold. */
function fromDict(dict: Record<string, unknown>): Record<string, unknown> {
  const names: Record<string, keyof SamplePrompt> = {
    prompt: "prompt",
    negative_prompt: "negativePrompt",
    width: "width",
    height: "height",
    sample_steps: "steps",
    scale: "scale",
    seed: "seed",
    sample_sampler: "sampler",
  };
  const said = Object.entries(dict).map(([name, value]) => [names[name] ?? name, value]);
  return { ...parseSampleLine(""), ...Object.fromEntries(said) };
}
