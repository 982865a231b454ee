/** The kinds of networks; a new one is a file here and a line in the table. */

import type { NetworkKind } from "./kind.ts";
import { dylora } from "./dylora.ts";
import { lora } from "./lora.ts";
import { loraFa } from "./lora_fa.ts";
import { oft } from "./oft.ts";

/** In the order in which a module of a file is tried: the first with one of its marks it is. */
export const KINDS: readonly NetworkKind[] = [lora, loraFa, dylora, oft];

/** The kind that a module's suffixes say, undefined where they say none. */
export function kindOf(suffixes: readonly string[]): NetworkKind | undefined {
  return KINDS.find(({ marks }) => marks.some((mark) => suffixes.includes(mark)));
}
