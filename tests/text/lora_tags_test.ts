import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { UserError } from "../../src/base/errors.ts";
import { loraTagText, parsePromptWeights, takeLoraTags } from "../../src/text/mod.ts";

Deno.test("takeLoraTags() reads tags as the web UI does and leaves the words", () => {
  const cases: [string, string, [string, number, number][]][] = [
    ["a cat <lora:moka:0.8>", "a cat", [["moka", 0.8, 0.8]]],
    ["<lora:moka> a cat", "a cat", [["moka", 1, 1]]],
    ["<lora:a b v1.2:-0.5>x<LORA:c/d.safetensors:.25:1>", "x", [["a b v1.2", -0.5, -0.5], ["c/d", 0.25, 1]]],
    ["<lyco:m:te=0.3:unet=0>", "", [["m", 0.3, 0]]],
    ["<lora:m:unet=0.4>", "", [["m", 1, 0.4]]],
    ["(<lora:m:2>:1.2), a < b", "(:1.2), a < b", [["m", 2, 2]]],
    ["a <loran:m:1> cat", "a <loran:m:1> cat", []],
    ["a \\<lora:m:1> cat ", "a \\<lora:m:1> cat ", []],
  ];
  for (const [prompt, words, tags] of cases) {
    deepStrictEqual(takeLoraTags(prompt), {
      words,
      tags: tags.map(([name, text, unet]) => ({ name, text, unet })),
    });
  }
  deepStrictEqual(parsePromptWeights("a \\<lora:m:1>", { knowsBreak: true }), [["a <lora:m:1>", 1]]);
});

Deno.test("takeLoraTags() names what is wrong with a tag", () => {
  for (const tag of ["<lora:>", "<lora::1>", "<lora:m:>", "<lora:m:x>", "<lora:m:1:1:8>", "<lora:m:dyn=8>"]) {
    throws(
      () => takeLoraTags(`a ${tag}`),
      (error) => error instanceof UserError && error.message.includes(tag),
    );
  }
  throws(() => takeLoraTags("<hypernet:m:1>"), /not supported yet/);
});

Deno.test("loraTagText() writes the shortest tag that says the same", () => {
  strictEqual(loraTagText({ name: "m", text: 0.7 * 0.8, unet: 0.7 * 0.8 }), "<lora:m:0.56>");
  strictEqual(loraTagText({ name: "m", text: 0, unet: -1 }), "<lora:m:0:-1>");
});
