/** latent_upscaler: sd-scripts' tools/latent_upscaler.py, run by itself. */

import { job } from "../../../options/job.ts";
import { checkpoint, modelFile, writableFolder } from "../../../options/paths.ts";
import { automationOptions, compatOptions } from "../../../options/shared.ts";
import { checkDevice } from "../../../runtime/check_device.ts";
import { deviceOptions } from "../../../runtime/options.ts";
import { latentUpscalerOptions } from "../options.ts";

export const latentUpscalerJob = job({
  groups: [latentUpscalerOptions, deviceOptions, compatOptions, automationOptions],
  about:
    "Writes pictures at twice their size as NAME_upscaled: enlarged, encoded, made sharp by the upscaler, decoded. " +
    "Computes in float32.",
  examples: [
    "easel latent_upscaler --vae_path builtin:tiny --weights upscaler.safetensors " +
    '--image_pattern "images/1_thing/*.png" --output_dir large',
  ],
  check(values) {
    checkDevice(values);
    checkpoint("vae_path", values.vaePath);
    modelFile("weights", values.weights);
    writableFolder("output_dir", values.outputDir);
  },
  async run(values, context) {
    const { upscaleLatents } = await import("./latent_upscaler.ts");
    await upscaleLatents(values, context);
  },
});
