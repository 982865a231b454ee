/** easel demo. */

import { job } from "../options/job.ts";
import { automationOptions } from "../options/shared.ts";
import { group, own, pathTo, str } from "../options/mod.ts";
import { writableFolder } from "../options/paths.ts";
import { checkDevice } from "../runtime/check_device.ts";
import { deviceOptions } from "../runtime/options.ts";

const demoOptions = group("Output", {
  output_dir: pathTo(
    "folder",
    own(str("out/demo", "folder for before.png, after.png, grid.png, the LoRA file and the single pictures")),
  ),
});

export const demoJob = job({
  groups: [demoOptions, deviceOptions, automationOptions],
  examples: ["easel demo"],
  about: "Takes a few minutes on two cores. The model and the pictures come with easel.",
  check: checkDevice,
  async run(config, context) {
    writableFolder("output_dir", config.outputDir);
    const { runDemo } = await import("./demo.ts");
    await runDemo(config, context);
  },
});
