/** The kinds of networks; a new one is a file here and a line in the table. */

import { boft } from "./rotations/boft.ts";
import { doraOf, MAGNITUDE } from "./dora.ts";
import { dylora } from "./dylora.ts";
import { full, norm } from "./full.ts";
import { glora } from "./glora.ts";
import { ia3 } from "./ia3.ts";
import type { Found, NetworkKind } from "./kind.ts";
import { loha } from "./loha.ts";
import { lokr } from "./lokr.ts";
import { lora } from "./lora.ts";
import { loraFa } from "./lora_fa.ts";
import { BLOCKS, oft } from "./rotations/oft.ts";
import { oftInputs } from "./rotations/oft_inputs.ts";

/** In the order in which a module of a file is tried: the first with one of its marks it is. */
export const KINDS: readonly NetworkKind[] = [
  ...[lora, loraFa, dylora, loha, lokr, glora],
  ...[oft, boft, oftInputs, ia3, full, norm],
];

/** Suffixes of a file's keys beside alpha. */
export const SUFFIXES: readonly string[] = [
  ...KINDS.flatMap(({ marks, others = [] }) => [...marks, ...others]),
  MAGNITUDE,
];

/** The kind that a module's tensors say, undefined where they say none. */
export function kindOf(found: Found): NetworkKind | undefined {
  const kind = KINDS.find(({ marks }) => marks.some((mark) => mark in found));
  if (kind === oft && found[BLOCKS].length === 4) return boft;
  return kind && MAGNITUDE in found ? doraOf(kind) : kind;
}
