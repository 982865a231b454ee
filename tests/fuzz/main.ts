/** deno task fuzz TOPIC N [SEED]: N mutants of a topic, or of every one; those that do harm are kept in fuzz-found/. */

import { fuzz } from "./fuzz.ts";
import { TOPICS } from "./topics/mod.ts";

const [topic, count = "2000", seed = "1"] = Deno.args;
const known = topic === "all" || Object.hasOwn(TOPICS, topic ?? "");
if (!known || ![count, seed].every((text) => /^\d+$/.test(text))) {
  console.error(`usage: deno task fuzz TOPIC N [SEED], TOPIC one of all, ${Object.keys(TOPICS).join(", ")}`);
  Deno.exit(2);
}
let harmful = 0;
for (const name of topic === "all" ? Object.keys(TOPICS) : [topic]) {
  const start = performance.now(), found = await fuzz(name, Number(count), Number(seed), "fuzz-found");
  for (const { path, what } of found) console.log(`${path}: ${what}`);
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  console.log(`${name}: ${count} mutants, ${found.length} do harm, ${seconds} s`);
  harmful += found.length;
}
Deno.exit(harmful ? 1 : 0);
