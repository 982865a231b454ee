import assert from "node:assert/strict";
import { HostRows } from "../../../../src/generation/pipeline/parts/host_rows.ts";

/** What it is told of, now and at most. */
function counter() {
  return {
    ...{ bytes: 0, most: 0 },
    accountHost(bytes: number) {
      this.most = Math.max(this.most, this.bytes += bytes);
    },
  };
}

/** Height 5, width 2, one channel: 0 to 9 and a little that bfloat16 does not hold. */
function fiveRows(dtype: "f32" | "bf16" | "f16", memory = counter()): HostRows {
  const rows = new HostRows(2, 1, dtype, memory),
    values = Float32Array.from({ length: 10 }, (_, i) => i + 2 ** -9);
  rows.add(values.subarray(0, 4));
  rows.add(values.subarray(4, 6));
  rows.add(values.subarray(6));
  return rows;
}

Deno.test("rows of a picture come across additions, in float32 or as the bits of 16", () => {
  const floats = fiveRows("f32"), halves = fiveRows("bf16");
  assert.deepEqual([...floats.rows(1, 4)], [2, 3, 4, 5, 6, 7].map((x) => x + 2 ** -9));
  assert.deepEqual([...halves.rows(1, 3)], [0x4000, 0x4040, 0x4080, 0x40a0]); // 2, 3, 4, 5
  assert.deepEqual([...halves.takeFloats().subarray(1)], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual([...fiveRows("f16").takeFloats().subarray(0, 2)], [2 ** -9, 1 + 2 ** -9]);
});

Deno.test("rows that are forgotten give their memory back, those after them stay", () => {
  const memory = counter(), rows = fiveRows("f32", memory);
  assert.equal(memory.bytes, 5 * 2 * 4);
  rows.forget(2);
  assert.equal(memory.bytes, 3 * 2 * 4);
  assert.equal(rows.height, 5);
  assert.deepEqual([...rows.rows(2, 3)].map(Math.floor), [4, 5]);
  assert.deepEqual([...rows.rows(0, 2)], [0, 0, 0, 0]);
});

Deno.test("rows that are taken as float32 are forgotten", () => {
  const memory = counter();
  fiveRows("bf16", memory).takeFloats();
  assert.deepEqual([memory.bytes, memory.most], [0, 5 * 2 * 2]);
});
