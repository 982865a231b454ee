/** easel gen_img: pictures from prompts, files named and written as sd-scripts' gen_img.py does. */

import { basename, join } from "node:path";
import { isTaken } from "../base/files/exists.ts";
import { removeLeftovers } from "../base/files/leftovers.ts";
import { Interrupted } from "../base/errors.ts";
import type { JobContext } from "../base/job.ts";
import type { GenImgConfig } from "./groups.ts";
import { type Batch, drawBatch, type Drawn, type DrawOptions } from "./pipeline/draw.ts";
import { FileNames } from "./pictures/file_names.ts";
import { readSources, repeated, type Sources } from "./pictures/sources.ts";
import { loadDrawingModel, type Loaded, openCheckpoint, standardSize } from "./pipeline/load_model.ts";
import { type LoraPath, loraPaths } from "./prompts/lora_files.ts";
import type { UsedNetwork } from "./pipeline/networks.ts";
import { isInpainting, type ModelFile } from "../models/mod.ts";
import type { Pixels } from "../images/pixels.ts";
import { wantsGuide } from "./techniques/guidance/flags.ts";
import type { LoraTag } from "../text/mod.ts";
import { Pipeline } from "./pipeline/pipeline.ts";
import { type Bands, bandsOf, BOUNDED } from "./pipeline/parts/bands.ts";
import { type Sampling, samplingOf } from "./pipeline/sampling.ts";
import { type FirstPass, pictureTexts } from "./pictures/picture_text.ts";
import { toBytes } from "./pictures/pixels.ts";
import { uncommonNoiseOf } from "./pipeline/uncommon_noise.ts";
import { modelName, type ResourceHashes, resourceHashes } from "./pictures/resource_hashes.ts";
import { writePicture } from "../images/write.ts";
import { picturePrompts, readPrompts, saysPrompts } from "./prompts/prompter.ts";
import type { PictureRequest } from "./prompts/requests.ts";
import type { TextConditioner } from "./prompts/text_conditioner.ts";
import { type ModelFacts, planBatches } from "./plan.ts";
import { drawTwice, firstSettings, type Highres, highresOf } from "./techniques/highres.ts";
import { upscalerFile } from "./techniques/upscaler_flag.ts";
import { openUpscaler, type Upscaler } from "./techniques/upscalers.ts";

/** Draws every picture that is asked for. Throws UserError for what cannot be drawn, Interrupted between two steps. */
export async function genImg(config: GenImgConfig, context: JobContext): Promise<void> {
  const said = saysPrompts(config) || config.imagePath === null ? await readPrompts(config) : null;
  const read = await readSources(config, context.warn);
  const prompts = said ?? picturePrompts(read.paths!);
  const sources = said ? read : repeated(read, config.imagesPerPrompt);
  const file = openCheckpoint(config), facts = drawableOf(config, file);
  let planned: readonly Batch[], loras: readonly LoraPath[];
  try {
    planned = planBatches(config, prompts, sources, facts, context.warn);
    loras = loraPaths(config, lorasOf(planned));
  } catch (error) {
    file.close();
    throw error;
  }
  const drawing = await Drawing.open(config, file, loras, { sources, context });
  try {
    drawing.check(planned);
    prepareOutput(config, context);
    await drawing.draw(planned, context.signal);
  } finally {
    drawing.close();
  }
}

/** What of an opened checkpoint decides what can be drawn. */
export function drawableOf(config: GenImgConfig, file: ModelFile): ModelFacts {
  const { multiple } = file.family.size;
  return {
    ...{ size: standardSize(config, file), multiple, sampling: samplingOf(config, file.marks) },
    inpainting: isInpainting(file.shapes, file.family),
  };
}

/** What prompts name as <lora:NAME:0.8>. */
export function lorasOf(planned: readonly Batch[]): LoraTag[] {
  return planned.flatMap(({ requests }) => requests[0].settings.loras);
}

export function prepareOutput({ outdir }: GenImgConfig, { log }: JobContext): void {
  Deno.mkdirSync(outdir, { recursive: true });
  removeLeftovers(outdir, (name) => /\.(png|jpe?g|webp)$/i.test(name), log);
}

/** Names for pictures, of which those that the folder has already are taken. */
export function namesIn({ outdir }: GenImgConfig): FileNames {
  return new FileNames((name) => isTaken(join(outdir, name)));
}

/** A model on its device that draws batches and saves their pictures. */
export class Drawing {
  readonly #ended = new AbortController();
  readonly #hashes: Promise<ResourceHashes>;
  /** The first picture of the batch before: what guidance goes by where no picture is given. */
  #previous: Pixels | null = null;

  private constructor(
    private readonly config: GenImgConfig,
    private readonly context: JobContext,
    private readonly sampling: Sampling,
    private readonly loaded: Loaded,
    private readonly pipeline: Pipeline,
    private readonly conditioner: TextConditioner,
    private readonly names: FileNames,
    private readonly upscaler: Upscaler | null,
  ) {
    const signal = AbortSignal.any([context.signal, this.#ended.signal]);
    this.#hashes = resourceHashes(config, signal, context.warn);
  }

  /** Closes the checkpoint, at the end or when this fails. `names`: those that pictures have got already. */
  static async open(
    config: GenImgConfig,
    file: ModelFile,
    loras: readonly LoraPath[],
    { sources, context, names = namesIn(config) }: {
      sources: Sources;
      context: JobContext;
      names?: FileNames;
    },
  ): Promise<Drawing> {
    const sampling = samplingOf(config, file.marks);
    const loaded = await loadDrawingModel(config, file, loras, sources.regions, context);
    const pipeline = new Pipeline(loaded.model, bandsFor(config));
    try {
      const conditioner = await pipeline.conditioner({
        clipSkip: config.clipSkip,
        normalization: config.embNormalizeMode,
        maxChunks: config.maxEmbeddingsMultiples ?? 1,
        knowsBreak: true,
        padWithEos: false,
      }, context.warn);
      const path = upscalerFile(config), upscaler = path === null ? null : openUpscaler(path, pipeline);
      return new Drawing(config, context, sampling, loaded, pipeline, conditioner, names, upscaler);
    } catch (error) {
      pipeline.destroy();
      loaded.close();
      throw error;
    }
  }

  /** Throws UserError where networks cannot be as a prompt wants them. */
  check(planned: readonly Batch[]): void {
    for (const { requests } of planned) this.loaded.networks.used(requests[0].settings);
  }

  async draw(planned: readonly Batch[], signal: AbortSignal): Promise<void> {
    const { config, context, sampling, pipeline, conditioner, names, upscaler } = this;
    const { model, networks, controls, seen, pulls, device } = this.loaded, highres = highresOf(config);
    const total = planned.reduce((sum, batch) => sum + batch.requests[0].settings.steps, 0);
    const pictures = planned.reduce((sum, batch) => sum + batch.requests.length, 0);
    context.emit({ event: "plan", task: "drawing", steps: total, pictures });
    let before = 0, note: string | undefined;
    for (const batch of planned) {
      if (signal.aborted) throw new Interrupted("interrupted while drawing");
      const { settings } = batch.requests[0], { steps } = settings;
      const options: DrawOptions = {
        sampler: config.sampler,
        sampling,
        networks: networks.inputs(settings),
        controls,
        seen,
        pulls,
        uncommon: uncommonNoiseOf(config),
        vaeBatch: vaeBatch(config, batch.requests.length),
        signal,
        observe: ({ done, total: evaluations }) => {
          const step = before + Math.floor(done / evaluations * steps);
          context.progress({ task: "drawing", step, total, memory: device.peakBytes, note });
        },
      };
      const began = performance.now();
      const passes = await drawPasses(pipeline, conditioner, this.#guided(batch), options, highres, upscaler);
      this.#previous = firstPicture(passes.at(-1)!.drawn);
      before += steps;
      const seconds = Math.round(performance.now() - began) / 1000 / batch.requests.length;
      for (const { drawn, mark, requests, firstPass } of passes) {
        const paths = await save(config, { ...batch, requests }, drawn, {
          names,
          mark,
          firstPass,
          sized: model.family.sizes !== null,
          networks: networks.used(settings),
          hashes: await this.#hashes,
          warn: context.warn,
        });
        for (const [i, path] of paths.entries()) {
          note = basename(path);
          context.log(`wrote ${path}`);
          const { prompt, seed } = requests[i], { width, height } = drawn;
          context.emit({ event: "sample", path, prompt, seed, width, height, seconds });
        }
      }
      context.progress({ task: "drawing", step: before, total, memory: device.peakBytes, note });
    }
  }

  #guided(batch: Batch): Batch {
    const { config } = this, previous = this.#previous;
    if (batch.guides || !previous || !wantsGuide(config)) return batch;
    return { ...batch, guides: batch.requests.map(() => [previous]) };
  }

  close(): void {
    this.#ended.abort();
    this.pipeline.destroy();
    this.loaded.close();
  }
}

function firstPicture({ images: [image], width, height }: Drawn): Pixels {
  return { width, height, channels: 3, data: toBytes(image) };
}

/** What is drawn of a batch that is saved: one set of pictures, or also that of the first pass. `mark` goes into names. */
interface Pass {
  readonly drawn: Drawn;
  readonly mark: string;
  readonly requests: readonly PictureRequest[];
  readonly firstPass?: FirstPass;
}

async function drawPasses(
  pipeline: Pipeline,
  conditioner: TextConditioner,
  batch: Batch,
  options: DrawOptions,
  highres: Highres | null,
  upscaler: Upscaler | null,
): Promise<Pass[]> {
  const { requests } = batch;
  if (!highres) {
    return [{ drawn: await drawBatch(pipeline, conditioner, batch, options), mark: "", requests }];
  }
  const { first, second } = await drawTwice(pipeline, conditioner, batch, options, highres, upscaler);
  const small = requests.map((request) => ({
    ...request,
    fileName: null,
    settings: firstSettings(request.settings, highres),
  }));
  const { width, height } = first, name = upscaler?.name ?? (highres.latents ? "Latent" : "Lanczos");
  const firstPass = { width, height, steps: highres.steps, upscaler: name };
  const last = { drawn: second, mark: "1", requests, firstPass };
  return highres.keepFirst ? [{ drawn: first, mark: "0", requests: small }, last] : [last];
}

/** In what parts pictures go through the autoencoder. */
function bandsFor({ vaeTiling, vaeSlices }: GenImgConfig): Bands | null {
  if (vaeTiling) return BOUNDED;
  return vaeSlices !== null && vaeSlices > 1 ? bandsOf(vaeSlices) : null;
}

function vaeBatch({ vaeBatchSize }: GenImgConfig, batch: number): number {
  if (vaeBatchSize === null) return 1;
  return Math.max(1, Math.floor(vaeBatchSize >= 1 ? vaeBatchSize : batch * vaeBatchSize));
}

/** Writes a batch's pictures and gives their paths. */
async function save(
  config: GenImgConfig,
  batch: Batch,
  { images, width, height }: Drawn,
  { names, mark, firstPass, sized, networks, hashes, warn }: {
    names: FileNames;
    mark: string;
    firstPass?: FirstPass;
    sized: boolean;
    networks: readonly UsedNetwork[];
    hashes: ResourceHashes;
    warn: (text: string) => void;
  },
): Promise<string[]> {
  const time = new Date(), paths: string[] = [];
  const { sequentialFileName: sequential, imageFormat: format, imageQuality: quality } = config;
  for (const [place, request] of batch.requests.entries()) {
    const texts = pictureTexts({
      request,
      width,
      height,
      sampler: config.sampler,
      sigmas: config.sigmas,
      modelName: modelName(config.ckpt),
      hashes,
      clipSkip: config.clipSkip ?? 1,
      sized,
      networks,
      strength: batch.images || firstPass ? request.settings.strength : null,
      firstPass,
    });
    const values = images[place];
    if (!values.every(Number.isFinite)) {
      warn(
        `the picture for seed ${request.seed} holds values that are no numbers; try --no_half_vae or --bf16`,
      );
    }
    const path = join(config.outdir, names.next({ ...request, place, mark }, { sequential, format, time }));
    const picture = { width, height, data: toBytes(values) };
    await writePicture(path, picture, { jpeg: quality, webp: quality }, texts);
    paths.push(path);
  }
  return paths;
}
