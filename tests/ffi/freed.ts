/** Frees arrays while others are made and prints the MiB that the process holds afterwards: `freed.ts [ours]`. */

import { returnFreedArrays } from "../../ffi/memory.ts";

if (Deno.args[0] === "ours") returnFreedArrays();
const collect = (globalThis as unknown as { gc(): void }).gc;
for (let round = 0; round < 2; round++) {
  const arrays: Uint8Array[] = [];
  for (let k = 0; k < 24; k++) {
    arrays.push(new Uint8Array(16 << 20).fill(1));
    if (arrays.length > 12) arrays.shift();
  }
  arrays.length = 0;
  collect();
  await new Promise((resolve) => setTimeout(resolve, 200)); // arrays are freed by another thread
}
console.log(Deno.memoryUsage().rss / 2 ** 20);
