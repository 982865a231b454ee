/** What the models' programs cost may change, but not unseen. */

import assert from "node:assert/strict";
import { COLUMNS, committed, costOf, LISTED } from "./listing.ts";

const known = committed();

for (const listed of LISTED) {
  Deno.test(`${listed.name}: instructions, launches and bytes are those of listing.txt`, async () => {
    const now = await costOf(listed), before = known.get(listed.name);
    assert.ok(before, `listing.txt has no ${listed.name}; deno task listing --write`);
    const changes = COLUMNS.flatMap((column) => {
      const by = now[column] - before[column]; // NaN: no simulator, so no launches
      return by ? [`${column} ${before[column]} -> ${now[column]} (${by > 0 ? "+" : ""}${by})`] : [];
    });
    assert.equal(changes.join(", "), "", "where that is meant: deno task listing --write");
  });
}
