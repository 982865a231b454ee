/** A copy of sources beside a build of theirs. */

import { dirname, join } from "node:path";
import { walk } from "../../tools/compile/packages.ts";

/**
 * Makes folder `to` hold the files of `from` and no others. Only what differs is written, and is then as new as now:
 * with the times of the originals, what a build had made of older contents could pass for newer.
 */
export async function copyChanged(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  const names = walk(from), kept = new Set(names);
  for (const name of walk(to)) if (!kept.has(name)) await Deno.remove(join(to, name));
  for (const name of names) {
    const bytes = await Deno.readFile(join(from, name)), path = join(to, name);
    const there = await Deno.readFile(path).catch(() => null);
    if (there && same(bytes, there)) continue;
    await Deno.mkdir(dirname(path), { recursive: true });
    await Deno.writeFile(path, bytes);
  }
}

const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, at) => byte === b[at]);
