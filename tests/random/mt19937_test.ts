import assert from "node:assert/strict";
import { Mt19937 } from "../../src/random/mt19937.ts";

Deno.test("seeded with one word it gives the numbers that the C++ standard asks of mt19937", () => {
  const mt = Mt19937.fromWord(5489);
  let last = 0;
  for (let i = 0; i < 10_000; i++) last = mt.next();
  assert.equal(last, 4123659995);
});

Deno.test("seeded with words it gives the numbers of the authors' mt19937ar.out", () => {
  const mt = Mt19937.fromWords([0x123, 0x234, 0x345, 0x456]);
  const first = Array.from({ length: 5 }, () => mt.next());
  assert.deepEqual(first, [1067595299, 955945823, 477289528, 4107218783, 4228976476]);
});

Deno.test("a state with the wrong number of words is refused", () => {
  assert.throws(() => Mt19937.fromWord(1).setState(new Uint32Array(623), 0), RangeError);
  assert.throws(() => Mt19937.fromWord(1).setState(new Uint32Array(624), 625), RangeError);
});
