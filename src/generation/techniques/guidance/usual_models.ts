/** The models that look at pictures where none is named: sd-scripts', fetched from the hub when they are wanted. */

import { hubName } from "../../../base/files/hub_name.ts";
import type { JobContext } from "../../../base/job.ts";

export const CLIP_VISION_MODEL = "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k";
export const CLIP_GUIDANCE_MODEL = "laion/CLIP-ViT-B-32-laion2B-s34B-b79K";
/** torchvision's weights of ImageNet. */
export const VGG16_MODEL = "timm/vgg16.tv_in1k";

/** A model that a flag names, which is a path by now, or the usual one. */
export async function givenOrUsual(
  given: string | null,
  usual: string,
  context: JobContext,
): Promise<string> {
  const name = given === null ? hubName(usual) : null;
  if (name === null) return given ?? usual;
  const { fetchModel, hubSettings } = await import("../../../hub/mod.ts");
  return await fetchModel(name, hubSettings(), context);
}
