/** easel gen_img: pictures from prompts, files named and written as sd-scripts' gen_img.py does. */

import { basename, join } from "node:path";
import { isTaken } from "../base/files/exists.ts";
import { removeLeftovers } from "../base/files/leftovers.ts";
import { Interrupted } from "../base/errors.ts";
import type { JobContext } from "../base/job.ts";
import type { GenImgConfig } from "./groups.ts";
import { type Batch, drawBatch, type Drawn, type DrawOptions } from "./pipeline/draw.ts";
import { FileNames } from "./pictures/file_names.ts";
import { readSources, type Sources } from "./pictures/sources.ts";
import { loadDrawingModel, type Loaded, openCheckpoint, standardSize } from "./pipeline/load_model.ts";
import { type LoraPath, loraPaths } from "./prompts/lora_files.ts";
import type { UsedNetwork } from "./pipeline/networks.ts";
import { isInpainting } from "../models/mod.ts";
import { Pipeline } from "./pipeline/pipeline.ts";
import { type Bands, bandsOf, BOUNDED } from "./pipeline/bands.ts";
import { type Sampling, samplingOf } from "./pipeline/sampling.ts";
import { pictureTexts } from "./pictures/picture_text.ts";
import { toBytes } from "./pictures/pixels.ts";
import { uncommonNoiseOf } from "./pipeline/uncommon_noise.ts";
import { modelName, type ResourceHashes, resourceHashes } from "./pictures/resource_hashes.ts";
import { writePicture } from "../images/write.ts";
import { readPrompts } from "./prompts/prompter.ts";
import type { PictureRequest } from "./prompts/requests.ts";
import type { TextConditioner } from "./prompts/text_conditioner.ts";
import { planBatches } from "./plan.ts";
import { drawTwice, firstSettings, type Highres, highresOf } from "./techniques/highres.ts";
import { upscalerFile } from "./techniques/upscaler_flag.ts";
import { openUpscaler, type Upscaler } from "./techniques/upscalers.ts";

/** Draws every picture that is asked for. Throws UserError for what cannot be drawn, Interrupted between two steps. */
export async function genImg(config: GenImgConfig, context: JobContext): Promise<void> {
  const prompts = await readPrompts(config);
  const sources = await readSources(config, context.warn);
  const { planned, sampling, loaded } = await prepare(config, prompts, sources, context);
  const ended = new AbortController();
  try {
    Deno.mkdirSync(config.outdir, { recursive: true });
    removeLeftovers(config.outdir, (name) => /\.(png|jpe?g|webp)$/i.test(name), context.log);
    const hashes = resourceHashes(config, AbortSignal.any([context.signal, ended.signal]), context.warn);
    await drawAll(config, context, loaded, planned, sampling, hashes);
  } finally {
    ended.abort();
    loaded.close();
  }
}

/** Checks everything that is asked for before the first weight is read. */
async function prepare(
  config: GenImgConfig,
  prompts: readonly string[],
  sources: Sources,
  context: JobContext,
): Promise<{ planned: readonly Batch[]; sampling: Sampling; loaded: Loaded }> {
  const file = openCheckpoint(config), sampling = samplingOf(config, file.marks);
  let planned: readonly Batch[], loras: readonly LoraPath[];
  try {
    planned = planBatches(
      config,
      prompts,
      sources,
      {
        ...{ size: standardSize(config, file), multiple: file.family.size.multiple, sampling },
        inpainting: isInpainting(file.shapes, file.family),
      },
      context.warn,
    );
    loras = loraPaths(config, planned.flatMap(({ requests }) => requests[0].settings.loras));
  } catch (error) {
    file.close();
    throw error;
  }
  const loaded = await loadDrawingModel(config, file, loras, sources.regions, context);
  try {
    for (const { requests } of planned) loaded.networks.used(requests[0].settings);
  } catch (error) {
    loaded.close();
    throw error;
  }
  return { planned, sampling, loaded };
}

async function drawAll(
  config: GenImgConfig,
  context: JobContext,
  { model, networks, controls, seen, device }: Loaded,
  planned: readonly Batch[],
  sampling: Sampling,
  hashes: Promise<ResourceHashes>,
): Promise<void> {
  const pipeline = new Pipeline(model, bandsFor(config));
  const names = new FileNames((name) => isTaken(join(config.outdir, name)));
  try {
    const conditioner = await pipeline.conditioner({
      clipSkip: config.clipSkip,
      normalization: config.embNormalizeMode,
      maxChunks: config.maxEmbeddingsMultiples ?? 1,
      knowsBreak: true,
      padWithEos: false,
    }, context.warn);
    const highres = highresOf(config), upscalerPath = upscalerFile(config);
    const upscaler = upscalerPath === null ? null : openUpscaler(upscalerPath, pipeline);
    const total = planned.reduce((sum, batch) => sum + batch.requests[0].settings.steps, 0);
    const pictures = planned.reduce((sum, batch) => sum + batch.requests.length, 0);
    context.emit({ event: "plan", task: "drawing", steps: total, pictures });
    let before = 0, note: string | undefined;
    for (const batch of planned) {
      if (context.signal.aborted) throw new Interrupted("interrupted while drawing");
      const { settings } = batch.requests[0], { steps } = settings;
      const options: DrawOptions = {
        sampler: config.sampler,
        sampling,
        networks: networks.inputs(settings),
        controls,
        seen,
        uncommon: uncommonNoiseOf(config),
        vaeBatch: vaeBatch(config, batch.requests.length),
        signal: context.signal,
        observe: ({ done, total: evaluations }) => {
          const step = before + Math.floor(done / evaluations * steps);
          context.progress({ task: "drawing", step, total, memory: device.peakBytes, note });
        },
      };
      const passes = await drawPasses(pipeline, conditioner, batch, options, highres, upscaler);
      before += steps;
      for (const { drawn, mark, requests } of passes) {
        const paths = await save(config, { ...batch, requests }, drawn, {
          names,
          mark,
          sized: model.family.sizes !== null,
          networks: networks.used(settings),
          hashes: await hashes,
          warn: context.warn,
        });
        for (const [i, path] of paths.entries()) {
          note = basename(path);
          context.log(`wrote ${path}`);
          const { prompt, seed } = requests[i], { width, height } = drawn;
          context.emit({ event: "sample", path, prompt, seed, width, height });
        }
      }
      context.progress({ task: "drawing", step: before, total, memory: device.peakBytes, note });
    }
  } finally {
    pipeline.destroy();
  }
}

/** What is drawn of a batch that is saved: one set of pictures, or also that of the first pass. `mark` goes into names. */
interface Pass {
  readonly drawn: Drawn;
  readonly mark: string;
  readonly requests: readonly PictureRequest[];
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
  const last = { drawn: second, mark: "1", requests };
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
  { names, mark, sized, networks, hashes, warn }: {
    names: FileNames;
    mark: string;
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
      strength: batch.images ? request.settings.strength : null,
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
