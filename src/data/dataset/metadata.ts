/** Fine-tuning metadata: one JSON file that names images and gives their captions, tags and sizes. */

import { extname, join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { isFile } from "../../base/files/exists.ts";
import { readJson } from "../../formats/json.ts";
import type { Size } from "../batches/buckets.ts";
import { type ImageEntry, newEntry, type SubsetReport } from "./entries.ts";
import { IMAGE_EXTENSIONS } from "../../images/load.ts";
import type { FineTuningSubset } from "./params.ts";

/** Endings in the order in which the reference would find them. */
const ENDINGS = [...IMAGE_EXTENSIONS.map((e) => e.toUpperCase()), ...IMAGE_EXTENSIONS].sort();

interface Described {
  caption?: unknown;
  tags?: unknown;
  train_resolution?: unknown;
}

export interface LoadedMetadata {
  readonly entries: ImageEntry[];
  /** Tags of the images that have caption and tags, for the tag counts. */
  readonly tags: string[];
  /** Keys for which neither an image nor latents were found. */
  readonly missing: string[];
}

/** Reads the file and finds its images. Throws UserError naming the file and key. */
export function loadMetadata(subset: FineTuningSubset): LoadedMetadata {
  const file = subset.metadata_file;
  const metadata = readMetadata(file);
  const tags: string[] = [], missing: string[] = [], entries: ImageEntry[] = [];
  for (const [key, described] of Object.entries(metadata)) {
    if (typeof described !== "object" || described === null || Array.isArray(described)) {
      throw new UserError(`${file}: ${JSON.stringify(key)} is no table with caption and tags`);
    }
    const path = findImage(subset.image_dir, key) ?? findLatents(subset.image_dir, key);
    if (!path) {
      missing.push(key);
      continue;
    }
    const caption = captionOf(described, subset, tags, `${file}: ${JSON.stringify(key)}`);
    const entry = newEntry({
      ...{ key, path, caption, repeats: subset.num_repeats, isReg: false, subset },
      size: sizeOf(described, `${file}: ${JSON.stringify(key)}`),
    });
    if (!subset.color_aug && !subset.random_crop) entry.latentsFile = findLatents(subset.image_dir, key);
    entries.push(entry);
  }
  return { entries, tags, missing };
}

/** What a metadata file gave, counted over the images that can be read. */
export function metadataReport(
  { metadata_file: name, num_repeats: repeats }: FineTuningSubset,
  entries: readonly ImageEntry[],
): SubsetReport {
  const withoutCaption = entries.filter(({ caption }) => caption === "").length, images = entries.length;
  const captionFiles = images - withoutCaption;
  return { name, isReg: false, repeats, images, captionFiles, emptyCaptions: 0, withoutCaption };
}

function readMetadata(file: string): Record<string, Described> {
  const parsed = readJson(file, "give a JSON file of image keys");
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) {
    return parsed as Record<string, Described>;
  }
  throw new UserError(`${file}: is no JSON object of image keys`);
}

function captionOf(described: Described, subset: FineTuningSubset, allTags: string[], at: string): string {
  for (const key of ["caption", "tags"] as const) {
    const value = described[key];
    if (value !== undefined && value !== null && typeof value !== "string") {
      throw new UserError(`${at}: ${key} is no text`);
    }
  }
  let caption = described.caption as string | null | undefined ?? null;
  let tags = described.tags as string | null | undefined ?? null;
  if (caption === null) [caption, tags] = [tags, null];
  if (caption === null) return "";
  const separator = subset.caption_separator;
  if (subset.enable_wildcard) {
    if (tags === null) return caption;
    const oneLine = tags.replaceAll("\n", () => separator);
    return caption.split("\n").filter((line) => line.trim() !== "")
      .map((line) => line + separator + oneLine).join("\n");
  }
  if (!tags) return caption;
  allTags.push(tags);
  return caption + separator + tags;
}

function sizeOf({ train_resolution: size }: Described, at: string): Size | null {
  if (size === undefined || size === null) return null;
  const valid = Array.isArray(size) && size.length === 2 && size.every((n) => Number.isInteger(n) && n > 0);
  if (!valid) throw new UserError(`${at}: train_resolution is no pair of sizes`);
  return [size[0], size[1]];
}

function findImage(dir: string | null, key: string): string | null {
  if (isFile(key) && extname(key).toLowerCase() !== ".npz") return key;
  if (dir === null) return null;
  // The reference knows names without ending only; a whole file name is meant as clearly.
  return [...ENDINGS, ""].map((ending) => join(dir, key + ending)).find(isFile) ?? null;
}

/** `key` may be a path with another ending, or a name inside `dir`. */
export function findLatents(dir: string | null, key: string): string | null {
  const beside = key.slice(0, key.length - extname(key).length) + ".npz";
  if (isFile(beside)) return beside;
  const inside = dir === null ? null : join(dir, key + ".npz");
  return inside !== null && isFile(inside) ? inside : null;
}
