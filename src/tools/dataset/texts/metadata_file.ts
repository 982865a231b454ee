/** The metadata of fine_tune.py, as a file that tools change: all that they do not know passes through. */

import { UserError } from "../../../base/errors.ts";
import { atomicWriteFile } from "../../../base/files/atomic.ts";
import { fileBytes, NoFile, refuseToReplace } from "../../../base/files/regular_file.ts";
import { readText } from "../../../formats/text_file.ts";
import { whyNotOpened } from "../../../formats/what_file.ts";
import { isPictureName } from "../pictures.ts";
import { type JsonTable, type JsonValue, parsePythonJson, pythonJson } from "../../../text/python_json.ts";

/** Pictures by key, in the order of the file. */
export type Metadata = JsonTable;

/** Throws UserError for what is no JSON object. */
export function readMetadata(path: string): Metadata {
  let value: JsonValue;
  try {
    value = parsePythonJson(readText(path, "give a JSON file of image keys"));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new UserError(`${path}: is not JSON (${cause.message})`, { cause });
  }
  if (value instanceof Map) return value;
  throw new UserError(`${path}: is no JSON object of image keys`);
}

/** Before any work: throws UserError where no metadata can be written, or not without a picture being lost. */
export function refuseMetadataPlace(path: string): void {
  if (isPictureName(path.toLowerCase())) {
    throw new UserError(`OUT_JSON ${path}: is a picture's name; give one that ends in .json`);
  }
  refuseToReplace(path);
}

export function writeMetadata(path: string, metadata: Metadata): void {
  atomicWriteFile(path, pythonJson(metadata));
}

/** What the file says of a picture. Throws UserError where that is no object. */
export function described(metadata: Metadata, key: string, path: string): JsonTable {
  const value = metadata.get(key);
  if (value instanceof Map) return value;
  throw new UserError(
    `${path}: ${JSON.stringify(key)} is no object with caption and tags; mend or remove it`,
  );
}

/** A text beside a picture, with every line end as \n; what a training reads is read here too, but not with `compat`. */
export function captionText(path: string, remedy: string, compat: boolean): string {
  return compat ? utf8Text(path, remedy) : readText(path, remedy).replace(/\r\n?/g, "\n");
}

/** All of a file, a byte order mark included, with every line end as \n: Python's read_text(encoding="utf-8"). */
function utf8Text(path: string, remedy: string): string {
  let bytes: Uint8Array;
  try {
    bytes = fileBytes(path);
  } catch (cause) {
    if (cause instanceof NoFile) throw cause;
    throw new UserError(`${path}: ${whyNotOpened(path, cause)}; ${remedy}`, { cause });
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return text.replace(/\r\n?/g, "\n");
  } catch (cause) {
    throw new UserError(`${path}: is not UTF-8 text; save it as UTF-8`, { cause });
  }
}
