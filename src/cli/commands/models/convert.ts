/** easel convert: a model from one form to another, both seen from what they are. */

import { dirname } from "node:path";
import { hubName } from "../../../base/files/hub_name.ts";
import { checkpoint, modelParts, readableFolder, writableFolder } from "../../../options/paths.ts";
import { automationOptions, compatOptions } from "../../../options/shared.ts";
import { convertConfig, convertDiffusersConfig } from "../../../tools/models/convert_jobs.ts";
import { convertDiffusersOptions, convertOptions } from "../../../tools/models/options.ts";
import { command } from "../../command.ts";

export const convert = command({
  groups: [convertOptions, automationOptions],
  positionals: ["IN", "OUT"],
  completes: "model",
  about:
    "IN is a model in whatever form: one file, a Diffusers folder, or a U-Net with its parts beside it. OUT is a " +
    ".safetensors, .ckpt or .pt file, or a name without an ending for a Diffusers folder. Nothing is lost on the way but " +
    "what the form of OUT has no place for.",
  examples: [
    "easel convert builtin:tiny tiny_folder",
    "easel convert tiny_folder tiny.ckpt",
    "easel convert tiny.ckpt tiny16.safetensors --save_precision fp16",
  ],
  check({ values, positionals: [from, to] }) {
    convertConfig(values, from, to);
    checkpoint("IN", from);
    modelParts(values);
    writableFolder("OUT", dirname(to));
  },
  async run({ values, positionals: [from, to] }, context) {
    const { convertModel } = await import("../../../tools/models/convert.ts");
    await convertModel(convertConfig(values, from, to), context);
  },
});

/** easel convert_diffusers20_original_sd: sd-scripts' tools/convert_diffusers20_original_sd.py, for SDXL too. */
export const convertDiffusers = command({
  groups: [convertDiffusersOptions, compatOptions, automationOptions],
  positionals: ["MODEL_TO_LOAD", "MODEL_TO_SAVE"],
  completes: "model",
  about:
    "Between original checkpoints and Diffusers folders: MODEL_TO_SAVE with an ending is a checkpoint, without one a " +
    "folder. easel convert does the same and sees by itself what both are.",
  examples: [
    "easel convert_diffusers20_original_sd --v1 --use_safetensors builtin:tiny tiny_diffusers",
    "easel convert_diffusers20_original_sd --fp16 tiny_diffusers tiny_fp16.safetensors",
  ],
  check({ values, positionals: [from, to] }) {
    convertDiffusersConfig(values, from, to);
    checkpoint("MODEL_TO_LOAD", from);
    const { referenceModel } = values;
    if (referenceModel !== null && hubName(referenceModel) === null) {
      readableFolder("reference_model", referenceModel);
    }
    writableFolder("MODEL_TO_SAVE", dirname(to));
  },
  async run({ values, positionals: [from, to] }, context) {
    const { convertModel } = await import("../../../tools/models/convert.ts");
    const { referenceFolder } = await import("../../../tools/models/reference_folder.ts");
    const given = values.referenceModel, referenceModel = given && await referenceFolder(given, context);
    await convertModel(convertDiffusersConfig({ ...values, referenceModel }, from, to), context);
  },
});
