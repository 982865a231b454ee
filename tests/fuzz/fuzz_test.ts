/** A short run of each fuzzer; deno task fuzz runs as many as wanted. */

import assert from "node:assert/strict";
import { PythonRandom } from "../../src/random/mod.ts";
import { fuzz } from "./fuzz.ts";
import { mutate } from "./mutate.ts";
import { TOPICS } from "./topics/mod.ts";

Deno.test("mutate() makes the same mutant of the same numbers, and rarely the seed itself", () => {
  const seed = new TextEncoder().encode("a seed with 12 digits"), others = [seed, new Uint8Array(9)];
  const make = (n: number) => mutate(seed, others, new PythonRandom(n));
  const all = Array.from({ length: 200 }, (_, i) => make(i));
  assert.deepEqual(make(7), all[7]);
  assert.ok(new Set(all.map(String)).size > 180);
  assert.ok(all.every((bytes) => bytes.length <= 2 ** 20));
});

Deno.test("the seeds of every topic are right", async () => {
  const folder = await Deno.makeTempDir();
  for (const topic of Object.values(TOPICS)) {
    for (const seed of await topic.seeds()) {
      assert.notEqual(await topic.run(seed, folder), 0, new TextDecoder().decode(seed.slice(0, 60)));
    }
  }
  await Deno.remove(folder, { recursive: true });
});

for (const topic of Object.keys(TOPICS)) {
  Deno.test(`60 damaged inputs of ${topic} do no harm`, async () => {
    const keep = await Deno.makeTempDir();
    assert.deepEqual(await fuzz(topic, 60, 1, keep), []);
    await Deno.remove(keep, { recursive: true });
  });
}
