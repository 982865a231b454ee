import assert from "node:assert/strict";
import { captionChunks, cutWeighted, EOS, loadTokenizer, padWeighted } from "../../src/text/mod.ts";

const sd1 = await loadTokenizer("clip_l"), sd2 = await loadTokenizer("clip_h");

Deno.test("encode() lower-cases, repairs and merges as CLIP does", () => {
  assert.deepEqual(sd1.encode("A Photo  of\na CAT"), [320, 1125, 539, 320, 2368]);
  assert.deepEqual(sd1.encode("a &amp; b"), sd1.encode("a & b"));
  assert.deepEqual(sd1.encode("don\u2019t"), sd1.encode("don't"));
  assert.deepEqual(sd1.encode("   "), []);
});

Deno.test("an exclamation mark is padding in SD2 and a word elsewhere", () => {
  assert.deepEqual(sd1.encode("hello!"), [3306, 256]);
  assert.deepEqual(sd2.encode("hello!"), [3306, 0]);
});

Deno.test("special tokens in a prompt are their ids in any letter case", () => {
  assert.deepEqual(sd1.encode("cat<|endoftext|>cat"), [2368, EOS, 2368]);
  assert.deepEqual(sd1.encode("<|EndOfText|>"), [EOS]);
});

Deno.test("words with characters outside the basic plane become several byte tokens", () => {
  const ids = sd1.encode("\u{1F9FF}\u{20000}");
  assert.ok(ids.length > 1 && ids.every((id) => id >= 0 && id < EOS), ids.join(" "));
});

Deno.test("captionChunks() gives as many chunks as max_token_length / 75, each opened and closed", () => {
  const long = "cat ".repeat(100);
  assert.deepEqual([null, 75, 150, 225].map((n) => captionChunks(sd1, long, n).length), [1, 1, 2, 3]);
  for (const chunk of captionChunks(sd1, long, 225)) {
    assert.equal(chunk.length, 77);
    assert.equal(chunk[0], sd1.bos);
    assert.equal(chunk[76], EOS);
  }
  const [first, second, third] = captionChunks(sd2, long, 225);
  assert.equal(first[76], EOS, "a chunk that ends in a word is closed");
  assert.equal(second[26], EOS, "EOS comes after the last word");
  assert.equal(third[1], EOS, "a chunk of padding holds EOS first");
});

Deno.test("cutWeighted() leaves one chunk alone and closes the others", () => {
  const prompt = { tokens: Array(100).fill(2368), weights: Array(100).fill(1.2), truncated: false };
  const { ids, weights } = padWeighted(sd2, prompt, 2);
  assert.equal(ids.length, 152);
  assert.equal(weights.length, 154);
  assert.deepEqual([weights[0], weights[1], weights[75], weights[76], weights[77], weights[78]], [
    1,
    1.2,
    1.2,
    1,
    1,
    1.2,
  ]);
  const [first, second] = cutWeighted(sd2, ids);
  assert.equal(first.length, 77);
  assert.deepEqual([first[0], first[76], second[0], second[26]], [sd2.bos, EOS, sd2.bos, EOS]);
  assert.deepEqual(cutWeighted(sd2, ids.slice(0, 77)), [ids.slice(0, 77)]);
});
