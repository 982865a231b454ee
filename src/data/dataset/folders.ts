/** DreamBooth folders: images with captions beside them, repeats and class in the folder's name. */

import { basename, extname, join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { isFolder } from "../../base/files/exists.ts";
import { pathHint } from "../../base/files/path_hint.ts";
import { counted } from "../../base/phrases.ts";
import { byCodePoint } from "../../text/code_points.ts";
import { readText } from "../../formats/text_file.ts";
import { strip } from "../batches/captions.ts";
import type { Values } from "./config_file.ts";
import { type ImageEntry, newEntry, type SubsetReport } from "./entries.ts";
import { imageInfoNote, readImageInfo } from "../cache/image_info.ts";
import { foldersLeftOut } from "./left_out.ts";
import { IMAGE_EXTENSIONS } from "../../images/load.ts";
import type { ControlNetSubset, DreamBoothSubset } from "./params.ts";
import { REPEATS } from "./ranges.ts";
import { outside } from "../../options/ranges.ts";

/** Endings of text files that are captions under another name than the one asked for. */
export const OTHER_CAPTIONS = [".txt", ".caption", ".cap", ".captions", ".tags"];

/** Paths of the images directly in `dir`, sorted. Throws UserError when it is no folder. */
export function listImages(dir: string): string[] {
  return listFiles(dir).filter((name) => IMAGE_EXTENSIONS.includes(extname(name).toLowerCase()))
    .map((name) => join(dir, name));
}

function listFiles(dir: string): string[] {
  try {
    return [...Deno.readDirSync(dir)].filter((entry) => !entry.isDirectory).map(({ name }) => name)
      .sort(byCodePoint);
  } catch (cause) {
    throw new UserError(`${dir}: ${whyNoFolder(dir, cause)}`, { cause });
  }
}

function whyNoFolder(dir: string, cause: unknown): string {
  if (cause instanceof Deno.errors.NotFound) return `no such folder${pathHint(dir)}`;
  if (cause instanceof Deno.errors.NotADirectory) return "is not a folder";
  return `cannot be read (${cause instanceof Error ? cause.message : cause})`;
}

export interface FoundSubsets {
  readonly subsets: readonly Values[];
  /** One line for each folder of images that is none. */
  readonly notes: readonly string[];
}

/** What a folder's name asks for, as `10_name class` does; null for other names. */
export function askedByName(name: string): { repeats: number; classTokens: string } | null {
  const [, repeats, classTokens = ""] = /^\s*\+?(\d+)\s*(?:_(.*))?$/s.exec(name) ?? [];
  return repeats && Number(repeats) >= 1 ? { repeats: Number(repeats), classTokens } : null;
}

/** Subsets from the folders `10_name class` below `dir`. Throws UserError when there is none. */
export function subsetsBelow(dir: string, isReg: boolean): FoundSubsets {
  let names: string[];
  try {
    const entries = [...Deno.readDirSync(dir)];
    names = entries.filter((e) => e.isDirectory || e.isSymlink && isFolder(join(dir, e.name))).map((e) =>
      e.name
    );
  } catch (cause) {
    throw new UserError(`${dir}: ${whyNoFolder(dir, cause)}`, { cause });
  }
  const used = new Set<string>();
  const subsets = names.sort(byCodePoint).flatMap((name) => {
    const asked = askedByName(name);
    if (!asked) return [];
    used.add(name);
    const wanted = outside(REPEATS, asked.repeats);
    if (wanted) {
      throw new UserError(
        `${
          join(dir, name)
        }: its name asks for ${asked.repeats} repeats, ${wanted} are possible; rename the folder`,
      );
    }
    const values = { image_dir: join(dir, name), num_repeats: asked.repeats, is_reg: isReg };
    return [{ ...values, class_tokens: asked.classTokens }];
  });
  const notes = foldersLeftOut(dir, names, used);
  if (subsets.length === 0) {
    const here = listImages(dir).length, them = here === 1 ? "it" : "them";
    throw new UserError(
      here > 0
        ? `${dir}: holds ${
          counted(here, "image")
        } itself; put ${them} into a folder named REPEATS_NAME below it, like ${join(dir, "10_name")}`
        : `${dir}: has no folder named REPEATS_NAME, like 10_name, with images${
          notes.length ? ` (${notes[0]})` : ""
        }`,
    );
  }
  return { subsets, notes };
}

export type FolderSubset = DreamBoothSubset | ControlNetSubset;

export const isRegularisation = (subset: FolderSubset): boolean => "is_reg" in subset && subset.is_reg;

export interface LoadedFolder {
  /** With their sizes where the folder's metadata_cache.json is used. */
  readonly entries: ImageEntry[];
  /** Those whose caption came from a file. */
  readonly captioned: ReadonlySet<ImageEntry>;
  /** cache_info asks for a file that is not there yet. */
  readonly infoWanted: boolean;
  readonly notes: readonly string[];
}

/** The images of a subset with their captions. Throws UserError when captions lie there under another ending. */
export function loadFolder(
  subset: FolderSubset,
  { captionsUnread = false }: { readonly captionsUnread?: boolean } = {},
): LoadedFolder {
  const { image_dir: dir, cache_info: cached } = subset;
  const classTokens = "class_tokens" in subset ? subset.class_tokens : null;
  const files = listFiles(dir), present = new Set(files);
  const extension = subset.caption_extension && !subset.caption_extension.startsWith(".")
    ? `.${subset.caption_extension}`
    : subset.caption_extension;
  const images = files.filter((name) => IMAGE_EXTENSIONS.includes(extname(name).toLowerCase()));
  const info = cached ? readImageInfo(dir, new Set(images)) : null;
  if (info) {
    const entries = [...info].map(([name, { caption, size }]) => entryOf(subset, name, caption, size));
    const captioned = new Set(entries.filter(({ caption }) => caption !== ""));
    return { entries, captioned, infoWanted: false, notes: [imageInfoNote(dir, info.size, images.length)] };
  }
  const captioned = new Set<ImageEntry>();
  const entries = images.map((name) => {
    const captionFile = captionNames(name, extension).find((candidate) => present.has(candidate));
    const caption = captionFile
      ? readCaption(join(dir, captionFile), subset.enable_wildcard)
      : classTokens ?? "";
    const entry = entryOf(subset, name, caption);
    if (captionFile) captioned.add(entry);
    return entry;
  });
  const bare = entries.length > 0 && captioned.size === 0 && !captionsUnread;
  const notes = bare ? otherEndings(dir, images, present, extension) : [];
  return { entries, captioned, infoWanted: cached, notes };
}

function entryOf(
  subset: FolderSubset,
  name: string,
  caption: string,
  size: ImageEntry["size"] = null,
): ImageEntry {
  const { num_repeats: repeats } = subset, path = join(subset.image_dir, name);
  return newEntry({ key: path, path, caption, repeats, isReg: isRegularisation(subset), subset, size });
}

/** What a folder gave, counted over the images that can be read. */
export function folderReport(
  subset: FolderSubset,
  entries: readonly ImageEntry[],
  captioned: LoadedFolder["captioned"],
): SubsetReport {
  const { image_dir: name, num_repeats: repeats } = subset, isReg = isRegularisation(subset);
  const withFile = entries.filter((entry) => captioned.has(entry));
  return {
    ...{ name, isReg, repeats, images: entries.length, captionFiles: withFile.length },
    emptyCaptions: withFile.filter(({ caption }) => caption === "").length,
    withoutCaption: entries.length - withFile.length,
  };
}

/** `a.caption` for `a.png`; for `a_1_2_3_4.png`, a name with a face box, also `a.caption`. */
export function captionNames(image: string, extension: string): string[] {
  const stem = basename(image, extname(image)), parts = stem.split("_");
  return [stem + extension, ...parts.length >= 5 ? [parts.slice(0, -4).join("_") + extension] : []];
}

function readCaption(path: string, wildcard: boolean): string {
  const lines = readText(path, "mend or remove this caption file").split(/\r\n|\r|\n/).map(strip);
  return wildcard ? lines.filter((line) => line !== "").join("\n") : lines[0];
}

/**
 * Training without the captions that lie there is what nobody wants, but who names an ending that no captions have
 * (`.none-use-foldername`): that is told.
 */
function otherEndings(dir: string, images: string[], present: Set<string>, extension: string): string[] {
  for (const other of OTHER_CAPTIONS) {
    if (other === extension) continue;
    const count = images.filter((name) => present.has(basename(name, extname(name)) + other)).length;
    if (count === 0) continue;
    const found =
      `${dir}: no caption file ends in ${extension}, but ${count} of ${images.length} images have a ${other} file`;
    if (!OTHER_CAPTIONS.includes(extension)) return [`${found}, which is not read`];
    throw new UserError(`${found}; use --caption_extension ${other}`);
  }
  return [];
}
