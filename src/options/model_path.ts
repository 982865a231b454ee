/** What people give where a model file is wanted, and which file they could give instead. */

import { join } from "node:path";
import { exists, isFolder } from "../base/files/exists.ts";

const MODEL_FILE = /\.(safetensors|ckpt|pt|pth|bin)$/i;
const ONE_FILE = "a .safetensors or .ckpt file";

/** Whether a path is a folder with a model in diffusers' layout. */
export function isDiffusersFolder(path: string): boolean {
  return isFolder(path) && (exists(join(path, "model_index.json")) || exists(join(path, "unet")));
}

/** A folder: what it is and which file is wanted, as the rest of a sentence about it. */
export function folderInstead(path: string): string {
  const names = [...Deno.readDirSync(path)].map(({ name }) => name).sort();
  const models = names.filter((name) => MODEL_FILE.test(name)).map((name) => join(path, name));
  return `is a folder; give ${
    models.length ? `a file such as ${models[0]}` : `${ONE_FILE}, or a Diffusers folder`
  }`;
}

/** The same for a path where nothing is, and that is no model of the hub: null where it may be a mistyped path. */
export function addressInstead(path: string): string | null {
  if (/^https?:\/\//i.test(path)) return "is an address; download the file and give its path";
  return null;
}
