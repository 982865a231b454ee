/** Which model a file holds: seen from its keys and shapes, never from its name. */

import { UserError } from "../../base/errors.ts";
import { listed } from "../../base/phrases.ts";
import type { Shapes } from "../weights.ts";
import { type Family, UNET, VAE } from "./family.ts";
import { FAMILIES } from "./table.ts";

export type Identity =
  | { readonly kind: "checkpoint"; readonly family: Family }
  /** An autoencoder on its own. */
  | { readonly kind: "vae" }
  | { readonly kind: "lora" }
  /** Something else; `what` completes "this is ...". */
  | { readonly kind: "other"; readonly what: string };

const UNET_ALONE = "a U-Net on its own";

/** Tensors of LoRA and its relatives. */
const NETWORK =
  /\.(lora_(down|up|A|B)|lora\.(down|up)|hada_w1_a|lokr_w[12](_a)?|oft_blocks|on_input|a1|diff|w_norm)(\.default)?(\.weight)?$/;

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
    if (NETWORK.test(key)) {
      return { kind: "lora" };
    }
  }
  const family = FAMILIES.find((f) => f.holds(any));
  if (family) return { kind: "checkpoint", family };
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
      return `an ${identity.family.label} checkpoint`;
    case "vae":
      return "an autoencoder (VAE) on its own";
    case "lora":
      return "a LoRA";
    case "other":
      return identity.what;
  }
}

export const LABELS = FAMILIES.map(({ label }) => label).sort();

/** The family of a whole checkpoint. Throws UserError that says what the file is instead. */
export function checkpointFamily(shapes: Shapes, path: string): Family {
  const identity = identify(shapes);
  if (identity.kind === "checkpoint") return identity.family;
  const remedy = identity.kind === "other" && identity.what === UNET_ALONE
    ? ", or its text encoder with --text_encoder (SDXL: --clip_l and --clip_g) and its VAE with --vae"
    : "";
  throw new UserError(
    `${path}: is ${describe(identity)}; give a whole ${
      listed(LABELS, "or")
    } checkpoint (U-Net, text encoder, VAE)${remedy}`,
  );
}

/**
 * Throws UserError when flags say otherwise than the file: `flags` are those by which a model's family is told (v1, v2,
 * sdxl); with `command` its name says them, and a text of it says what to do. Prediction by v cannot be seen in a file.
 */
export function checkFlags(
  family: Family,
  flags: Readonly<Record<string, boolean>>,
  path: string,
  { command = false }: { command?: boolean | string } = {},
): void {
  const said = FAMILIES.find(({ flag }) => flags[flag]);
  if (!said || said.name === family.name) return;
  const what = describe({ kind: "checkpoint", family });
  const [wish, remedy] = command
    ? ["this command is", command === true ? `take the one without ${said.flag}_` : command]
    : ["the flags ask", `leave --${said.flag} away`];
  throw new UserError(`${path}: is ${what}, ${wish} for ${said.label}; ${remedy} or choose another model`);
}
