/** Whole command lines of gen_img.py: every pipeline call of the reference is one run of ours, compared step by step. */

import { dirname, join } from "node:path";
import { GEN_IMG_DEFAULTS } from "../../../generation/defaults.ts";
import { readSources } from "../../../../src/generation/pictures/sources.ts";
import { planBatches } from "../../../../src/generation/plan.ts";
import { drawBatch, type Drawn, type DrawOptions } from "../../../../src/generation/pipeline/draw.ts";
import { readEmbeddings } from "../../../../src/generation/prompts/embeddings.ts";
import { synthTensor } from "../../synth.ts";
import { attachNetworks, openNetworks } from "../../../../src/generation/pipeline/networks.ts";
import { regionsFrom } from "../../../../src/generation/pipeline/load_model.ts";
import { referenceSize } from "../../../../src/generation/pipeline/own_size.ts";
import { samplingOf } from "../../../../src/generation/pipeline/sampling.ts";
import { loraPaths } from "../../../../src/generation/prompts/lora_files.ts";
import { Controls } from "../../../../src/generation/techniques/control/controls.ts";
import { openControls } from "../../../../src/generation/techniques/control/opened.ts";
import {
  clipForVision,
  PictureEmbedder,
} from "../../../../src/generation/techniques/guidance/seen_pictures.ts";
import { drawTwice, highresOf } from "../../../../src/generation/techniques/highres.ts";
import { quietContext } from "../../../../src/base/job.ts";
import { joined } from "../../../../src/base/joined.ts";
import type { SafetensorsFile } from "../../../../src/formats/safetensors.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { close, sample, within } from "../../compare.ts";
import { genArgs, openStudio, pictureChecks, Recorder, runChecks } from "../../drawing.ts";
import { toChannelsFirst } from "../../layout.ts";
import { caseModel } from "../../synth_models.ts";
import { writeFiles } from "./files.ts";
import { writeVision } from "./vision.ts";

export async function calls(c: GoldenCase): Promise<Check[]> {
  const { json } = c, folder = Deno.makeTempDirSync();
  const args = (json.args as string[]).map((arg) => arg.replace("<dir>", folder));
  const config = { ...GEN_IMG_DEFAULTS, ...genArgs(args), ...writeVision(folder, json.notes ?? []) },
    synthetic = caseModel(json),
    { family } = synthetic;
  writeFiles(folder, json.files, synthetic);
  const studio = openStudio(json), { model } = studio.pipeline;
  let seen: PictureEmbedder | null = null;
  try {
    const sources = await readSources(config, () => {});
    const sampling = samplingOf(config);
    const planned = planBatches(config, json.prompts, sources, {
      size: referenceSize(family),
      multiple: family.size.multiple,
      sampling,
    });
    const opened = openNetworks(config, loraPaths(config, []), synthetic, () => {});
    const networks = await attachNetworks(
      opened,
      model.store,
      model.load!,
      synthetic.shapes,
      "f32",
      sources.regions && { regions: regionsFrom(config, sources.regions), family },
    );
    const opening = { ...synthetic, read: (key: string) => synthTensor(key, synthetic.shapes.get(key)!) };
    const controlled = openControls(config, opening);
    const controls = controlled && await Controls.load(controlled, model.store, "f32");
    const embeddings = await readEmbeddings(config, synthetic);
    embeddings.upload(model.store, "f32", (key) => synthTensor(key, synthetic.shapes.get(key)!));
    const { words, blockWords, shapes } = embeddings;
    studio.change({ adapter: networks.adapter, words, blockWords, shapes });
    const conditioner = await studio.pipeline.conditioner({
      clipSkip: config.clipSkip,
      normalization: config.embNormalizeMode,
      maxChunks: config.maxEmbeddingsMultiples ?? 1,
      knowsBreak: true,
      padWithEos: false,
    });
    const clip = await clipForVision(config, synthetic, quietContext());
    seen = clip && new PictureEmbedder(clip, model.store.device, "f32", config.clipVisionStrength!);
    const recorders: Recorder[] = [], drawn: Drawn[] = [], highres = highresOf(config);
    for (const batch of planned) {
      const options: DrawOptions = {
        sampler: config.sampler,
        ...{ sampling, controls, seen },
        networks: networks.inputs(batch.requests[0].settings),
        signal: new AbortController().signal,
        inspect(start) {
          recorders.push(new Recorder());
          recorders.at(-1)!.inspect(start);
        },
        observe: (step) => recorders.at(-1)!.observe(step),
        drawn: (noise) => recorders.at(-1)?.drawn(noise),
      };
      if (highres) {
        const { first, second } = await drawTwice(studio.pipeline, conditioner, batch, options, highres);
        drawn.push(first, second);
      } else drawn.push(await drawBatch(studio.pipeline, conditioner, batch, options));
    }
    const checks = [within("calls", [drawn.length], [json.calls.length], 0)];
    for (const [i, { latents, images }] of drawn.entries()) {
      checks.push(...callChecks(part(c, drawn.length > 1 ? `c${i}.` : "", i), recorders[i], latents, images));
    }
    const pictures = drawn.filter((_, i) => !highres || highres.keepFirst || i % 2 === 1)
      .flatMap(({ images }) => images);
    for (const [i, { stored_as }] of json.output_files.entries()) {
      if (stored_as) {
        checks.push(...await pictureChecks({ ...c, path: join(dirname(c.path), stored_as) }, pictures[i]));
      }
    }
    return checks;
  } finally {
    seen?.close();
    studio.close();
    Deno.removeSync(folder, { recursive: true });
  }
}

/** The case as if one call were all of it. */
function part(c: GoldenCase, prefix: string, i: number): GoldenCase {
  const file = c.tensors(), call = c.json.calls[i];
  const tensors = {
    keys: () => file.keys().filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length)),
    has: (key: string) => file.has(prefix + key),
    info: (key: string) => file.info(prefix + key),
    f32: (key: string) => file.f32(prefix + key),
  } as SafetensorsFile;
  return {
    ...c,
    json: { tolerance: c.json.tolerance, timesteps_run: call.timesteps },
    tensors: () => tensors,
  };
}

function callChecks(c: GoldenCase, recorder: Recorder, final: Float32Array, images: Float32Array[]): Check[] {
  const tensors = c.tensors(),
    limit = c.json.tolerance.latents_rel_l2,
    { guidance, original } = recorder.start!;
  const checks = runChecks(c, recorder, final);
  const { negative, positive, empty } = guidance;
  const contexts = [...negative ?? [], ...positive, ...empty?.conditioning ?? []].map(({ context }) =>
    context
  );
  const compare = (key: string, values: Float32Array) => {
    if (tensors.has(key)) checks.push(close(key, values, tensors.f32(key)));
    const name = `${key}_sample`;
    if (!tensors.has(name)) return;
    const [count] = tensors.info(name).shape;
    checks.push(close(name, sample(values, count), tensors.f32(name), limit));
  };
  compare("unet_context", joined(Float32Array, contexts));
  const { negativeVectors, positiveVectors } = guidance;
  if (positiveVectors) {
    compare("unet_vector", joined(Float32Array, [...negativeVectors ?? [], ...positiveVectors]));
  }
  if (original) {
    const planar = (key: string, values: Float32Array) => {
      if (!tensors.has(key)) return;
      const shape = tensors.info(key).shape, four = shape.length === 3 ? [1, ...shape] : shape;
      // of pictures that are all the same the reference encodes one
      const elements = four.reduce((a, b) => a * b);
      checks.push(close(key, toChannelsFirst(values.slice(0, elements), four), tensors.f32(key), limit));
    };
    planar("init_latents", original.latents);
    planar("img2img_noise", original.noise);
  }
  if (images.length) {
    compare("decoded", joined(Float32Array, images.map((x) => toChannelsFirst(x, [1, 3, x.length / 3, 1]))));
  }
  return checks;
}
