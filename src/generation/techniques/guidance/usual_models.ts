/** The models that look at pictures where none is named: sd-scripts', fetched from the hub when they are wanted. */

import { hubName } from "../../../base/files/hub_name.ts";
import type { JobContext } from "../../../base/job.ts";

export const CLIP_VISION_MODEL = "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k";

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
