/** Checks that several commands make before anything is loaded. Each throws one line that says what to change. */

import { dirname } from "node:path";
import { modelPath } from "../../base/assets.ts";
import { UsageError, UserError } from "../../base/errors.ts";
import { exists } from "../../base/files/exists.ts";
import { finished, temporaryFile } from "../../base/files/temporary.ts";
import { isForeignPath, pathHint } from "../../base/files/path_hint.ts";
import { nameProblem } from "../../base/files/inside_name.ts";
import { isOpenPipe, kindBesidesFile } from "../../base/files/regular_file.ts";
import { addressInstead, folderInstead } from "./model_path.ts";
import { parseDevice } from "../../runtime/mod.ts";

/** Arguments that are no flags are named in capitals, as in the help. */
const label = (name: string) => /^[A-Z]+$/.test(name) ? name : `--${name}`;

/** A flag without which the command cannot start. */
export function required<T>(name: string, value: T | null): T {
  if (value === null || value === "") throw new UsageError(`--${name} is missing`);
  return value;
}

/** A file that is read. Null passes: the flag was not given. */
export function readableFile(name: string, path: string | null): void {
  if (path === null) return;
  const kind = kindBesidesFile(stat(name, path));
  if (kind === null || isOpenPipe(path)) return;
  throw new UserError(`${path}: is ${kind}, ${label(name)} names a file`);
}

/** A file of tensors that is read, or a built-in one. */
export function modelFile(name: string, path: string | null): void {
  if (path === null) return;
  const kind = kindBesidesFile(stat(name, modelPath(path)));
  if (kind !== null) throw new UserError(`${path}: is ${kind}, ${label(name)} names a file`);
}

/** A folder that is read. */
export function readableFolder(name: string, path: string | null): void {
  if (path === null) return;
  const found = stat(name, path);
  if (found.isDirectory) return;
  throw new UserError(`${path}: is ${kindBesidesFile(found) ?? "a file"}, ${label(name)} names a folder`);
}

/** A checkpoint: a file, or a built-in one such as builtin:tiny. */
export function checkpoint(name: string, path: string | null): void {
  if (path === null) return;
  const place = modelPath(path), address = exists(place) ? null : addressInstead(path);
  if (address !== null) throw new UserError(`${path}: ${address} (--${name})`);
  if (kindBesidesFile(stat(name, place)) === "a folder") {
    throw new UserError(`${path}: ${folderInstead(place)} (--${name})`);
  }
  modelFile(name, path);
}

/** A folder that will be written: it exists or can be made, which is tried now and not after hours of work. */
export function writableFolder(name: string, path: string): void {
  // it would become a folder of that very name, below the current one
  if (isForeignPath(path) && !exists(path)) {
    throw new UsageError(`${path}: --${name} is no folder of this system${pathHint(path)}`);
  }
  try {
    Deno.mkdirSync(path, { recursive: true });
    const probe = temporaryFile(`${path}/.easel`);
    try {
      probe.file.writeSync(new Uint8Array(1));
    } finally {
      Deno.removeSync(probe.path);
      finished(probe);
    }
  } catch (cause) {
    const reason = (cause as Error).message.split(":")[0].replace(/\.$/, "");
    throw new UserError(`${path}: --${name} cannot be written (${reason}); choose another folder`, { cause });
  }
}

/** A name that becomes files or folders inside the folder that `folder` names. Null and "" pass: they are no names. */
export function nameInside(name: string, value: string | null, folder: string): void {
  const problem = value ? nameProblem(value, { folders: true }) : null;
  if (problem) {
    throw new UsageError(`--${name} ${value}: ${problem}; give a name inside the folder of --${folder}`);
  }
}

/** A file that will be written, in a folder that can be. */
export function safetensorsFile(name: string, given: string | null): void {
  const path = required(name, given);
  if (!path.endsWith(".safetensors")) {
    throw new UsageError(`--${name} ${path}: only .safetensors files are written; give a name that ends so`);
  }
  writableFolder(name, dirname(path));
}

/** Two flags that exclude each other. */
export function exclusive(a: string, aGiven: boolean, b: string, bGiven: boolean): void {
  if (aGiven && bGiven) throw new UsageError(`--${a} and --${b} contradict each other; give one of them`);
}

/** `what` needs `other`. */
export function needs(a: string, aGiven: boolean, b: string, bGiven: boolean): void {
  if (aGiven && !bGiven) throw new UsageError(`--${a} needs --${b}`);
}

/** Learning rates by flag, of the parts that are trained; a rate of 0 leaves its part as it is. */
export function somethingTrained(rates: Readonly<Record<string, number>>): void {
  const entries = Object.entries(rates);
  if (entries.some(([, rate]) => rate !== 0)) return;
  const flags = [...new Set(entries.map(([name]) => `--${name} 0`))].join(" and ");
  throw new UsageError(`${flags}: nothing would be trained; give a rate above 0`);
}

/** --device and --vram_budget. */
export function checkDevice({ device, vramBudget }: { device: string; vramBudget: string | null }): void {
  parseBytes("vram_budget", vramBudget);
  try {
    parseDevice(device);
  } catch (cause) {
    throw new UsageError(`--device: ${(cause as Error).message}`, { cause });
  }
}

/** "6GB", "512 MB", "1.5g" or plain bytes; binary units. */
export function parseBytes(name: string, text: string | null): number | null {
  if (text === null) return null;
  const match = /^(\d+\.?\d*|\.\d+)\s*([kmgt]?)(i?b)?$/i.exec(text.trim());
  if (!match) throw new UsageError(`--${name} takes a size such as 6GB, "${text}" was given`);
  return Math.floor(Number(match[1]) * 1024 ** " kmgt".indexOf(match[2].toLowerCase() || " "));
}

function stat(name: string, path: string): Deno.FileInfo {
  try {
    return Deno.statSync(path);
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotFound ? "does not exist" : "cannot be read";
    throw new UserError(`${path}: ${reason} (${label(name)})${pathHint(path)}`, { cause });
  }
}
