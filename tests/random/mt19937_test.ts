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

Deno.test("skip() passes over words as next() would, near and far", () => {
  for (const start of [0, 1, 600]) {
    for (const count of [0, 1, 23, 24, 623, 624, 625, 1248, 19937, 2 ** 21 + 77]) {
      const one = Mt19937.fromWord(42), other = Mt19937.fromWord(42);
      for (let i = 0; i < start + count; i++) one.next();
      for (let i = 0; i < start; i++) other.next();
      other.skip(count);
      for (let i = 0; i < 700; i++) assert.equal(other.next(), one.next(), `${start} + ${count} + ${i}`);
    }
  }
});

Deno.test("skip() over the numbers that building SD1.5 takes is a moment, and what follows is NumPy's", () => {
  const mt = Mt19937.fromWord(42), start = performance.now();
  mt.skip(1188896043);
  assert.ok(performance.now() - start < 3000);
  assert.deepEqual(Array.from({ length: 3 }, () => mt.next()), [3369947701, 1703538979, 3808012745]);
});
