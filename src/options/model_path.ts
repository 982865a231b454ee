/** What people give where a model file is wanted, and which file they could give instead. */

import { join } from "node:path";

const MODEL_FILE = /\.(safetensors|ckpt|pt|pth|bin)$/i;
const ONE_FILE = "a .safetensors or .ckpt file";

/** A folder: what it is and which file is wanted, as the rest of a sentence about it. */
export function folderInstead(path: string): string {
  const names = [...Deno.readDirSync(path)].map(({ name }) => name).sort();
  if (names.includes("model_index.json") || names.includes("unet")) {
    return `is a diffusers folder, which is not supported yet; give the model as one file, ${ONE_FILE}`;
  }
  const models = names.filter((name) => MODEL_FILE.test(name)).map((name) => join(path, name));
  return `is a folder; give ${models.length ? `a file such as ${models[0]}` : ONE_FILE}`;
}

/** The same for a path where nothing is: null where it may be a mistyped path. */
export function addressInstead(path: string): string | null {
  if (/^https?:\/\//i.test(path)) return "is an address; download the file and give its path";
  if (!/^[\w.-]+\/[\w.-]+$/.test(path) || /^\.\.?\//.test(path) || MODEL_FILE.test(path)) return null;
  return `is no file here; models are not fetched from the Hugging Face hub: download ${ONE_FILE} from ` +
    `https://huggingface.co/${path} and give its path`;
}
