/** Which model a file holds: seen from its keys and shapes, never from its name. */

import { UserError } from "../base/errors.ts";
import type { Shapes } from "./weights.ts";

export type Family = "sd1" | "sd2" | "sdxl";

/** What users call the families. */
export const FAMILY_NAMES: Readonly<Record<Family, string>> = { sd1: "SD1", sd2: "SD2", sdxl: "SDXL" };

/** Places of the parts in an original checkpoint. */
export const UNET = "model.diffusion_model", VAE = "first_stage_model";

export interface TextEncoderPlace {
  readonly scope: string;
  readonly layout: "clip_l" | "open_clip";
}

export const TEXT_ENCODERS: Readonly<Record<Family, readonly TextEncoderPlace[]>> = {
  sd1: [{ scope: "cond_stage_model.transformer.text_model", layout: "clip_l" }],
  sd2: [{ scope: "cond_stage_model.model", layout: "open_clip" }],
  sdxl: [
    { scope: "conditioner.embedders.0.transformer.text_model", layout: "clip_l" },
    { scope: "conditioner.embedders.1.model", layout: "open_clip" },
  ],
};

/** SD2's model never used the 24th layer of its checkpoint's text encoder; newer files leave it away. */
export function usedLayers(family: Family, layers: number): number {
  return family === "sd2" && layers !== 23 ? layers - 1 : layers;
}

/** Attention heads of a U-Net at a width: 8 in SD1, 64 wide in SD2 and SDXL. */
export function unetHeads(family: Family): (channels: number) => number {
  return family === "sd1" ? () => 8 : (channels) => Math.max(1, channels / 64);
}

/** The family of a U-Net by its numbers: only SDXL's takes a vector, only SD1's projects by convolutions. */
export function unetFamily(unet: { vectorWidth: number; linearProjection: boolean }): Family {
  return unet.vectorWidth > 0 ? "sdxl" : unet.linearProjection ? "sd2" : "sd1";
}

/** What latents are multiplied with after encoding and divided by before decoding. */
export function latentScale(family: Family): number {
  return family === "sdxl" ? 0.13025 : 0.18215;
}

export type Identity =
  | { readonly kind: "checkpoint"; readonly family: Family }
  /** An autoencoder on its own. */
  | { readonly kind: "vae" }
  | { readonly kind: "lora" }
  /** Something else; `what` completes "this is ...". */
  | { readonly kind: "other"; readonly what: string };

const UNET_ALONE = "a U-Net on its own";

/** Files that people pass by mistake, by a key that only they have. */
const OTHERS: readonly (readonly [RegExp, string])[] = [
  [/^(model\.diffusion_model\.)?double_blocks\./, "a FLUX model"],
  [/^(model\.diffusion_model\.)?joint_blocks\./, "a Stable Diffusion 3 model"],
  [/^(control_model\.|controlnet_cond_embedding\.|input_hint_block\.)/, "a ControlNet"],
  [/^conditioner\.embedders\.0\.model\./, "an SDXL refiner"],
  [/^(down_blocks\.|conv_in\.weight$)/, UNET_ALONE],
  [/^(text_model\.|encoder\.block\.)/, "a text encoder on its own"],
  [/^(emb_params$|string_to_param|clip_l$|clip_g$)/, "a textual inversion embedding"],
  [/^nets\.|^network\.hypernetwork|\.linear1\.weight$/, "a hypernetwork"],
  [/^ip_adapter\.|^image_proj\./, "an IP-Adapter"],
];

/** What is said of a file that nothing is known of. */
export const NOTHING_KNOWN = "no Stable Diffusion file";

/** Looks at the keys (and, where two models share them, the shapes) of a file. Never throws. */
export function identify(shapes: Shapes): Identity {
  const any = (prefix: string) => {
    for (const key of shapes.keys()) if (key.startsWith(prefix)) return true;
    return false;
  };
  for (const key of shapes.keys()) {
    if (/\.(lora_down|lora_up|lora_A|lora_B|hada_w1_a|lokr_w1|oft_blocks)(\.weight)?$/.test(key)) {
      return { kind: "lora" };
    }
  }
  if (shapes.has(`${UNET}.input_blocks.0.0.weight`)) {
    if (any("conditioner.embedders.1.")) return { kind: "checkpoint", family: "sdxl" };
    if (any("cond_stage_model.model.")) return { kind: "checkpoint", family: "sd2" };
    if (any("cond_stage_model.transformer.")) return { kind: "checkpoint", family: "sd1" };
  }
  const alone = any("encoder.down") && any("decoder.up");
  if (alone || (any(`${VAE}.encoder.`) && !any(UNET))) return { kind: "vae" };
  for (const [pattern, what] of OTHERS) {
    for (const key of shapes.keys()) if (pattern.test(key)) return { kind: "other", what };
  }
  if (any(`${UNET}.`)) return { kind: "other", what: UNET_ALONE };
  return { kind: "other", what: NOTHING_KNOWN };
}

/** What an identity is called in an error. */
export function describe(identity: Identity): string {
  switch (identity.kind) {
    case "checkpoint":
      return `an ${FAMILY_NAMES[identity.family]} checkpoint`;
    case "vae":
      return "an autoencoder (VAE) on its own";
    case "lora":
      return "a LoRA";
    case "other":
      return identity.what;
  }
}

/** The family of a whole checkpoint. Throws UserError that says what the file is instead. */
export function checkpointFamily(shapes: Shapes, path: string): Family {
  const identity = identify(shapes);
  if (identity.kind === "checkpoint") return identity.family;
  const remedy = identity.kind === "other" && identity.what === UNET_ALONE
    ? ", or its text encoder with --text_encoder (SDXL: --clip_l and --clip_g) and its VAE with --vae"
    : "";
  throw new UserError(
    `${path}: is ${
      describe(identity)
    }; give a whole SD1, SD2 or SDXL checkpoint (U-Net, text encoder, VAE)${remedy}`,
  );
}

/** Throws UserError when flags say otherwise than the file. Prediction by v cannot be seen in a file. */
export function checkFlags(
  family: Family,
  flags: { v2?: boolean; sdxl?: boolean },
  path: string,
): void {
  const said = flags.sdxl ? "sdxl" : flags.v2 ? "sd2" : undefined;
  if (said && said !== family) {
    throw new UserError(
      `${path}: is ${describe({ kind: "checkpoint", family })}, the flags ask for ${
        FAMILY_NAMES[said]
      }; leave ` +
        `${flags.sdxl ? "--sdxl" : "--v2"} away or choose another model`,
    );
  }
}
