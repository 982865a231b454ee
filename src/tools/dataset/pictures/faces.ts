/** detect_face_rotate: each face of the pictures upright, cut out and resized, with its place in the name. */

import { basename, join } from "node:path";
import { atomicWriteFile } from "../../../base/files/atomic.ts";
import { removeLeftovers } from "../../../base/files/leftovers.ts";
import type { JobContext } from "../../../base/job.ts";
import { counted } from "../../../base/phrases.ts";
import { Pool, threadsFor } from "../../../base/workers/pool.ts";
import { UnreadableImage } from "../../../images/load.ts";
import { decodeTask } from "../../../images/tasks.ts";
import { openChosenDevice } from "../../../runtime/mod.ts";
import { eachMade } from "../pace.ts";
import { picturesIn } from "../pictures.ts";
import { type CutConfig, type CutFaces, cutTask } from "./cut_task.ts";
import { readDetections } from "./detections.ts";
import { FaceDetector } from "./detector.ts";

export interface FacesConfig extends CutConfig {
  readonly srcDir: string;
  readonly dstDir: string;
  /** What a detector found in the pictures; null where `detector` finds it. */
  readonly detections: string | null;
  /** An ONNX model. */
  readonly detector: string | null;
  readonly detectorScore: number;
  readonly device: string;
  readonly threads: number;
  readonly vramBudget: number | null;
  readonly noVendorLibs: boolean;
}

/** Throws UserError when a folder, the detections or the disk refuse. */
export async function cutFaces(config: FacesConfig, context: JobContext): Promise<void> {
  const { detections, detector } = config;
  if (detections !== null) {
    const found = readDetections(detections);
    return await cutAll(config, context, async (path, pool) => {
      const faces = found.get(basename(path)) ?? [];
      return faces.length > 0 ? await pool.run(cutTask, { image: path, path, faces, config }) : null;
    }, (_, made) => Promise.resolve(made));
  }
  const device = openChosenDevice(config.device, config, context.log), compat = config.compat !== null;
  try {
    const network = FaceDetector.open(detector!, device, config.detectorScore);
    try {
      await cutAll(
        config,
        context,
        (path, pool) => pool.run(decodeTask, { path, options: { compat } }),
        async (path, image, pool) => {
          const faces = await network.find(image, config.rotate);
          return faces.length > 0 ? await pool.run(cutTask, { image, path, faces, config }) : null;
        },
      );
    } finally {
      network.close();
    }
  } finally {
    device.close();
  }
}

/** `make` is asked ahead, `cut` when it is a picture's turn. */
async function cutAll<Made>(
  config: FacesConfig,
  context: JobContext,
  make: (path: string, pool: Pool) => Promise<Made>,
  cut: (path: string, made: Made, pool: Pool) => Promise<CutFaces | null>,
): Promise<void> {
  const { srcDir, dstDir, compat, threads } = config;
  const pictures = picturesIn(srcDir).filter((path) =>
    compat === null || /(^|\/)[^./][^/]*\.(png|jpg|webp)$/.test(path)
  );
  Deno.mkdirSync(dstDir, { recursive: true });
  removeLeftovers(dstDir, (name) => name.endsWith(".png"), context.log);
  const owners = new Map<string, string>();
  let written = 0, without = 0;
  using pool = new Pool(threadsFor(threads, pictures.length));
  const ahead = (path: string) => make(path, pool);
  await eachMade("cutting faces", pictures, context, pool, ahead, async (path, made) => {
    try {
      const found = await cut(path, await made, pool);
      if (found === null) return void without++;
      found.warnings.forEach((line) => context.warn(line));
      for (const { name, bytes } of found.faces) {
        const owner = owners.get(name);
        if (owner !== undefined && compat === null) {
          context.warn(
            `${owner} and ${path} would share ${join(dstDir, name)}; the second is left out, rename it`,
          );
          continue;
        }
        owners.set(name, path);
        atomicWriteFile(join(dstDir, name), bytes);
        written++;
      }
    } catch (error) {
      if (!(error instanceof UnreadableImage) || compat !== null) throw error;
      context.warn(`${error.message}; it is left out`);
    }
  });
  context.log(`${dstDir}: ${counted(written, "face")}; ${counted(without, "picture")} without any`);
}
