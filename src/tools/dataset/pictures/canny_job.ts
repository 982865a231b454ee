/** canny: sd-scripts' tools/canny.py. */

import { dirname } from "node:path";
import { UsageError } from "../../../base/errors.ts";
import { isSameFile } from "../../../base/files/links.ts";
import { checkPictureName } from "../../../images/write.ts";
import { readableFile, writableFolder } from "../../../options/paths.ts";
import { automationOptions } from "../../../options/shared.ts";
import { cannyOptions } from "../options.ts";
import { job } from "../../../options/job.ts";

export const cannyJob = job({
  groups: [cannyOptions, automationOptions],
  about: "Finds edges as OpenCV does: the input of a Canny ControlNet.",
  examples: ["easel canny --input images/1_thing/0.png --output edges.png"],
  check({ input, output }) {
    readableFile("input", input);
    checkPictureName("--output", output);
    writableFolder("output", dirname(output));
    if (isSameFile(input, output)) {
      throw new UsageError(`--output ${output}: is the picture itself; give another name`);
    }
  },
  async run(values, context) {
    const { canny } = await import("./canny.ts");
    await canny(values, context);
  },
});
