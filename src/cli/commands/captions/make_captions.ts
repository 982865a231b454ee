/** easel make_captions and make_captions_by_git: sd-scripts' scripts of the same names in finetune/. */

import { modelInFolder } from "../../../options/paths.ts";
import { automationOptions, compatOptions } from "../../../options/shared.ts";
import { checkDevice } from "../../../runtime/check_device.ts";
import { deviceOptions } from "../../../runtime/options.ts";
import { checkBlip } from "../../../tools/captions/check_blip.ts";
import { blipOptions, gitOptions } from "../../../tools/captions/options.ts";
import { command } from "../../command.ts";

export const makeCaptions = command({
  groups: [blipOptions, deviceOptions, compatOptions, automationOptions],
  positionals: ["TRAIN_DATA_DIR"],
  completes: "folder",
  about:
    "Writes what a BLIP model says of each picture of TRAIN_DATA_DIR beside it: model_large_caption.pth, the same as " +
    "safetensors, or a model in transformers' layout. Captions are sampled with --seed, or searched for with --beam_search.",
  check({ values }) {
    checkBlip(values);
    modelInFolder("caption_weights", values.captionWeights);
    checkDevice(values);
  },
  async run({ values, positionals: [trainDataDir] }, context) {
    const { captionByBlip } = await import("../../../tools/captions/make_captions.ts");
    await captionByBlip({ ...values, trainDataDir }, context);
  },
});

export const makeCaptionsByGit = command({
  groups: [gitOptions, deviceOptions, compatOptions, automationOptions],
  positionals: ["TRAIN_DATA_DIR"],
  completes: "folder",
  about: "Writes what a GIT model says of each picture of TRAIN_DATA_DIR beside it.",
  check({ values }) {
    modelInFolder("model_id", values.modelId);
    checkDevice(values);
  },
  async run({ values, positionals: [trainDataDir] }, context) {
    const { captionByGit } = await import("../../../tools/captions/make_captions.ts");
    await captionByGit({ ...values, trainDataDir }, context);
  },
});
