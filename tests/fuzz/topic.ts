/** What is fuzzed: seeds that are right, and what the program does with one like them. */

import { UserError } from "../../src/base/errors.ts";
import type { PythonRandom } from "../../src/random/mod.ts";

export interface Topic {
  /** Right inputs, made by our own writers or found among the tests' data. */
  seeds(): Uint8Array[] | Promise<Uint8Array[]>;
  /** Another way to damage, where a checksum or a packing would hide what mutate() does; taken every other time. */
  mutate?(seed: Uint8Array, seeds: readonly Uint8Array[], random: PythonRandom): Uint8Array;
  /** Uses the input as the program would, within `folder`. May throw UserError and nothing else. Gives tryAll()'s count. */
  run(bytes: Uint8Array, folder: string): unknown;
}

/** Each use by itself, for one that refuses the input must not keep the others from it. How many of them took it. */
export function tryAll(uses: readonly (() => unknown)[]): number {
  return uses.filter((use) => {
    try {
      use();
      return true;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return false;
    }
  }).length;
}

export const bytesOf = (text: string) => new TextEncoder().encode(text);
export const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
