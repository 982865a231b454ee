/** Paths that options name, checked before anything is loaded. Each throws one line that says what to change. */

import { dirname, resolve } from "node:path";
import { modelPath } from "../base/assets.ts";
import { UsageError, UserError } from "../base/errors.ts";
import { exists, isFolder } from "../base/files/exists.ts";
import { hubName } from "../base/files/hub_name.ts";
import { finished, temporaryFile } from "../base/files/temporary.ts";
import { isForeignPath, pathHint } from "../base/files/path_hint.ts";
import { nameProblem } from "../base/files/inside_name.ts";
import { isOpenPipe, kindBesidesFile } from "../base/files/regular_file.ts";
import { addressInstead, folderInstead, isDiffusersFolder } from "./model_path.ts";

/** Arguments that are no flags are named in capitals, as in the help. */
const label = (name: string) => /^[A-Z_]+$/.test(name) ? name : `--${name}`;

/** A file that is read. Null passes: the flag was not given. */
export function readableFile(name: string, path: string | null): void {
  if (path === null) return;
  const kind = kindBesidesFile(stat(name, path));
  if (kind === null || isOpenPipe(path)) return;
  throw new UserError(`${path}: is ${kind}, ${label(name)} names a file`);
}

/** A file of tensors that is read, or a built-in one. */
export function modelFile(name: string, path: string | null): void {
  if (path === null || hubName(path) !== null) return;
  const kind = kindBesidesFile(stat(name, modelPath(path)));
  if (kind !== null) throw new UserError(`${path}: is ${kind}, ${label(name)} names a file`);
}

/** A file of tensors, or a folder with one. */
export function modelInFolder(name: string, path: string): void {
  if (!isFolder(path)) modelFile(name, path);
}

/** A folder that is read. */
export function readableFolder(name: string, path: string | null): void {
  if (path === null) return;
  const found = stat(name, path);
  if (found.isDirectory) return;
  throw new UserError(`${path}: is ${kindBesidesFile(found) ?? "a file"}, ${label(name)} names a folder`);
}

/** Parts of a model, each in a file or a folder of its own; of an autoencoder or text encoder, or of a model with one. */
export function modelParts(
  parts: Readonly<Record<"vae" | "textEncoder" | "clipL" | "clipG", string | null>>,
): void {
  const named = { vae: parts.vae, text_encoder: parts.textEncoder, clip_l: parts.clipL, clip_g: parts.clipG };
  for (const [name, path] of Object.entries(named)) {
    if (path === null || !isFolder(path)) checkpoint(name, path);
  }
}

/** A checkpoint: a file, or a built-in one such as builtin:tiny. */
export function checkpoint(name: string, path: string | null): void {
  if (path === null) return;
  if (hubName(path) !== null) return; // fetched before the job starts
  const place = modelPath(path), address = exists(place) ? null : addressInstead(path);
  if (address !== null) throw new UserError(`${path}: ${address} (${label(name)})`);
  if (kindBesidesFile(stat(name, place)) === "a folder") {
    if (isDiffusersFolder(place)) return;
    throw new UserError(`${path}: ${folderInstead(place)} (${label(name)})`);
  }
  modelFile(name, path);
}

/** Folders that checks made, the outer ones first. */
const made: string[] = [];

/** Removes what checks made, for whoever only asks and does not run: a plan, a form. What holds something stays. */
export function removeMadeFolders(): void {
  for (const folder of made.splice(0).reverse()) {
    try {
      Deno.removeSync(folder);
    } catch { /* somebody wrote there, or removed it */ }
  }
}

/** What of a path there is not yet, the outermost first. */
function missingFolders(path: string): string[] {
  const whole = resolve(path);
  return exists(whole) ? [] : [...missingFolders(dirname(whole)), whole];
}

/** A folder that will be written: it exists or can be made, which is tried now and not after hours of work. */
export function writableFolder(name: string, path: string): void {
  // it would become a folder of that very name, below the current one
  if (isForeignPath(path) && !exists(path)) {
    throw new UsageError(`${path}: ${label(name)} is no folder of this system${pathHint(path)}`);
  }
  try {
    made.push(...missingFolders(path));
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
    throw new UserError(`${path}: ${label(name)} cannot be written (${reason}); choose another folder`, {
      cause,
    });
  }
}

/** A name that becomes files or folders inside the folder that `folder` names. Null and "" pass: they are no names. */
export function nameInside(name: string, value: string | null, folder: string): void {
  const problem = value ? nameProblem(value, { folders: true }) : null;
  if (problem) {
    throw new UsageError(`--${name} ${value}: ${problem}; give a name inside the folder of --${folder}`);
  }
}

/** A file of tensors that will be written, in a folder that can be. */
export function tensorFile(name: string, path: string): void {
  if (!/\.(safetensors|ckpt|pt)$/.test(path)) {
    throw new UsageError(
      `--${name} ${path}: is no file of tensors; give a name that ends in .safetensors, .ckpt or .pt`,
    );
  }
  writableFolder(name, dirname(path));
}

function stat(name: string, path: string): Deno.FileInfo {
  try {
    return Deno.statSync(path);
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotFound ? "does not exist" : "cannot be read";
    throw new UserError(`${path}: ${reason} (${label(name)})${pathHint(path)}`, { cause });
  }
}
