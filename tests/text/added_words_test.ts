import assert from "node:assert/strict";
import { loadTokenizer, withWords } from "../../src/text/mod.ts";

Deno.test("added words are found in their letters, the longest first, also inside other words", async () => {
  const plain = await loadTokenizer("clip_l");
  const words = new Map([["sks.obj", [50000, 50001]], ["sks.obj1", [50001]]]);
  const own = withWords(plain, words);
  const [a, photo] = plain.encode("a photo");
  assert.deepEqual(own.encode("a photo sks.obj"), [a, photo, 50000, 50001]);
  assert.deepEqual(own.encode("a sks.obj1"), [a, 50001]);
  assert.deepEqual(own.encode("asks.objphoto"), [a, 50000, 50001, photo]);
  assert.deepEqual(own.encode("SKS.OBJ"), plain.encode("sks.obj"));
  assert.deepEqual(own.encode("sksxobj"), plain.encode("sksxobj"));
  assert.equal(withWords(plain, new Map()), plain);
});
