/** `easel tag_images_by_wd14_tagger`: writes the tags that a model sees in pictures beside them. */

import { join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { atomicWriteFile } from "../../base/files/atomic.ts";
import { isFile, isFolder } from "../../base/files/exists.ts";
import { removeLeftovers } from "../../base/files/leftovers.ts";
import type { JobContext } from "../../base/job.ts";
import { counted } from "../../base/phrases.ts";
import { loaderThreads, Pool, threadsFor } from "../../base/workers/pool.ts";
import { UnreadableImage } from "../../images/load.ts";
import { OnnxNetwork } from "../../models/onnx/mod.ts";
import { openChosenDevice } from "../../runtime/mod.ts";
import { eachMade } from "../dataset/pace.ts";
import { picturesIn, refusePictureEnding } from "../dataset/pictures.ts";
import { captionText } from "../dataset/texts/metadata_file.ts";
import { sharedTexts, textBeside } from "../dataset/texts/text_beside.ts";
import { splitTags, TagChooser } from "./choose_tags.ts";
import type { TaggerConfig } from "./options.ts";
import { tagTask } from "./prepare.ts";
import { readTagNames } from "./tag_names.ts";

/** How often each tag was given, the most frequent first. */
export type Frequencies = readonly (readonly [tag: string, count: number])[];

/**
 * Pictures that cannot be read are told and left out. Throws UserError for a model that is not there or cannot be run, and
 * Interrupted between two batches; files are written one by one and whole.
 */
export async function tagImages(config: TaggerConfig, context: JobContext): Promise<Frequencies> {
  const { trainDataDir, recursive } = config, compat = config.compat !== null;
  const extension = config.captionExtention ?? config.captionExtension;
  refusePictureEnding(extension);
  const folder = await modelFolder(config, context);
  const names = readTagNames(join(folder, "selected_tags.csv"), config, context.log);
  const chooser = new TagChooser(names, config);
  const pictures = picturesIn(trainDataDir, { recursive, compat });
  context.log(`${trainDataDir}: ${counted(pictures.length, "picture")}`);
  const shared = sharedTexts(pictures, extension);
  if (shared !== null) context.warn(shared);
  for (const place of new Set(pictures.map((path) => path.replace(/[^/]*$/, "") || "."))) {
    removeLeftovers(place, (name) => name.endsWith(extension), context.log);
  }
  const device = openChosenDevice(config.device, config, context.log);
  const network = OnnxNetwork.open(join(folder, "model.onnx"), device);
  try {
    const { batch, side } = sizes(network, config, folder, context);
    const tagger = new Batches(network, { batch, side, chooser, config, extension, context });
    const threads = loaderThreads(config.maxDataLoaderNWorkers, config.threads);
    using pool = new Pool(threadsFor(threads, pictures.length));
    const make = (path: string) => pool.run(tagTask, { path, options: { side, compat } });
    await eachMade("tagging", pictures, context, pool, make, async (path, made, i) => {
      try {
        tagger.add(path, await made);
      } catch (error) {
        if (!(error instanceof UnreadableImage)) throw error;
        context.warn(`left out: ${error.message}`);
      }
      if (tagger.full || i === pictures.length - 1) await tagger.run();
    });
  } finally {
    network.close();
    device.close();
  }
  return [...chooser.frequency].sort((a, b) => b[1] - a[1]);
}

const FILES = ["model.onnx", "selected_tags.csv"];

/** The model's own folder; where there is none, or it is to be fetched again, that of the hub's cache. */
async function modelFolder(
  { modelDir, repoId, forceDownload }: TaggerConfig,
  context: JobContext,
): Promise<string> {
  const folder = join(modelDir, repoId.replaceAll("/", "_"));
  if (!isFolder(folder) || forceDownload) return await fetched(repoId, folder, context);
  for (const file of FILES) {
    if (isFile(join(folder, file))) continue;
    throw new UserError(
      `${join(folder, file)}: is missing; put the files ${
        FILES.join(" and ")
      } of ${repoId} there, or remove the ` +
        "folder so that they are fetched (--model_dir, --repo_id)",
    );
  }
  return folder;
}

/** `repoId`: owner/name, or owner/name/branch. */
async function fetched(repoId: string, folder: string, context: JobContext): Promise<string> {
  const [owner, name, revision = "main", ...more] = repoId.split("/");
  if (!owner || !name || more.length > 0) {
    throw new UserError(
      `${folder}: there is no such folder, and ${repoId} is no owner/name on the hub; for the folder DIR/NAME give --model_dir DIR --repo_id NAME`,
    );
  }
  const { fetchModel, hubSettings } = await import("../../hub/mod.ts");
  const repo = `${owner}/${name}`;
  return await fetchModel({ repo, file: null, revision }, hubSettings(), context, (paths) => {
    const lacking = FILES.filter((file) => !paths.includes(file));
    if (lacking.length === 0) return { files: FILES, model: null };
    throw new UserError(
      `${repo}: has no ${lacking.join(" and no ")} on the hub; give a WD14 tagger in ONNX form`,
    );
  });
}

/** Pictures at once and pixels of a side: the model's own where it has them fixed. */
function sizes(
  { inputShape: [batch, height, width, channels] }: OnnxNetwork,
  { batchSize }: TaggerConfig,
  folder: string,
  { warn }: Pick<JobContext, "warn">,
): { batch: number; side: number } {
  if (channels !== 3 || height !== width || typeof height !== "number") {
    throw new UserError(
      `${folder}/model.onnx: takes [${
        [batch, height, width, channels].join(", ")
      }]; a tagger takes squares of three colours`,
    );
  }
  if (typeof batch === "number" && batch !== batchSize) {
    warn(`the model takes ${counted(batch, "picture")} at once, so --batch_size ${batchSize} is not used`);
  }
  return { batch: typeof batch === "number" ? batch : batchSize, side: height };
}

interface Tagging {
  readonly batch: number;
  readonly side: number;
  readonly chooser: TagChooser;
  readonly config: TaggerConfig;
  readonly extension: string;
  readonly context: JobContext;
}

class Batches {
  #waiting: { path: string; picture: Float32Array }[] = [];

  constructor(private readonly network: OnnxNetwork, private readonly tagging: Tagging) {}

  get full(): boolean {
    return this.#waiting.length >= this.tagging.batch;
  }

  add(path: string, picture: Float32Array): void {
    this.#waiting.push({ path, picture });
  }

  /** Tags what waits; the model's batch is filled up with nothing. */
  async run(): Promise<void> {
    const { side, chooser } = this.tagging, waiting = this.#waiting.splice(0);
    if (waiting.length === 0) return;
    const batch = this.#batchFor(waiting.length), size = side * side * 3;
    const values = new Float32Array(batch * size);
    waiting.forEach(({ picture }, i) => values.set(picture, i * size));
    const { data, shape } = await this.network.run(values, [batch, side, side, 3]);
    const width = data.length / shape[0];
    waiting.forEach(({ path }, i) =>
      this.#write(path, chooser.choose(data.subarray(i * width, (i + 1) * width)))
    );
  }

  #batchFor(count: number): number {
    const { batch, config } = this.tagging, fixed = typeof this.network.inputShape[0] === "number";
    if (!fixed) return count;
    if (count < batch && config.compat !== null) {
      throw new UserError(
        `the model takes ${
          counted(batch, "picture")
        } at once, ${count} are left; with --compat ${config.compat} they are not tagged`,
      );
    }
    return batch;
  }

  #write(path: string, { all, rating, general, character }: ReturnType<TagChooser["choose"]>): void {
    const { config: { captionSeparator, appendTags, debug, compat }, extension, context } = this.tagging;
    const file = textBeside(path, extension);
    let tags = all;
    if (appendTags && isFile(file)) {
      const text = captionText(file, "leave --append_tags out", compat !== null).replace(/^\n+|\n+$/g, "");
      const before = splitTags(text, captionSeparator);
      tags = [...before, ...all.filter((tag) => !before.includes(tag))];
    }
    atomicWriteFile(file, `${tags.join(captionSeparator)}\n`);
    if (!debug) return;
    context.log(`${path}:`);
    for (
      const [what, list] of [["Rating", [rating]], ["Character", character], ["General", general]] as const
    ) {
      context.log(`  ${what} tags: ${list.join(captionSeparator)}`);
    }
  }
}
