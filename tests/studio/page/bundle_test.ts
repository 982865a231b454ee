/** The page as it is sent. */

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { join } from "node:path";
import { pageFolder } from "../../../src/studio/bundle_page.ts";

const MOST_COMPRESSED = 250_000;

Deno.test("all of the page together is small, and names nothing on the network", async () => {
  const folder = await pageFolder();
  let bytes = 0;
  for (const { name, isFile } of Deno.readDirSync(folder)) {
    if (!isFile) continue;
    const content = Deno.readFileSync(join(folder, name));
    bytes += gzipSync(content).length;
    // names of kinds of markup are no places to ask
    const places = new TextDecoder().decode(content).match(/(?:https?|wss?):\/\/[^\s"'`)]+/g) ?? [];
    assert.deepEqual(places.filter((place) => !place.startsWith("http://www.w3.org/")), [], name);
  }
  assert(bytes > 10_000 && bytes < MOST_COMPRESSED, `${bytes} bytes compressed`);
});
