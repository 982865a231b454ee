/** easel tag_images_by_wd14_tagger: sd-scripts' finetune/tag_images_by_wd14_tagger.py. */

import { automationOptions, compatOptions } from "../../../options/shared.ts";
import { checkDevice } from "../../../runtime/check_device.ts";
import { deviceOptions } from "../../../runtime/options.ts";
import { taggerOptions } from "../../../tools/tagging/options.ts";
import { command } from "../../command.ts";
import { print } from "../../screen/output.ts";
import { oneLine } from "../../screen/screen.ts";

export const tagImagesByWd14Tagger = command({
  groups: [taggerOptions, deviceOptions, compatOptions, automationOptions],
  positionals: ["TRAIN_DATA_DIR"],
  completes: "folder",
  about:
    "Writes what a WD14 tagger sees beside each picture of TRAIN_DATA_DIR. The model's files model.onnx and " +
    "selected_tags.csv are fetched from the hub, or lie in MODEL_DIR/OWNER_NAME; ViT, SwinV2, ConvNeXt, EVA02 and " +
    "MOAT taggers run.",
  check: ({ values }) => checkDevice(values),
  async run({ values, positionals: [trainDataDir] }, context) {
    const { tagImages } = await import("../../../tools/tagging/tag_images.ts");
    const frequencies = await tagImages({ ...values, trainDataDir }, context);
    if (!values.frequencyTags) return;
    print("Tag frequencies:");
    for (const [tag, count] of frequencies) print(oneLine(`${tag}: ${count}`));
  },
});
