/** cache_latents and cache_text_encoder_outputs: sd-scripts' scripts of these names in tools/. */

import { UsageError } from "../../../base/errors.ts";
import { checkpoint, modelParts, readableFile, readableFolder } from "../../../options/paths.ts";
import { checkDevice } from "../../../runtime/check_device.ts";
import { type CacheConfig, cacheLatentsGroups, cacheTextGroups } from "./cache_options.ts";
import { checkResolution } from "../../../training/jobs/check.ts";
import { TRAINING_NEEDS } from "../../../training/options.ts";
import { job } from "../../../options/job.ts";
import { besideDatasetFile } from "../../../data/dataset/overridden.ts";

const SHARED = { required: TRAINING_NEEDS, idle: besideDatasetFile };
const NO_PARTS = { vae: null, textEncoder: null, clipL: null, clipG: null };
const example = (name: string, model: string, flags: string) =>
  `easel ${name} --pretrained_model_name_or_path ${model} --train_data_dir images --resolution 64 ` +
  `--caption_extension .txt ${flags}`;

export const cacheLatentsJob = job({
  ...SHARED,
  groups: cacheLatentsGroups,
  about:
    "Encodes the pictures of a training into .npz files beside them, where --cache_latents_to_disk finds them. Takes " +
    "that training's command line.",
  examples: [example("cache_latents", "builtin:tiny", "--cache_latents_to_disk")],
  check(values) {
    checkCommon(values);
    modelParts({ ...NO_PARTS, vae: values.vae });
    if (values.compat !== null && !values.cacheLatentsToDisk) {
      throw new UsageError("--cache_latents_to_disk is missing");
    }
  },
  async run(values, context) {
    const { cacheLatents } = await import("./cache_latents.ts");
    await cacheLatents(values, context);
  },
});

export const cacheTextJob = job({
  ...SHARED,
  groups: cacheTextGroups,
  about:
    "Encodes the captions of an SDXL training into *_te_outputs.npz files beside the pictures: as they are, without " +
    "shuffling or dropout. Takes that training's command line.",
  examples: [
    example("cache_text_encoder_outputs", "sdxl.safetensors", "--cache_text_encoder_outputs_to_disk"),
  ],
  check(values) {
    checkCommon(values);
    modelParts({ ...NO_PARTS, clipL: values.clipL, clipG: values.clipG });
    if (values.compat !== null && !values.cacheTextEncoderOutputsToDisk) {
      throw new UsageError("--cache_text_encoder_outputs_to_disk is missing");
    }
  },
  async run(values, context) {
    const { cacheText } = await import("./cache_text.ts");
    await cacheText(values, context);
  },
});

function checkCommon(values: CacheConfig): void {
  checkDevice(values);
  checkResolution(values);
  checkpoint("pretrained_model_name_or_path", values.pretrainedModelNameOrPath);
  readableFile("dataset_config", values.datasetConfig);
  if (values.datasetConfig !== null) return;
  readableFolder("train_data_dir", values.trainDataDir);
  readableFolder("reg_data_dir", values.regDataDir);
  readableFile("in_json", values.inJson);
}
