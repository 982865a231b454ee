import assert from "node:assert/strict";
import { flag, readArguments } from "../../../src/training/optimizers/arguments.ts";

Deno.test("an argument that the optimizer does not take is refused, whatever its name", () => {
  for (const name of ["decouple", "constructor", "toString", "__proto__"]) {
    assert.throws(() => readArguments("AdamW", { amsgrad: flag() }, [`${name}=1`]), {
      name: "UsageError",
      message: new RegExp(`AdamW takes no ${name}`),
    });
  }
});
