/** What the flags say of guidance by CLIP and VGG16, as gen_img_diffusers.py has it. */

import { UsageError } from "../../../base/errors.ts";
import { VGG_LAYERS } from "../../../models/guides/vgg_layers.ts";
import type { GenImgConfig } from "../../groups.ts";
import { controlCount, type ControlFlags } from "../control/flags.ts";

export type GuidanceFlags = Pick<
  GenImgConfig,
  | "clipGuidanceScale"
  | "clipImageGuidanceScale"
  | "vgg16GuidanceScale"
  | "vgg16GuidanceLayer"
  | "clipGuidanceModel"
  | "vgg16GuidanceModel"
>;

/** What pulls at the pictures of a run, in the order in which it does. */
export function pullsOf(flags: GuidanceFlags): { kind: "text" | "picture" | "vgg16"; scale: number }[] {
  const all = [
    { kind: "text", scale: flags.clipGuidanceScale },
    { kind: "picture", scale: flags.clipImageGuidanceScale },
    { kind: "vgg16", scale: flags.vgg16GuidanceScale },
  ] as const;
  return all.filter(({ scale }) => scale > 0);
}

/** Whether a picture to be like is wanted. */
export function wantsGuide(flags: GuidanceFlags): boolean {
  return pullsOf(flags).some(({ kind }) => kind !== "text");
}

/** Throws UsageError for flags that do not go together. */
export function checkGuidance(
  flags: GuidanceFlags & ControlFlags & Pick<GenImgConfig, "XTIEmbeddings" | "guideImagePath">,
): void {
  const kinds = pullsOf(flags).map(({ kind }) => kind), clip = kinds.some((kind) => kind !== "vgg16");
  if (wantsGuide(flags) && controlCount(flags) > 0) {
    throw new UsageError(
      "--guide_image_path is either for ControlNets or for guidance by CLIP and VGG16; leave one away",
    );
  }
  if (flags.guideImagePath?.length && controlCount(flags) === 0 && !wantsGuide(flags)) {
    throw new UsageError(
      "--guide_image_path needs --control_net_models, --control_net_lllite_models, --clip_image_guidance_scale or " +
        "--vgg16_guidance_scale",
    );
  }
  if (kinds.length > 0 && flags.XTIEmbeddings?.length) {
    throw new UsageError("--XTI_embeddings and guidance by CLIP or VGG16 exclude each other; give one");
  }
  if (flags.vgg16GuidanceLayer < 0 || flags.vgg16GuidanceLayer >= VGG_LAYERS.length) {
    throw new UsageError(
      `--vgg16_guidance_layer ${flags.vgg16GuidanceLayer}: the layers are 0 to ${VGG_LAYERS.length - 1}`,
    );
  }
  if (flags.clipGuidanceModel !== null && !clip) {
    throw new UsageError(
      "--clip_guidance_model needs --clip_guidance_scale or --clip_image_guidance_scale above 0",
    );
  }
  if (flags.vgg16GuidanceModel !== null && !kinds.includes("vgg16")) {
    throw new UsageError("--vgg16_guidance_model needs --vgg16_guidance_scale above 0");
  }
}
