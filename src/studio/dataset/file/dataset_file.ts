/** Dataset files of the page: what is wrong with one, which folders it takes, and writing it. */

import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { UserError } from "../../../base/errors.ts";
import { atomicWriteFile } from "../../../base/files/atomic.ts";
import { fileText } from "../../../base/files/regular_file.ts";
import { checkDatasetFile } from "../../../data/dataset/config_file.ts";
import { askedByName } from "../../../data/dataset/folders.ts";
import { TRAIN_NETWORK } from "../../../data/dataset/config_schema.ts";
import { parseToml } from "../../../formats/toml.ts";
import { entriesOf } from "../../entries.ts";
import { type Folders, Refused } from "../../studio.ts";
import { captionEndingOf, isImageName } from "../folder/listing.ts";
import type { DatasetDocument, DatasetFileTold, DatasetFolderTold } from "../shown.ts";
import { documentOf } from "./document.ts";

/** With masks too, which a training asks for with --masked_loss. */
const SUPPORTS = { ...TRAIN_NETWORK, controlnet: true };

/** Dataset files are written by hand. */
const MOST_BYTES = 4 << 20;

export function readDatasetToml(path: string, folders: Folders): { text: string; version: string } {
  const real = folders.inside(path);
  if (Deno.statSync(real).size > MOST_BYTES) {
    throw new Refused(413, `${path}: is too long for a dataset file`);
  }
  const text = fileText(real);
  return { text, version: versionOf(text) };
}

/** Never throws for what the user can mend: it is told. */
export function datasetFileTold(text: string, folders: Folders): DatasetFileTold {
  const problem = problemOf(text);
  let document: DatasetDocument | null;
  try {
    document = documentOf(text);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { text, document: null, problem: problem ?? error.message, folders: {} };
  }
  const told = document ? foldersOf(document, folders) : {};
  const missing = Object.values(told).find((folder) => folder.problem !== null)?.problem ?? null;
  return { text, document, problem: problem ?? missing, folders: told };
}

function problemOf(text: string): string | null {
  try {
    const { datasets } = checkDatasetFile(parseToml(text, "TOML"), SUPPORTS, "TOML");
    const empty = datasets.length === 0 || datasets.some(({ subsets }) => subsets.length === 0);
    return empty ? "a dataset has no folder of pictures yet" : null;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.message.replace(/^TOML: /, "");
  }
}

/** By image_dir, as it is written. */
function foldersOf({ datasets }: DatasetDocument, folders: Folders): Record<string, DatasetFolderTold> {
  const cells = datasets.flatMap(({ subsets }) => subsets.map(({ image_dir }) => image_dir));
  return Object.fromEntries([...new Set(cells)].flatMap((cell) => {
    const written = cell === undefined ? null : parseToml(`value = ${cell}`, "image_dir").value;
    return typeof written === "string" ? [[written, folderTold(written, folders)] as const] : [];
  }));
}

export function folderTold(written: string, folders: Folders): DatasetFolderTold {
  try {
    const path = folders.inside(resolve(folders.roots[0], written)), entries = entriesOf(path);
    const pictures = entries.filter(({ name, isDirectory }) => !isDirectory && isImageName(name)).length;
    const problem = pictures === 0 ? `${written}: holds no pictures` : null;
    return {
      pictures,
      ending: captionEndingOf(path),
      repeats: askedByName(path.split("/").at(-1)!),
      problem,
    };
  } catch (error) {
    if (!(error instanceof Refused || error instanceof UserError)) throw error;
    return { pictures: 0, ending: ".txt", repeats: null, problem: error.message };
  }
}

/**
 * Writes it; `version`: of the file that was opened under this path, null for a new one. Throws Refused (409) where another
 * stands there, and UserError for what no training takes.
 */
export function writeDatasetFile(
  path: string,
  text: string,
  version: string | null,
  folders: Folders,
): { path: string; version: string } {
  if (!/[^/]\.toml$/i.test(path)) throw new Refused(400, `${path}: the name of a dataset file ends in .toml`);
  const real = folders.inside(path), wrong = problemOf(text);
  if (wrong !== null) throw new UserError(wrong);
  const there = textAt(real);
  if (there !== null && versionOf(there) !== version && there !== text) {
    const why = version === null ? "is there already; choose another name" : "was changed by another program";
    throw new Refused(409, `${path}: ${why}`);
  }
  atomicWriteFile(real, text);
  return { path: real, version: versionOf(text) };
}

function textAt(path: string): string | null {
  try {
    return fileText(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

const versionOf = (text: string) => createHash("sha256").update(text).digest("hex");
