/** The tools that make pictures and caches ready: one file of ../prepare for each. */

import type { Check, GoldenCase, Runner } from "../case.ts";
import { checkBuckets } from "../prepare/buckets.ts";
import { checkLatents, checkText } from "../prepare/caches.ts";
import { checkCanny } from "../prepare/canny.ts";
import { checkDebugDataset } from "../prepare/debug_dataset.ts";
import { checkFaces } from "../prepare/faces.ts";
import { checkResize } from "../prepare/resize.ts";
import { checkUpscaler } from "../prepare/upscaler.ts";

const RUNNERS: Readonly<Record<string, (c: GoldenCase) => Check[] | Promise<Check[]>>> = {
  "finetune/prepare_buckets_latents.py": checkBuckets,
  "library/train_util.py": checkDebugDataset,
  "tools/cache_latents.py": checkLatents,
  "tools/cache_text_encoder_outputs.py": checkText,
  "tools/canny.py": checkCanny,
  "tools/detect_face_rotate.py": checkFaces,
  "tools/latent_upscaler.py": checkUpscaler,
  "tools/resize_images_to_resolution.py": checkResize,
};

export function match(c: GoldenCase): Runner | string | null {
  if (c.topic !== "prepare") return null;
  const reference = String(c.json.reference).split(" ")[0], run = RUNNERS[reference];
  return run ? () => Promise.resolve(run(c)) : `${reference} is not supported yet`;
}
