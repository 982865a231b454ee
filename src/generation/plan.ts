/** Everything that a run will draw, settled and checked before the first weight is read. */

import { counted } from "../base/phrases.ts";
import { UsageError } from "../base/errors.ts";
import type { Pixels } from "../images/pixels.ts";
import type { GenImgConfig } from "./groups.ts";
import { type Guide, liveNetworks, type Sources } from "./pictures/sources.ts";
import { chosenName } from "./pictures/file_names.ts";
import type { Batch } from "./pipeline/draw.ts";
import type { PictureSize } from "./pipeline/own_size.ts";
import type { Sampling } from "./pipeline/sampling.ts";
import { checkSize } from "./pipeline/sizes.ts";
import { AND, batches, type PictureRequest, pictureRequests } from "./prompts/requests.ts";
import { createSampler, samplerGrows } from "./samplers/mod.ts";
import { controlCount } from "./techniques/control/flags.ts";
import { pullsOf } from "./techniques/guidance/flags.ts";
import { firstSettings, highresOf } from "./techniques/highres.ts";

/** What of the model decides over what can be drawn. */
export interface ModelFacts {
  readonly size: PictureSize;
  readonly multiple: number;
  readonly sampling: Sampling;
}

/** Every batch of the run with its pictures. Throws UserError for what cannot be drawn. */
export function planBatches(
  config: GenImgConfig,
  prompts: readonly string[],
  sources: Sources,
  facts: ModelFacts,
  warn: (text: string) => void = () => {},
): Batch[] {
  const asked = [...pictureRequests(config, prompts, askedSize(config, facts), warn)];
  return batchesOf(config, asked, sources, facts, warn);
}

/** The command line's size, of which a prompt may want another. */
export function askedSize({ W, H }: Pick<GenImgConfig, "W" | "H">, { size }: ModelFacts): PictureSize {
  return { width: W ?? size.width, height: H ?? size.height };
}

/** The batches of these pictures. Throws UserError for what cannot be drawn. */
export function batchesOf(
  config: GenImgConfig,
  pictures: readonly PictureRequest[],
  { images, names, masks, regions, guides }: Sources,
  model: ModelFacts,
  warn: (text: string) => void,
): Batch[] {
  const { multiple } = model;
  const of = (list: readonly Pixels[], { index }: PictureRequest) => list[index % list.length];
  const highres = highresOf(config);
  if (config.useOriginalFileName && !images) {
    throw new UsageError(
      "--use_original_file_name names pictures after those of --image_path; give it, or leave it away",
    );
  }
  const requests = pictures.map((asked) => {
    const regionParts = regions && partsOf(config, asked);
    const original = config.useOriginalFileName && names
      ? `${names[asked.index % names.length]}.${config.imageFormat}`
      : null;
    const request = {
      ...asked,
      fileName: asked.fileName ?? original,
      settings: { ...asked.settings, regionParts },
    };
    if (!images || highres) return request;
    const { width, height } = of(images, request); // a picture decides its size itself
    return { ...request, settings: { ...request.settings, width, height } };
  });
  for (const request of requests) check(config, request, model);
  tellStrengths(config, requests, warn);
  const guidesOf = guides && guidesFor(config, guides);
  if (guidesOf && controlCount(config) > 0) tellScaled(requests, guidesOf, warn);
  return [...batches(requests, config.batchSize)].map((batch) => {
    checkSize(batch[0].settings, multiple, batch.length);
    return {
      requests: batch,
      images: images && batch.map((request) => of(images, request)),
      masks: masks && batch.map((request) => of(masks, request)),
      guides: guidesOf && batch.map((request) => guidesOf(request).map(({ image }) => image)),
    };
  });
}

/** The guides of a picture: one for all networks, or one for each, in turn. Throws UsageError where they do not go round. */
function guidesFor(
  config: GenImgConfig,
  guides: readonly Guide[],
): (request: PictureRequest) => readonly Guide[] {
  const count = Math.max(1, controlCount(config));
  if (guides.length === 1) return () => guides;
  if (guides.length % count !== 0) {
    throw new UsageError(
      `--guide_image_path has ${guides.length} pictures for ${count} networks; give one for all, or as many for each picture`,
    );
  }
  const sets = guides.length / count;
  return ({ index }) => guides.slice(index % sets * count, (index % sets + 1) * count);
}

/** Says once of each prompt that it has strengths for networks that are not there. */
function tellStrengths(
  config: GenImgConfig,
  requests: readonly PictureRequest[],
  warn: (text: string) => void,
): void {
  const there = liveNetworks(config), told = new Set<string>();
  for (const { rawPrompt, settings: { networkMultipliers } } of requests) {
    const given = networkMultipliers?.length ?? 0;
    if (given <= there || told.has(rawPrompt)) continue;
    told.add(rawPrompt);
    warn(
      `prompt "${rawPrompt}": --am has ${
        counted(given, "strength")
      } for ${there} --network_weights that are not ` +
        "merged; the rest does nothing",
    );
  }
}

/** Says once of each guide that it is scaled. */
function tellScaled(
  requests: readonly PictureRequest[],
  guidesOf: (request: PictureRequest) => readonly Guide[],
  warn: (text: string) => void,
): void {
  const told = new Set<string>();
  for (const request of requests) {
    const { width, height } = request.settings;
    for (const { path, image } of guidesOf(request)) {
      if (told.has(path) || (image.width === width && image.height === height)) continue;
      told.add(path);
      warn(
        `${path}: is scaled from ${image.width}x${image.height} to ${width}x${height}, the picture's size`,
      );
    }
  }
}

function check(
  config: GenImgConfig,
  request: PictureRequest,
  { multiple, sampling }: ModelFacts,
): void {
  const { fileName, settings } = request, highres = highresOf(config);
  if (settings.regionParts === null && request.words.includes(AND)) {
    throw new UsageError(
      `prompt "${request.prompt}": AND joins a prompt for each region; give networks (--network_weights) and --mask_path`,
    );
  }
  if (pullsOf(config).length > 0) checkPulled(settings, sampling);
  if (fileName !== null) chosenName(fileName);
  for (const pass of highres ? [settings, firstSettings(settings, highres)] : [settings]) {
    checkSize(pass, multiple);
    createSampler(config.sampler, { ...sampling, steps: pass.steps });
  }
  if (settings.gradualLatent && !samplerGrows(config.sampler)) {
    throw new UsageError(`Gradual Latent is possible with --sampler euler_a, ${config.sampler} is given`);
  }
}

/** Throws UsageError for what cannot be drawn with guidance by CLIP or VGG16. */
function checkPulled({ gradualLatent, regionParts }: PictureRequest["settings"], sampling: Sampling): void {
  const other = gradualLatent
    ? "Gradual Latent"
    : regionParts !== null
    ? "regions (--mask_path)"
    : sampling.prediction === "v_prediction"
    ? "a model that predicts velocity"
    : null;
  if (other === null) return;
  throw new UsageError(`guidance by CLIP or VGG16 is not possible with ${other}; leave one away`);
}

/** The parts of a prompt with regions. Throws UsageError where there are fewer than networks. */
function partsOf(config: GenImgConfig, { prompt, words }: PictureRequest): number {
  const parts = words.split(AND).length, networks = liveNetworks(config);
  if (parts >= networks) return parts;
  throw new UsageError(
    `prompt "${prompt}" has ${
      counted(parts, "part")
    } for ${networks} networks with regions; join a prompt for each by AND`,
  );
}
