/** What a Diffusers folder says beside its tensors: the scheduler's settings and the tokenizers' files. */

import { join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { isFile } from "../../base/files/exists.ts";
import { readText } from "../../formats/text_file.ts";
import type { Config, Entry } from "../../text/config_json.ts";
import { type JsonValue, parsePythonJson } from "../../text/python_json.ts";

export type { Config } from "../../text/config_json.ts";

/** scheduler/scheduler_config.json; null where there is none. Throws UserError for what is no JSON object. */
export function readFolderScheduler(folder: string): Config | null {
  const path = join(folder, "scheduler", "scheduler_config.json");
  if (!isFile(path)) return null;
  try {
    const table = parsePythonJson(readText(path, "get the model again"));
    if (table instanceof Map) return plain(table) as Config;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new UserError(`${path}: is not JSON (${cause.message}); get the model again`, { cause });
  }
  throw new UserError(`${path}: is no JSON object; get the model again`);
}

function plain(value: JsonValue): Entry {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, inner]) => [key, plain(inner)]));
  return Array.isArray(value) ? value.map(plain) : value;
}

/** The files of one of the folder's tokenizers, by name; null where it lacks one that transformers needs. */
export function readFolderTokenizer(folder: string, name: string): Record<string, string> | null {
  const needed = ["vocab.json", "merges.txt"];
  const more = ["special_tokens_map.json", "tokenizer_config.json"];
  const path = (file: string) => join(folder, name, file);
  if (!needed.every((file) => isFile(path(file)))) return null;
  const found = [...needed, ...more].filter((file) => isFile(path(file)));
  return Object.fromEntries(found.map((file) => [file, readText(path(file), "get the model again")]));
}
