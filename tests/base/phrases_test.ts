import { deepStrictEqual } from "node:assert/strict";
import { counted, listed } from "../../src/base/phrases.ts";

Deno.test("numbers and lists read as people write them", () => {
  const found = [0, 1, 2].flatMap((n) => [counted(n, "batch"), counted(n, "LoRA module")]);
  deepStrictEqual(found, [
    "0 batches",
    "0 LoRA modules",
    "1 batch",
    "1 LoRA module",
    "2 batches",
    "2 LoRA modules",
  ]);
  deepStrictEqual([listed([]), listed(["a"]), listed(["a", "b", "c"])], ["", "a", "a, b and c"]);
});
