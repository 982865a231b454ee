/** Which values of a command lead to something on this machine: those must lie in the studio's folders. */

import { resolve } from "node:path";
import { exists } from "../base/files/exists.ts";
import { hubName } from "../base/files/hub_name.ts";
import type { AnyOption } from "../options/mod.ts";

export function holdsPaths(row: AnyOption): boolean {
  return row.leadsTo !== undefined || row.type === "Path";
}

/** False for an address and for the name of a model that easel brings or fetches; `folder`: where the command runs. */
export function isPath(text: string, folder: string): boolean {
  if (text === "" || text.startsWith("builtin:") || /^https?:\/\/(?!.*\.\.)/.test(text)) return false;
  return exists(resolve(folder, text)) || hubName(text) === null;
}
