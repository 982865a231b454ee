/** What a merged file says of itself and of where it comes from. */

import { basename } from "node:path";
import type { Family } from "../../models/mod.ts";
import { mergedSpec } from "../../networks/mod.ts";
import type { MergeLoraConfig } from "./options.ts";

const RESOLUTION = "modelspec.resolution";

/** modelspec.* of a merge of these files in this order (a model to merge into comes first), unless it is not wanted. */
export function specOfMerge(
  { noMetadata, saveTo, sdModel, compat }: Pick<
    MergeLoraConfig,
    "noMetadata" | "saveTo" | "sdModel" | "compat"
  >,
  family: Family,
  sources: readonly { readonly path: string; readonly metadata: Readonly<Record<string, string>> }[],
): Record<string, string> {
  if (noMetadata) return {};
  const stem = (path: string) => basename(path).replace(/\.[^.]*$/, "");
  const titles = sources.map(({ path, metadata }) => metadata["modelspec.title"] ?? stem(path));
  const what = {
    title: stem(saveTo),
    mergedFrom: titles.join(", "),
    checkpoint: sdModel !== null,
    version: compat === null ? "1.0.1" : "1.0.0",
  } as const;
  const spec = mergedSpec(family, what, Date.now() / 1000);
  // the reference forgets what size of picture the model was made for
  const own = sdModel !== null && compat === null ? sources[0].metadata[RESOLUTION] : undefined;
  return own === undefined ? spec : { ...spec, [RESOLUTION]: own };
}
