/** What a merged file says of itself and of where it comes from. */

import { basename } from "node:path";
import type { Family } from "../models/mod.ts";
import { mergedSpec } from "../networks/mod.ts";
import type { MergeLoraConfig } from "./merge_lora.ts";

/** modelspec.* of a merge of these files in this order, unless it is not wanted. */
export function specOfMerge(
  { noMetadata, saveTo, sdModel }: MergeLoraConfig,
  family: Family,
  sources: readonly { readonly path: string; readonly metadata: Readonly<Record<string, string>> }[],
): Record<string, string> {
  if (noMetadata) return {};
  const stem = (path: string) => basename(path).replace(/\.[^.]*$/, "");
  const titles = sources.map(({ path, metadata }) => metadata["modelspec.title"] ?? stem(path));
  const what = { title: stem(saveTo), mergedFrom: titles.join(", "), checkpoint: sdModel !== null };
  return mergedSpec(family, what, Date.now() / 1000);
}
