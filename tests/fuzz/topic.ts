/** What is fuzzed: seeds that are right, and what the program does with one like them. */

import type { PythonRandom } from "../../src/random/mod.ts";

export interface Topic {
  /** Right inputs, made by our own writers or found among the tests' data. */
  seeds(): Uint8Array[] | Promise<Uint8Array[]>;
  /** Makes a damaged input right again where a checksum or a packing would hide the damage. */
  repair?(bytes: Uint8Array, random: PythonRandom): Uint8Array;
  /** Uses the input as the program would, within `folder`. May throw UserError and nothing else. */
  run(bytes: Uint8Array, folder: string): unknown;
}

export const bytesOf = (text: string) => new TextEncoder().encode(text);
export const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
