/** easel demo. */

import { checkDevice, parseBytes, writableFolder } from "../front/checks.ts";
import { command } from "../command.ts";
import { family, own, pathTo, str } from "../flag.ts";
import { deviceFlags } from "../flags/device.ts";
import { automationFlags } from "../flags/logging.ts";

const demoFlags = family("Output", {
  output_dir: pathTo(
    "folder",
    own(str("out/demo", "folder for before.png, after.png, grid.png, the LoRA file and the single pictures")),
  ),
});

export const demo = command({
  families: [demoFlags, deviceFlags, automationFlags],
  examples: ["easel demo"],
  about: "Takes a few minutes on two cores. The model and the pictures come with easel.",
  check: ({ values }) => checkDevice(values),
  async run({ values }, context) {
    writableFolder("output_dir", values.outputDir);
    const { runDemo } = await import("../../demo/demo.ts");
    const { outputDir, device, threads, noVendorLibs } = values;
    const vramBudget = parseBytes("vram_budget", values.vramBudget);
    await runDemo({ outputDir, device, threads, vramBudget, noVendorLibs }, context);
  },
});
