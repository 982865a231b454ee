/** easel resize_images_to_resolution: sd-scripts' tools/resize_images_to_resolution.py. */

import { UsageError } from "../../../base/errors.ts";
import { isSameFile } from "../../../base/files/links.ts";
import { readableFolder, writableFolder } from "../../../options/paths.ts";
import { automationOptions, compatOptions } from "../../../options/shared.ts";
import { resizeImagesOptions } from "../../../tools/dataset/options.ts";
import { type MaxResolution, parseResolutions } from "../../../tools/dataset/pictures/resolutions.ts";
import { command } from "../../command.ts";

export const resizeImagesToResolution = command({
  groups: [resizeImagesOptions, compatOptions, automationOptions],
  positionals: ["SOURCE_FOLDER", "TARGET_FOLDER"],
  completes: "folder",
  about:
    "Writes every picture of SOURCE_FOLDER into TARGET_FOLDER in each of the sizes, as NAME+SIZE, without " +
    "enlarging it; other files are copied.",
  examples: [
    "easel resize_images_to_resolution images/1_thing small --max_resolution 64x64,32x32 --save_as_png",
  ],
  check({ values, positionals: [source, target] }) {
    resolutions(values.maxResolution);
    readableFolder("SOURCE_FOLDER", source);
    writableFolder("TARGET_FOLDER", target);
    if (isSameFile(source, target)) {
      throw new UsageError(
        `${target}: is SOURCE_FOLDER too, whose pictures are never changed; give another folder`,
      );
    }
  },
  async run({ values, positionals: [source, target] }, context) {
    const { resizeImages } = await import("../../../tools/dataset/pictures/resize_images.ts");
    await resizeImages(
      { ...values, source, target, maxResolutions: resolutions(values.maxResolution) },
      context,
    );
  },
});

function resolutions(text: string): readonly MaxResolution[] {
  const sizes = parseResolutions(text);
  if (sizes) return sizes;
  throw new UsageError(`--max_resolution ${text}: sizes are written as 512x512,384x384`);
}
