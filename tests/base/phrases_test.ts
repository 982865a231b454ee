import { deepStrictEqual } from "node:assert/strict";
import { counted, listed } from "../../src/base/phrases.ts";

Deno.test("numbers and lists read as people write them", () => {
  const found = [0, 1, 2].flatMap((n) => ["batch", "LoRA module", "epoch"].map((what) => counted(n, what)));
  deepStrictEqual(found, [
    "0 batches",
    "0 LoRA modules",
    "0 epochs",
    "1 batch",
    "1 LoRA module",
    "1 epoch",
    "2 batches",
    "2 LoRA modules",
    "2 epochs",
  ]);
  deepStrictEqual([listed([]), listed(["a"]), listed(["a", "b", "c"])], ["", "a", "a, b and c"]);
});
