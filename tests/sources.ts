/** The program's own text, for tests of its rules. */

import { dirname, join, relative } from "node:path";

export const ROOT = join(import.meta.dirname!, "..");

const CODE = /\.(ts|cpp|h|cu|cuh|py|sh|css)$/;

/** Every TypeScript file below the folders, as paths from the root, sorted. */
export function sources(...folders: string[]): string[] {
  return codeOf(...folders).filter((path) => path.endsWith(".ts"));
}

/** Every file below the folders that is written in a language of the house, as paths from the root, sorted. */
export function codeOf(...folders: string[]): string[] {
  const found: string[] = [];
  const walk = (folder: string) => {
    for (const entry of Deno.readDirSync(join(ROOT, folder))) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory) walk(path);
      else if (CODE.test(path)) found.push(path);
    }
  };
  for (const folder of folders) walk(folder);
  return found.sort();
}

export function textOf(path: string): string {
  return Deno.readTextFileSync(join(ROOT, path));
}

/** Files of ours that a C++ or CUDA file includes by their place, as paths from the root. */
export function includesOf(path: string): string[] {
  return [...textOf(path).matchAll(/^#include "([^"]+)"/gm)].map(([, name]) => join(dirname(path), name));
}

/** Relative imports and re-exports of a file, as paths from the root: all, or those that are loaded with it. */
export function importsOf(path: string, which: "all" | "loaded" = "all"): string[] {
  const text = textOf(path).replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
  const found = which === "all"
    ? text.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)"(\.{1,2}\/[^"]+)"/g)
    : text.matchAll(/^(?:import|export) (?!type\b)(?:[^"]*? from )?"(\.{1,2}\/[^"]+\.ts)"/gm);
  return [...found].map((match) => relative(ROOT, join(ROOT, dirname(path), match[1])));
}
