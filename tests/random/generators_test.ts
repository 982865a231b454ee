import assert from "node:assert/strict";
import { NumpyRandom, philox4x32, philoxRandn, PythonRandom, TorchGenerator } from "../../src/random/mod.ts";

Deno.test("a saved PyTorch state continues bit for bit, wherever it was taken", () => {
  for (const draws of [0, 1, 3, 623, 624, 625, 1300]) {
    const a = new TorchGenerator(42);
    a.random32(draws);
    a.randn(3); // leaves one normal of a pair behind
    const b = new TorchGenerator(7);
    b.setState(a.getState());
    assert.deepEqual(b.randn(40), a.randn(40));
    assert.deepEqual(b.randn(5), a.randn(5));
    assert.deepEqual(b.random32(700), a.random32(700));
    assert.deepEqual(b.getState(), a.getState());
  }
});

Deno.test("a PyTorch state of the wrong length is refused", () => {
  assert.throws(() => new TorchGenerator(1).setState(new Uint8Array(5000)), RangeError);
});

Deno.test("randint() of PyTorch stays in its range on both sides of the 64-bit border", () => {
  const g = new TorchGenerator(1);
  for (const [low, high] of [[0, 1], [-3, 3], [0, 2 ** 28 - 1], [0, 2 ** 28], [-(2 ** 40), 2 ** 40]]) {
    for (const x of g.randint(low, high, 50)) assert.ok(Number.isInteger(x) && x >= low && x < high);
  }
  assert.throws(() => g.randint(3, 3, 1), RangeError);
});

Deno.test("randperm() of PyTorch holds every number once", () => {
  assert.deepEqual(
    new TorchGenerator(3).randperm(100).sort((a, b) => a - b),
    Array.from({ length: 100 }, (_, i) => i),
  );
});

Deno.test("a saved Python state survives JSON and continues bit for bit", () => {
  for (const draws of [0, 1, 311, 312, 313]) {
    const a = new PythonRandom(-5n);
    for (let i = 0; i < draws; i++) a.random();
    a.gauss(0, 1);
    const b = new PythonRandom(0);
    b.setState(JSON.parse(JSON.stringify(a.getState())));
    assert.equal(b.gauss(0, 1), a.gauss(0, 1));
    for (let i = 0; i < 700; i++) assert.equal(b.random(), a.random());
  }
});

Deno.test("Python ignores the sign of a seed", () => {
  assert.equal(new PythonRandom(-5).random(), new PythonRandom(5).random());
});

Deno.test("wide and impossible ranges of Python's randrange()", () => {
  const r = new PythonRandom(1);
  for (let i = 0; i < 50; i++) {
    const x = r.randrange(0, 2 ** 50);
    assert.ok(Number.isInteger(x) && x >= 0 && x < 2 ** 50);
  }
  assert.equal(r.randint(4, 4), 4);
  assert.throws(() => r.randint(4, 3), RangeError);
  assert.throws(() => r.choice([]), RangeError);
  assert.throws(() => r.sample([1, 2], 3), RangeError);
});

Deno.test("NumPy refuses seeds that it would refuse", () => {
  assert.throws(() => new NumpyRandom(-1), RangeError);
  assert.throws(() => new NumpyRandom(2 ** 32), RangeError);
});

Deno.test("Philox gives the published normals of CUDA for seed 0", () => {
  const want = [-0.92466259, -0.42534415, -2.6438457, 0.14518388];
  philoxRandn(0, 4).forEach((x, i) => assert.ok(Math.abs(x - want[i]) < 1e-6));
  assert.deepEqual(philox4x32([0, 0, 0, 0], [0, 0]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
});
