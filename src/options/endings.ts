import { extname } from "node:path";
import type { PathKind } from "./row.ts";

/** Endings of the files that a kind of path leads to; none: any. */
export const ENDINGS: Readonly<Record<Exclude<PathKind, "folder">, readonly string[]>> = {
  model: ["safetensors", "ckpt", "pt"],
  toml: ["toml", "json"],
  json: ["json"],
  text: ["txt", "toml", "json"],
  file: [],
};

export function isPathKind(text: string): text is PathKind {
  return text === "folder" || Object.hasOwn(ENDINGS, text);
}

/** Whether a file is called like those of a kind; none is where a folder is wanted. */
export function isCalledLike(name: string, kind: PathKind): boolean {
  if (kind === "folder") return false;
  const endings = ENDINGS[kind];
  return endings.length === 0 || endings.includes(extname(name).slice(1).toLowerCase());
}
