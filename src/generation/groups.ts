/** What gen_img takes, in the order of the help, and the type of what it is told. */

import type { ConfigOf } from "../options/mod.ts";
import { automationOptions, compatOptions, consoleOptions } from "../options/shared.ts";
import { deviceOptions } from "../runtime/options.ts";
import {
  genModelOptions,
  genNetworkOptions,
  genOutputOptions,
  genPrecisionOptions,
  imageToImageOptions,
  pictureOptions,
  promptOptions,
} from "./options.ts";
import {
  controlOptions,
  deepShrinkOptions,
  gradualLatentOptions,
  highresOptions,
  olderGenOptions,
} from "./pipeline/options.ts";

export const genImgGroups = [
  genModelOptions,
  promptOptions,
  pictureOptions,
  genNetworkOptions,
  imageToImageOptions,
  genOutputOptions,
  genPrecisionOptions,
  deviceOptions,
  compatOptions,
  consoleOptions,
  automationOptions,
  highresOptions,
  controlOptions,
  deepShrinkOptions,
  gradualLatentOptions,
  olderGenOptions,
] as const;

export type GenImgConfig = ConfigOf<typeof genImgGroups>;
