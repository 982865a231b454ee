/** canny: the edges of a picture as a picture, for training and drawing with a ControlNet. */

import type { JobContext } from "../../../base/job.ts";
import { canny as edges, grey } from "../../../images/canny.ts";
import { loadImage } from "../../../images/load.ts";
import { writePicture } from "../../../images/write.ts";

export interface CannyConfig {
  readonly input: string;
  readonly output: string;
  /** Thresholds of the slope, in any order. */
  readonly thres1: number;
  readonly thres2: number;
}

/** Throws UnreadableImage, and UserError when the disk refuses. */
export async function canny(
  { input, output, thres1, thres2 }: CannyConfig,
  context: JobContext,
): Promise<void> {
  const image = await loadImage(input), { width, height } = image;
  await writePicture(output, { width, height, data: edges(grey(image), width, height, thres1, thres2) });
  context.log(`wrote ${output}`);
}
