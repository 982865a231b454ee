/** --highres_fix_upscaler and its arguments: a file, or sd-scripts' module tools.latent_upscaler with its weights. */

import { UsageError } from "../../base/errors.ts";
import { refuseUnknownKeys, splitKeyValues } from "../../options/key_values.ts";
import { modelFile } from "../../options/paths.ts";
import { exclusive, needs } from "../../options/rules.ts";
import type { GenImgConfig } from "../groups.ts";

type Flags = Pick<
  GenImgConfig,
  "highresFixUpscaler" | "highresFixUpscalerArgs" | "highresFixScale" | "highresFixLatentsUpscaling"
>;

/** As a module is named, or its file. */
const LATENT_UPSCALER = /^(tools[./\\])?latent_upscaler(\.py)?$/;
/** Python's names of modules; files have an ending of their own. */
const MODULE = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/;

/** The file that enlarges what the first pass drew, or null. Throws UsageError for what is no file. */
export function upscalerFile(flags: Flags): string | null {
  const { highresFixUpscaler: given, highresFixUpscalerArgs: args } = flags;
  if (given === null) return null;
  const values = splitKeyValues("--highres_fix_upscaler_args", args === null ? null : args.split(";"));
  const isModule = LATENT_UPSCALER.test(given);
  refuseUnknownKeys(
    "--highres_fix_upscaler_args",
    `--highres_fix_upscaler ${given}`,
    Object.keys(values),
    isModule ? ["weights"] : [],
  );
  if (!isModule) return given;
  if (values.weights !== undefined) return values.weights;
  throw new UsageError(
    `--highres_fix_upscaler ${given}: its weights are wanted; give --highres_fix_upscaler_args weights=FILE`,
  );
}

/** Throws UsageError, UserError for a file that is not there. */
export function checkUpscaler(flags: Flags): void {
  const given = flags.highresFixUpscaler !== null;
  needs("highres_fix_upscaler", given, "highres_fix_scale", flags.highresFixScale !== null);
  needs(
    "highres_fix_upscaler_args",
    flags.highresFixUpscalerArgs !== null,
    "highres_fix_upscaler",
    given,
  );
  exclusive(
    "highres_fix_upscaler",
    given,
    "highres_fix_latents_upscaling",
    flags.highresFixLatentsUpscaling,
  );
  const file = upscalerFile(flags);
  if (file === null) return;
  if (file === flags.highresFixUpscaler && MODULE.test(file) && !/\.(pth|pt|ckpt|safetensors)$/i.test(file)) {
    throw new UsageError(
      `--highres_fix_upscaler ${file}: of Python's modules only tools.latent_upscaler is known; ` +
        "give a .pth or .safetensors file of an upscaler",
    );
  }
  modelFile("highres_fix_upscaler", file);
}
