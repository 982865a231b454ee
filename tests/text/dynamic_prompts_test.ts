import assert from "node:assert/strict";
import { PythonRandom } from "../../src/random/mod.ts";
import { dynamicPrompts } from "../../src/text/mod.ts";

const all = (prompt: string) => dynamicPrompts(prompt, 1, new PythonRandom(1));

Deno.test("braces without an end, or with nothing in them, are text and take no time", () => {
  for (const prompt of ["{" + "a|".repeat(40), "{".repeat(50_000), "{a|".repeat(20_000), "a {} b", "}{"]) {
    assert.deepEqual(all(prompt), [prompt]);
  }
  assert.deepEqual(all("{e$$a|} x"), ["a x", " x"]);
  assert.deepEqual(all("{e$$2$$ and $$a|b|c}!"), ["a and b!", "a and c!", "b and c!"]);
});

Deno.test("a prompt that stands for more prompts than anybody draws is refused before they are made", () => {
  const ten = "{e$$a|b|c|d|e|f|g|h|i|j}";
  assert.equal(all(ten.repeat(3)).length, 1000);
  assert.throws(
    () => all(ten.repeat(40)),
    /stands for 1\.00e\+40 prompts, at most 100000 are made; set EASEL/,
  );
  const subsets = `{e$$1-60$$${Array.from({ length: 60 }, (_, i) => i).join("|")}}`;
  assert.throws(() => all(subsets), /stands for 1\.15e\+18 prompts/);
});
