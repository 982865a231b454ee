/** Whether a model is whole: what is there against what models of these numbers consist of. */

import { UserError } from "../base/errors.ts";
import { clipConfig, clipLShapes, openClipShapes } from "./clip/mod.ts";
import { type Family, UNET, VAE } from "./families/mod.ts";
import { below, under } from "./keys/mod.ts";
import { type Sources, widen } from "./layouts/mod.ts";
import { unetConfig, unetShapes } from "./unet/mod.ts";
import { vaeConfig, vaeShapes } from "./vae/mod.ts";
import type { Shapes } from "./weights.ts";

const INPAINTING = "an inpainting model";

/** U-Nets that take more than latents, by their input channels. */
const OTHER_INPUTS: Readonly<Record<number, string>> = {
  5: "a depth model",
  8: "an editing model (InstructPix2Pix) or an upscaler",
  9: INPAINTING,
};

/** The U-Net's layer that sees its input. */
const FIRST_LAYER = `${UNET}.input_blocks.0.0.weight`;

/** Latents, a mask, and the latents of what is kept. */
export function inpaintingChannels({ latent: { channels } }: Family): number {
  return 2 * channels + 1;
}

/** Whether a model's U-Net takes a mask and what is kept beside the latents. */
export function isInpainting(shapes: Shapes, family: Family): boolean {
  return shapes.get(FIRST_LAYER)?.[1] === inpaintingChannels(family);
}

/** Gives a U-Net of `family` the input channels of an inpainting model. */
export function makeInpainting(sources: Sources, family: Family): void {
  widen(sources, FIRST_LAYER, family.latent.channels, inpaintingChannels(family));
}

/**
 * Throws UserError for missing and misshaped tensors, and for unknown ones of a text encoder or of a strict family's
 * U-Net. Returns the keys of other families that belong to nothing, which sd-scripts ignores.
 */
export function checkWhole(
  shapes: Shapes,
  family: Family,
  path: string,
  vaePath: string,
  { inpainting = false }: { inpainting?: boolean } = {},
): string[] {
  const { channels } = family.latent, unet = unetConfig(below(shapes, `${UNET}.`));
  if (!unet) throw new UserError(`${path}: its U-Net is incomplete; the file is damaged, get it again`);
  if (unet.inChannels !== channels && !(inpainting && unet.inChannels === inpaintingChannels(family))) {
    const kind = OTHER_INPUTS[unet.inChannels] ?? "a model of another kind";
    throw new UserError(
      `${path}: is ${kind}, its U-Net takes ${unet.inChannels} channels and not ${channels}; ` +
        (kind === INPAINTING
          ? "easel draws with such models (gen_img) and trains them with --train_inpainting; this command takes none yet"
          : "such models are not supported yet"),
    );
  }
  const unknown = compare(below(shapes, `${UNET}.`), unetShapes(unet), UNET, path);
  unknown.push(...checkVae(shapes, vaePath));
  if (family.strict) refuse(unknown, path);
  let context = 0;
  for (const { scope, layout } of family.textEncoders) {
    const found = below(shapes, `${scope}.`);
    const config = clipConfig(found);
    if (!config) throw new UserError(`${path}: its text encoder (${scope}.*) is incomplete or missing`);
    refuse(
      compare(found, layout === "clip_l" ? clipLShapes(config) : openClipShapes(config), scope, path),
      path,
    );
    if (family.text.pooled && layout === "open_clip" && config.projection === 0) {
      throw new UserError(
        `${path}: ${scope}.text_projection is missing; the file is incomplete, get it again`,
      );
    }
    context += config.width;
  }
  if (context !== unet.contextWidth) {
    throw new UserError(
      `${path}: its text encoder gives ${context} values a token, its U-Net takes ${unet.contextWidth}; ` +
        `the file mixes two models`,
    );
  }
  return unknown;
}

/** The same for the autoencoder alone. */
export function checkVae(shapes: Shapes, path: string): string[] {
  const vae = vaeConfig(below(shapes, `${VAE}.`));
  if (!vae) throw new UserError(`${path}: has no autoencoder (${VAE}.*); give one with --vae`);
  return compare(below(shapes, `${VAE}.`), vaeShapes(vae), VAE, path);
}

/** The keys that are found and not expected. */
function compare(found: Shapes, expected: Shapes, scope: string, path: string): string[] {
  for (const [key, shape] of under(`${scope}.`, expected)) {
    const there = found.get(key.slice(scope.length + 1));
    if (!there) throw new UserError(`${path}: ${key} is missing; the file is incomplete, get it again`);
    if (there.join() !== shape.join()) {
      throw new UserError(`${path}: ${key} is [${there.join(", ")}], this model takes [${shape.join(", ")}]`);
    }
  }
  return [...found.keys()].filter((key) => !expected.has(key)).map((key) => `${scope}.${key}`);
}

function refuse([unknown]: readonly string[], path: string): void {
  if (unknown === undefined) return;
  throw new UserError(`${path}: ${unknown} is no tensor of this model; use a file without it`);
}
