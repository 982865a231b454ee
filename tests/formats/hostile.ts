/** Damaged files: what a reader may do with one is read it or throw UserError, nothing else, and soon. */

import assert from "node:assert/strict";
import { UserError } from "../../src/base/errors.ts";
import { PythonRandom } from "../../src/random/mod.ts";

/** Runs `body` with the path of a file of these bytes. */
export function withFile<T>(bytes: Uint8Array | string, body: (path: string) => T, suffix = ""): T {
  const path = Deno.makeTempFileSync({ suffix });
  try {
    if (typeof bytes === "string") Deno.writeTextFileSync(path, bytes);
    else Deno.writeFileSync(path, bytes);
    return body(path);
  } finally {
    Deno.removeSync(path);
  }
}

/**
 * Reads `count` damaged copies of a valid file: bytes flipped, set, cut out, doubled, the end cut off. Fails when a
 * read ends in anything but a value or a UserError of one line that names the file.
 */
export function readDamaged(
  valid: Uint8Array,
  count: number,
  read: (path: string) => void,
  suffix = "",
): void {
  const random = new PythonRandom(valid.length);
  withFile("", (path) => {
    for (let i = 0; i < count; i++) {
      Deno.writeFileSync(path, damage(valid, random));
      try {
        read(path);
      } catch (error) {
        if (!(error instanceof UserError)) throw new Error(`copy ${i} ended in ${error}`, { cause: error });
        assert.ok(error.message.startsWith(path), error.message);
        assert.ok(!error.message.includes("\n"), error.message);
        assert.ok(error.message.length < 600, error.message);
      }
    }
  }, suffix);
}

const INTERESTING = [0, 1, 0x22, 0x2c, 0x2d, 0x30, 0x39, 0x5b, 0x7b, 0x7d, 0x7f, 0x80, 0xff];

function damage(valid: Uint8Array, random: PythonRandom): Uint8Array {
  const bytes = valid.slice();
  for (let n = random.randint(1, 4); n > 0; n--) {
    const at = random.randrange(bytes.length);
    const kind = random.randint(0, 5);
    if (kind === 0) return bytes.slice(0, at);
    if (kind === 1) {
      return Uint8Array.from([...bytes.slice(0, at), ...bytes.slice(at + random.randint(1, 9))]);
    }
    if (kind === 2) return Uint8Array.from([...bytes.slice(0, at), ...bytes.slice(Math.max(0, at - 7))]);
    if (kind === 3) bytes[at] ^= 1 << random.randint(0, 7);
    else if (kind === 4) bytes[at] = random.choice(INTERESTING);
    else bytes[random.randrange(Math.min(64, bytes.length))] = random.randint(0, 255);
  }
  return bytes;
}

/** Asserts that `run` throws a UserError whose text matches. */
export function refuses(run: () => unknown, text: RegExp): void {
  assert.throws(run, (error: unknown) => {
    assert.ok(error instanceof UserError, String(error));
    assert.match(error.message, text);
    return true;
  });
}
