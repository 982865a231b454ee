/** What is fuzzed: seeds that are right, and what the program does with one like them. */

import type { PythonRandom } from "../../src/random/mod.ts";

export interface Topic {
  /** Right inputs, made by our own writers or found among the tests' data. */
  seeds(): Uint8Array[] | Promise<Uint8Array[]>;
  /** Another way to damage, where a checksum or a packing would hide what mutate() does; taken every other time. */
  mutate?(seed: Uint8Array, seeds: readonly Uint8Array[], random: PythonRandom): Uint8Array;
  /** Uses the input as the program would, within `folder`. May throw UserError and nothing else. */
  run(bytes: Uint8Array, folder: string): unknown;
}

export const bytesOf = (text: string) => new TextEncoder().encode(text);
export const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
