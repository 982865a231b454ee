/**
 * Conditioning pictures: one beside each picture, of the same name in a folder of their own. What a ControlNet sees, or the
 * mask of a loss (sd-scripts 0.9.1, ControlNetDataset).
 */

import { basename, extname, resolve } from "node:path";
import { UsageError, UserError } from "../../base/errors.ts";
import { loadImage, looksWhole, probeSize } from "../../images/load.ts";
import type { ImageEntry } from "./entries.ts";
import { listImages } from "./folders.ts";
import type { ControlNetSubset, DatasetParams, SubsetParams } from "./params.ts";

const isConditioned = (subset: SubsetParams): subset is ControlNetSubset => "conditioning_data_dir" in subset;

/** Throws UsageError for what cuts a picture at random: the conditioning picture would not be cut with it. */
export function refuseLooseCuts({ enable_bucket: bucketed }: DatasetParams, subset: SubsetParams): void {
  if (!isConditioned(subset)) return;
  const where = subset.image_dir;
  if (subset.random_crop) {
    throw new UsageError(
      `${where}: random_crop would cut the picture and not its conditioning picture; leave it out`,
    );
  }
  if (subset.face_crop_aug_range && !bucketed) {
    throw new UsageError(
      `${where}: face_crop_aug_range would cut the picture and not its conditioning picture; leave it out`,
    );
  }
}

/**
 * Gives each of `entries` its conditioning picture. Throws UserError where pictures of the folders (`listed`) lack one, where
 * conditioning pictures belong to none of them, and for one that cannot be read or is of another size where buckets need it.
 */
export async function pairConditioning(
  listed: readonly ImageEntry[],
  entries: readonly ImageEntry[],
  { enable_bucket: bucketed }: DatasetParams,
  { compat }: { readonly compat: boolean },
): Promise<void> {
  const folders = new Map<string, Map<string, string>>();
  const folderOf = (subset: ControlNetSubset) => {
    const dir = resolve(subset.conditioning_data_dir);
    // the first of several with one stem counts
    if (!folders.has(dir)) {
      folders.set(dir, new Map(listImages(dir).toReversed().map((path) => [stem(path), path])));
    }
    return folders.get(dir)!;
  };
  const missing: string[] = [], used = new Set<string>();
  for (const { subset, path } of listed) {
    if (!isConditioned(subset)) continue;
    const found = folderOf(subset).get(stem(path));
    if (found) used.add(found);
    else missing.push(`${path} (in ${subset.conditioning_data_dir})`);
  }
  if (missing.length > 0) {
    throw new UserError(
      `no conditioning picture of the same name for ${few(missing)}; add ${them(missing)}, or take ${
        them(missing, "the picture")
      } out`,
    );
  }
  const extra = [...folders.values()].flatMap((files) => [...files.values()]).filter((path) =>
    !used.has(path)
  );
  if (extra.length > 0) {
    throw new UserError(
      `no picture of the same name for the conditioning ${few(extra)}; take ${them(extra)} out`,
    );
  }
  for (const entry of entries) {
    if (!isConditioned(entry.subset)) continue;
    const path = folderOf(entry.subset).get(stem(entry.path))!;
    entry.conditioning = { path, size: await sizeOf(path, compat) };
    if (bucketed) refuseOtherSize(entry);
  }
}

/** Throws UserError: a conditioning picture without which its picture is of no use. */
async function sizeOf(path: string, compat: boolean): Promise<[number, number]> {
  const { width, height } = probeSize(path, compat);
  if (!looksWhole(path)) await loadImage(path, { compat });
  return [width, height];
}

function refuseOtherSize({ path, size, conditioning }: ImageEntry): void {
  if (!size || !conditioning || conditioning.size.join() === size.join()) return;
  throw new UserError(
    `${conditioning.path}: is ${conditioning.size.join("x")} and its picture ${path} ${size.join("x")}; ` +
      "with buckets both are of one size: scale it",
  );
}

function stem(path: string): string {
  return basename(path, extname(path));
}

function few(paths: readonly string[]): string {
  const more = paths.length - 3;
  return paths.slice(0, 3).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function them(paths: readonly string[], one = "it"): string {
  return paths.length > 1 ? one === "it" ? "them" : `${one}s` : one;
}
