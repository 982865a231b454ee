/** `--output_config`: the flags that differ from their defaults as TOML that `--config_file` reads back. */

import { atomicWriteFile } from "../../base/files/atomic.ts";
import { UsageError, UserError } from "../../base/errors.ts";
import { removeLeftoversOf } from "../../base/files/leftovers.ts";
import { tomlText } from "../../options/given/written.ts";
import { configPath } from "../../options/given/config_file.ts";
import type { Parsed } from "../../options/given/parse.ts";
import { sameValue } from "../../options/convert.ts";
import { type Group, rowsOf } from "../../options/mod.ts";

export interface WrittenConfig {
  readonly path: string;
  /** Keys and tokens that were given and left out. */
  readonly secrets: readonly string[];
}

const NEVER = ["config_file", "output_config"];

/**
 * Writes the file that --config_file names; `tell` hears of what a killed call left. Throws UserError when it exists,
 * as sd-scripts refuses to overwrite it.
 */
export function writeConfig(
  parsed: Parsed,
  groups: readonly Group[],
  tell: (line: string) => void,
): WrittenConfig {
  const given = parsed.values.config_file;
  if (typeof given !== "string" || given === "") {
    throw new UsageError("--output_config needs --config_file, which names the file to write");
  }
  const path = configPath(given);
  if (exists(path)) {
    throw new UserError(`${path}: exists already; give --config_file another name or remove it`);
  }
  removeLeftoversOf(path, tell);
  const flags = Object.entries(rowsOf(groups)).filter(([name, row]) =>
    !NEVER.includes(name) && !sameValue(parsed.values[name], row.default) && parsed.values[name] !== ""
  );
  const open = flags.filter(([, row]) => !row.secret);
  const lines = open.map(([name, row]) => `${name} = ${tomlText(row, parsed.values[name])}`);
  atomicWriteFile(path, lines.map((line) => line + "\n").join(""));
  return { path, secrets: flags.filter(([, row]) => row.secret).map(([name]) => name) };
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return false;
    throw new UserError(`${path}: cannot be written (${(cause as Error).message})`, { cause });
  }
}
