import assert from "node:assert/strict";
import { UserError } from "../../src/base/errors.ts";
import { dynamicPrompts, loadTokenizer, parsePromptWeights, weightedTokens } from "../../src/text/mod.ts";

const generation = { knowsBreak: true }, training = { knowsBreak: false };

Deno.test("parsePromptWeights() multiplies nested brackets and joins equal neighbours", () => {
  assert.deepEqual(parsePromptWeights("a ((house:1.3)) [b](unnecessary)(parens)", generation), [
    ["a ", 1],
    ["house", 1.3 * 1.1],
    [" ", 1],
    ["b", 1 / 1.1],
    ["unnecessaryparens", 1.1],
  ]);
  assert.deepEqual(parsePromptWeights("\\(literal\\]", generation), [["(literal]", 1]]);
  assert.deepEqual(parsePromptWeights("", generation), [["", 1]]);
});

Deno.test("BREAK fills up to 77 tokens in generation and is a word in training", async () => {
  const sd1 = await loadTokenizer("clip_l");
  const broken = weightedTokens(sd1, "red BREAK blue", 225, generation);
  assert.equal(broken.tokens.length, 78);
  assert.deepEqual([broken.tokens[0], broken.tokens[76], broken.tokens[77]], [736, sd1.pad, 1746]);
  assert.deepEqual(weightedTokens(sd1, "red BREAK blue", 225, training).tokens, [736, 2568, 1746]);
});

Deno.test("a prompt beyond the limit is cut and says so", async () => {
  const sd1 = await loadTokenizer("clip_l");
  const cut = weightedTokens(sd1, "cat ".repeat(90), 75, training);
  assert.ok(cut.truncated);
  assert.equal(cut.tokens.length, 75);
});

Deno.test("a weight that is no number names itself and the prompt", () => {
  assert.throws(() => parsePromptWeights("(cat:1.2.3)", generation), (error: unknown) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /1\.2\.3/);
    return true;
  });
});

Deno.test("dynamicPrompts() repeats random choices and enumerates where asked", () => {
  const first = {
    randint: (low: number) => low,
    sample: <T>(all: readonly T[], n: number) => all.slice(0, n),
  };
  assert.deepEqual(dynamicPrompts("plain", 3, first), ["plain"]);
  assert.deepEqual(dynamicPrompts("a {red|green} car", 2, first), ["a red car", "a red car"]);
  assert.deepEqual(dynamicPrompts("{2$$ and $$a|b|c}", 1, first), ["a and b"]);
  assert.deepEqual(dynamicPrompts("{e$$1-2$$a|b} {x|y}", 9, first), ["a x", "b x", "a, b x"]);
  assert.deepEqual(dynamicPrompts("{e$$$&|b}", 1, first), ["$&", "b"], "a replacement is plain text");
});
