/** Goes through a folder's pictures in batches and writes a caption beside each. */

import { atomicWriteFile } from "../../base/files/atomic.ts";
import { removeLeftovers } from "../../base/files/leftovers.ts";
import type { JobContext } from "../../base/job.ts";
import { counted } from "../../base/phrases.ts";
import { loaderThreads, Pool, threadsFor } from "../../base/workers/pool.ts";
import { UnreadableImage } from "../../images/load.ts";
import { clipTask } from "../../images/tasks.ts";
import { type Device, openChosenDevice } from "../../runtime/mod.ts";
import { eachMade } from "../dataset/pace.ts";
import { picturesIn, refusePictureEnding } from "../dataset/pictures.ts";
import { sharedTexts, textBeside } from "../dataset/texts/text_beside.ts";
import type { Captioner } from "./captioner.ts";
import type { BlipConfig, GitConfig } from "./options.ts";

interface Captioning {
  readonly extension: string;
  readonly open: (device: Device) => Promise<Captioner>;
  /** What becomes of a caption before it is written. */
  readonly finish?: (caption: string) => string;
}

/**
 * Pictures that cannot be read are told and left out. Throws what `open` throws, and Interrupted between two batches; files
 * are written one by one and whole.
 */
export async function captionPictures(
  config: BlipConfig | GitConfig,
  { extension, open, finish = (caption) => caption }: Captioning,
  context: JobContext,
): Promise<void> {
  const { trainDataDir, recursive, batchSize, debug } = config, compat = config.compat !== null;
  refusePictureEnding(extension);
  const pictures = picturesIn(trainDataDir, { recursive, compat });
  context.log(`${trainDataDir}: ${counted(pictures.length, "picture")}`);
  const shared = sharedTexts(pictures, extension);
  if (shared !== null) context.warn(shared);
  for (const place of new Set(pictures.map((path) => path.replace(/[^/]*$/, "") || "."))) {
    removeLeftovers(place, (name) => name.endsWith(extension), context.log);
  }
  const device = openChosenDevice(config.device, config, context.log);
  let captioner: Captioner | null = null;
  try {
    const model = captioner = await open(device);
    let waiting: { path: string; picture: Float32Array }[] = [];
    const write = async () => {
      const batch = waiting;
      waiting = [];
      const captions = await model.caption(batch.map(({ picture }) => picture));
      batch.forEach(({ path }, i) => {
        const caption = finish(captions[i]);
        if (debug && caption !== captions[i]) context.log(`${path}: ${captions[i]}`);
        atomicWriteFile(textBeside(path, extension), `${caption}\n`);
        if (debug) context.log(`${path}: ${caption}`);
      });
    };
    const threads = loaderThreads(config.maxDataLoaderNWorkers, config.threads);
    using pool = new Pool(threadsFor(threads, pictures.length));
    const make = (path: string) => pool.run(clipTask, { path, options: { compat }, ...model.sees });
    await eachMade("captioning", pictures, context, pool, make, async (path, made, i) => {
      try {
        waiting.push({ path, picture: await made });
      } catch (error) {
        if (!(error instanceof UnreadableImage)) throw error;
        context.warn(`left out: ${error.message}`);
      }
      if (waiting.length === batchSize || (i === pictures.length - 1 && waiting.length > 0)) await write();
    });
  } finally {
    captioner?.close();
    device.close();
  }
}
