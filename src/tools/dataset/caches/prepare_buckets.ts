/** prepare_buckets_latents: buckets and latents of a folder's pictures, noted in the metadata that fine_tune reads. */

import { basename, dirname, extname, join, relative } from "node:path";
import { UserError } from "../../../base/errors.ts";
import { isTaken } from "../../../base/files/exists.ts";
import { removeLeftovers } from "../../../base/files/leftovers.ts";
import type { JobContext } from "../../../base/job.ts";
import { HOW_TO_LIFT, limit } from "../../../base/limits.ts";
import { counted } from "../../../base/phrases.ts";
import { type BucketRules, Buckets, type Size } from "../../../data/batches/buckets.ts";
import { misfitOf } from "../../../data/batches/fill_buckets.ts";
import type { Fitted } from "../../../data/batches/prepare.ts";
import { encodeFitted } from "../../../data/cache/encode.ts";
import { latentFileMisfit, refuseForeignFile, writeLatentFile } from "../../../data/cache/latent_file.ts";
import { loaderThreads, Pool, threadsFor } from "../../../base/workers/pool.ts";
import { UnreadableImage } from "../../../images/load.ts";
import { JsonNumber } from "../../../text/python_json.ts";
import { type LatentMaker, type LatentMakerConfig, openLatentMaker } from "./latent_maker.ts";
import {
  described,
  type Metadata,
  readMetadata,
  refuseMetadataPlace,
  writeMetadata,
} from "../texts/metadata_file.ts";
import { eachMade } from "../pace.ts";
import { picturesIn, refuseSharedPlaces } from "../pictures.ts";
import { type Placed, placeTask } from "./place_task.ts";
import { stem } from "../texts/text_beside.ts";

export interface PrepareBucketsConfig extends LatentMakerConfig {
  readonly trainDataDir: string;
  readonly inJson: string;
  readonly outJson: string;
  readonly batchSize: number;
  /** Width and height. */
  readonly maxResolution: Size;
  readonly minBucketReso: number;
  readonly maxBucketReso: number;
  readonly bucketResoSteps: number;
  readonly bucketNoUpscale: boolean;
  /** Keys are paths, and not names without ending. */
  readonly fullPath: boolean;
  readonly recursive: boolean;
  /** Mirrored latents too. */
  readonly flipAug: boolean;
  /** Keep the alpha channel as a mask. */
  readonly alphaMask: boolean;
  /** Leave files that fit as they are. */
  readonly skipExisting: boolean;
  /** As sd-scripts' loader with workers, which ends at a damaged picture. */
  readonly endAtDamaged: boolean;
  readonly compat: string | null;
  /** Threads that read pictures; null: as many as compute. */
  readonly maxDataLoaderNWorkers: number | null;
}

interface Waiting {
  readonly fitted: Fitted;
  readonly path: string;
  readonly file: string;
}

/** Throws UserError when the model, a folder or the disk refuses. */
export async function prepareBuckets(config: PrepareBucketsConfig, context: JobContext): Promise<void> {
  const { trainDataDir, recursive, inJson, outJson, compat } = config;
  refuseMetadataPlace(outJson);
  const pictures = picturesIn(trainDataDir, { recursive, compat: compat !== null });
  context.log(`${trainDataDir}: ${counted(pictures.length, "picture")}`);
  const metadata = readMetadata(inJson), rules = rulesOf(config);
  if (compat === null) refuseSharedFiles(pictures, config);
  clearLeftovers(pictures, config, context.log);
  const maker = openLatentMaker(config, context.log);
  try {
    const work = new Preparation(config, Buckets.byRules(rules), metadata, maker, context);
    const { alphaMask: alpha, threads, maxDataLoaderNWorkers } = config;
    using pool = new Pool(threadsFor(loaderThreads(maxDataLoaderNWorkers, threads), pictures.length));
    const options = { alpha, compat: compat !== null };
    const make = (path: string) => pool.run(placeTask, { path, options, rules });
    await eachMade("caching latents", pictures, context, pool, make, (path, made) => work.add(path, made));
    await work.finish();
  } finally {
    maker.close();
  }
  writeMetadata(outJson, metadata);
  context.log(`wrote ${outJson}`);
}

class Preparation {
  readonly #waiting = new Map<string, Waiting[]>();
  readonly #counts = new Map<string, number>();
  readonly #errors: number[] = [];

  constructor(
    private readonly config: PrepareBucketsConfig,
    private readonly buckets: Buckets,
    private readonly metadata: Metadata,
    private readonly maker: LatentMaker,
    private readonly context: JobContext,
  ) {}

  /** Notes a picture's bucket and encodes the bucket when it is full. */
  async add(path: string, made: Promise<Placed>): Promise<void> {
    const { fullPath, compat, skipExisting, flipAug, alphaMask, inJson } = this.config;
    const placed = await this.#readable(made);
    if (placed === null) return;
    const { size, fitted } = placed, placement = this.buckets.place(...size);
    const { bucket, aspectError } = placement;
    const misfit = misfitOf(size, placement, { bucket_reso_steps: this.config.bucketResoSteps });
    if (misfit !== null) {
      if (compat !== null) throw new UserError(`${path}: is ${size.join("x")}${misfit}`);
      return this.context.warn(`${path}: is ${size.join("x")}${misfit}`);
    }
    const { latent } = this.maker, { factor } = latent;
    const key = fullPath ? path : stem(path), name = bucket.join("x");
    if (!this.metadata.has(key)) this.metadata.set(key, new Map());
    const trained = bucket.map((side) => new JsonNumber(String(side - side % factor)));
    described(this.metadata, key, inJson).set("train_resolution", trained);
    this.#errors.push(Math.abs(aspectError));
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    const file = latentFile(path, this.config);
    if (isTaken(file)) {
      const wanted = { bucket, latent, flipped: flipAug, alphaMask };
      if (skipExisting && latentFileMisfit(file, wanted) === null) return;
      refuseForeignFile(file);
    }
    const waiting = [...this.#waiting.get(name) ?? [], { fitted: fitted!, path, file }];
    this.#waiting.set(name, waiting);
    if (waiting.length >= this.config.batchSize) await this.#encode(name);
  }

  /** Encodes what waits in buckets that are not full, and tells what there was. */
  async finish(): Promise<void> {
    for (const name of [...this.#waiting.keys()]) {
      await this.#encode(name);
      this.context.signal.throwIfAborted();
    }
    for (const size of this.buckets.sorted()) {
      const count = this.#counts.get(size.join("x"));
      if (count !== undefined) this.context.log(`bucket ${size.join("x")}: ${counted(count, "picture")}`);
    }
    const mean = this.#errors.reduce((a, b) => a + b, 0) / this.#errors.length;
    if (this.#errors.length > 0) this.context.log(`mean error of the aspect ratios: ${mean.toFixed(4)}`);
  }

  async #readable(made: Promise<Placed>): Promise<Placed | null> {
    try {
      return await made;
    } catch (error) {
      if (!(error instanceof UnreadableImage) || this.config.endAtDamaged) throw error;
      this.context.warn(`${error.message}; left out`);
      return null;
    }
  }

  /** Buckets stay in the order of their first picture, also when they are empty again. */
  async #encode(name: string): Promise<void> {
    const waiting = this.#waiting.get(name)!;
    if (waiting.length === 0) return;
    this.#waiting.set(name, []);
    const { flipAug: flips, alphaMask } = this.config, [width, height] = name.split("x").map(Number);
    const made = await encodeFitted(
      waiting.map(({ fitted }) => fitted),
      waiting.map(({ path }) => path),
      [width, height],
      { encode: this.maker.encode, flips, alphaMask },
    );
    waiting.forEach(({ file }, i) => writeLatentFile(file, made[i], this.maker.latent));
  }
}

/** Smaller limits than the resolution are fine, as in the script: then there is the square alone. */
function rulesOf(config: PrepareBucketsConfig): BucketRules {
  const {
    maxResolution: resolution,
    minBucketReso: minSize,
    maxBucketReso: maxSize,
    bucketResoSteps: steps,
  } = config;
  if (Math.max(...resolution) > maxSize || minSize > maxSize) {
    throw new UserError(
      `--max_bucket_reso ${maxSize} is below --max_resolution ${resolution} or --min_bucket_reso ${minSize}; raise it`,
    );
  }
  if ((maxSize - minSize) / steps > limit(10_000)) {
    throw new UserError(`--bucket_reso_steps ${steps} makes too many buckets; raise it, or ${HOW_TO_LIFT}`);
  }
  return { resolution, noUpscale: config.bucketNoUpscale, minSize, maxSize, steps };
}

/** sd-scripts' get_npz_filename(): below the folder's own place of the picture only with both options. */
function latentFile(path: string, config: PrepareBucketsConfig): string {
  const { trainDataDir, fullPath, recursive } = config, name = basename(path, extname(path)) + ".npz";
  if (!fullPath || !recursive) return join(trainDataDir, name);
  return join(trainDataDir, relative(trainDataDir, dirname(path)), name);
}

/** Two pictures under one name would have one file, and without --full_path one entry. */
function refuseSharedFiles(pictures: readonly string[], config: PrepareBucketsConfig): void {
  const kept = config.fullPath && config.recursive;
  const remedy = kept ? "" : "; --full_path and --recursive keep folders apart";
  refuseSharedPlaces(pictures, (path) => latentFile(path, config), remedy);
}

function clearLeftovers(
  pictures: readonly string[],
  config: PrepareBucketsConfig,
  log: (line: string) => void,
): void {
  const names = new Set(pictures.map((path) => basename(latentFile(path, config))));
  for (const folder of new Set(pictures.map((path) => dirname(latentFile(path, config))))) {
    removeLeftovers(folder, (name) => names.has(name), log);
  }
}
