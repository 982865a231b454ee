/** Which LoRA files a run draws with: those of --network_weights, and those that prompts name as <lora:NAME:0.8>. */

import { basename, dirname, join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { isFile } from "../../base/files/exists.ts";
import { nameProblem } from "../../base/files/inside_name.ts";
import { type LoraTag, loraTagText } from "../../text/mod.ts";

export interface LoraPath {
  readonly path: string;
  /** What a tag calls it. */
  readonly name: string;
  /** Named by --network_weights, and so on for every prompt; the others are on where a prompt says so. */
  readonly listed: boolean;
}

interface Flags {
  readonly networkWeights: readonly string[] | null;
  readonly loraDir: readonly string[] | null;
}

const ENDINGS = [".safetensors", ".pt", ".ckpt"];

/** Listed files first, in their order. Throws UserError for a name that is nowhere, saying where it was looked for. */
export function loraPaths({ networkWeights, loraDir }: Flags, tags: readonly LoraTag[]): LoraPath[] {
  const listed = networkWeights ?? [];
  const files: LoraPath[] = listed.map((path) => ({ path, name: stem(path), listed: true }));
  const folders = [...new Set([...loraDir ?? [], ...listed.map((path) => dirname(path)), "."])];
  for (const tag of tags) {
    if (!files.some(({ name }) => name === tag.name)) files.push(find(tag, folders, files));
  }
  return files;
}

function find(tag: LoraTag, folders: readonly string[], files: readonly LoraPath[]): LoraPath {
  const { name } = tag;
  const problem = nameProblem(name, { folders: true });
  if (problem) throw new UserError(`${loraTagText(tag)}: the name ${problem}; name a file below --lora_dir`);
  for (const folder of folders) {
    for (const ending of ENDINGS) {
      const path = join(folder, `${name}${ending}`);
      if (isFile(path)) return { path, name, listed: false };
    }
  }
  const listed = files.filter((file) => file.listed).map((file) => file.name);
  throw new UserError(
    `${loraTagText(tag)}: there is no such LoRA` +
      ` among --network_weights (${listed.join(", ") || "none given"}) and no ${name}.safetensors in ` +
      `${folders.map((folder) => folder === "." ? "the current folder" : folder).join(", ")}; ` +
      "give its folder as --lora_dir",
  );
}

function stem(path: string): string {
  return basename(path).replace(/\.(safetensors|pt|ckpt)$/i, "");
}
