/** Numbers of 8 bits: arrays with a scale a block, float8, and rounding to bf16 at random. */
import assert from "node:assert/strict";
import { f32ToF8, f8ToF32 } from "../../../src/base/dtype.ts";
import {
  affine,
  blocksOf,
  cast,
  CODES,
  compile,
  dequantize,
  dither,
  dynamicMap,
  Graph,
  mul,
  quantize,
  write,
} from "../../../src/graph/mod.ts";
import { openDevice, ParameterStore } from "../../../src/runtime/mod.ts";
import { relL2 } from "../../golden/compare.ts";
import { normal } from "../check_op.ts";
import { device, testOnEach, withEnvironment } from "../devices.ts";

const values = (n: number, seed: number) => normal([n], seed).values as Float32Array;

/** An array of n numbers of 8 bits that the store holds. */
function bytesOf(n: number, map: Float32Array, store: ParameterStore, graph: Graph) {
  store.allocate("codes", [n], "u8");
  store.allocate("absmax", [blocksOf(n)], "f32");
  return {
    codes: graph.parameter("codes", [n], "u8"),
    absmax: graph.parameter("absmax", [blocksOf(n)]),
    map: graph.constant(map, [CODES]),
  };
}

/** The place of the nearest number of the map to x / largest, by the block. */
function reference(
  x: Float32Array,
  map: Float32Array,
): { codes: number[]; absmax: number[]; values: number[] } {
  const absmax = Array.from(
    { length: blocksOf(x.length) },
    (_, b) => Math.max(...x.subarray(256 * b, 256 * b + 256).map(Math.abs)),
  );
  const codes = Array.from(x, (v, i) => {
    const scaled = Math.fround(v * Math.fround(1 / Math.max(absmax[i >> 8], 1e-38)));
    let best = 0;
    for (let k = 1; k < 256; k++) if (Math.abs(map[k] - scaled) < Math.abs(map[best] - scaled)) best = k;
    return best;
  });
  return { codes, absmax, values: codes.map((c, i) => Math.fround(map[c] * absmax[i >> 8])) };
}

for (const n of [256, 700, 20_001]) {
  testOnEach(
    `an array of 8 bits holds the nearest numbers, block by block (${n} elements)`,
    async (backend) => {
      for (const signed of [true, false]) {
        const store = new ParameterStore(device(backend)), graph = new Graph(), map = dynamicMap(signed);
        const x = values(n, 3).map((v, i) => (signed ? v : v * v) * 10 ** (i % 5 - 3));
        x.fill(0, 0, 256); // a block of nothing
        const array = bytesOf(n, map, store, graph);
        graph.output("before", affine(dequantize(array), 1, 0));
        quantize(array, affine(graph.input("x", [n]), 2, 0), graph.input("going", [1]));
        const program = await compile(graph, store, { chains: true });
        assert.deepEqual(program.tables.listing.map((line) => line.split(" ")[0]), ["chain"]);
        const run = async (going: number, x: Float32Array) =>
          (await program.run({ x: x.map((v) => v / 2), going: Float32Array.of(going) })).before;
        await run(1, x);
        const wanted = reference(x, map);
        assert.deepEqual([...store.download("codes")], wanted.codes);
        assert.deepEqual([...store.download("absmax")], wanted.absmax);
        assert.deepEqual(
          [...await run(0, x.map(() => 1))].map((v) => v + 0),
          wanted.values.map((v) => v + 0),
        );
        assert.deepEqual([...store.download("codes")], wanted.codes, "nothing is written where going is 0");
        program.destroy();
        store.destroy();
      }
    },
  );
}

Deno.test("processors with other instructions find and read the same codes, halfway between two as well", async () => {
  const n = 5 * 256 + 131;
  for (const signed of [true, false]) {
    const map = dynamicMap(signed), random = values(n, 5);
    const x = random.map((v, i) => {
      if (i % 256 === 0) return [1, 3e38, 1e-42, -1, 7][i / 256 % 5]; // what the block is divided by
      const middle = (map[i % 255] + map[i % 255 + 1]) / 2;
      return i < 256 ? middle + (i % 3 - 1) * 2 ** -24 * middle : i % 11 === 0 ? -0 : v * 10 ** (i % 9 - 7);
    });
    const held = (env: Record<string, string>) =>
      withEnvironment(env, async () => {
        const store = new ParameterStore(openDevice("cpu"));
        const graph = new Graph();
        const array = bytesOf(n, map, store, graph);
        graph.output("before", affine(dequantize(array), 1, 0));
        quantize(array, affine(graph.input("x", [n]), 1, 0), graph.input("going", [1]));
        const program = await compile(graph, store, { chains: true });
        await program.run({ x, going: Float32Array.of(1) });
        const { before } = await program.run({ x, going: Float32Array.of(0) });
        const found = { codes: [...store.download("codes")], bits: [...new Uint32Array(before.buffer)] };
        program.destroy();
        store.destroy();
        return found;
      });
    const wanted = await held({ EASEL_CPU_ISA: "v2" });
    assert.deepEqual(await held({ EASEL_CPU_ISA: "v3" }), wanted, "AVX2");
    assert.deepEqual(await held({ EASEL_CPU_ISA: "v4" }), wanted, "AVX-512");
    assert.deepEqual(await held({ EASEL_CPU_INTEL: "never" }), wanted, "not as Intel's");
  }
});

testOnEach(
  "a step over an array of 8 bits reads, changes and writes it in one instruction",
  async (backend) => {
    const n = 3000, store = new ParameterStore(device(backend)), graph = new Graph();
    store.upload("w", [n], "f32", values(n, 1));
    const w = graph.parameter("w", [n]), one = graph.input("one", [1]);
    const array = bytesOf(n, dynamicMap(true), store, graph);
    const next = affine(mul(w, one), 0.5, 0);
    quantize(array, next, one);
    write(w, mul(dequantize(array), one));
    const program = await compile(graph, store, { chains: true });
    assert.equal(program.tables.listing.length, 1);
    await program.run({ one: Float32Array.of(1) });
    const wanted = reference(values(n, 1).map((v) => v / 2), dynamicMap(true));
    assert.deepEqual([...store.download("w")], wanted.values);
    program.destroy();
    store.destroy();
  },
);

testOnEach("float8 e4m3 is read exactly and kept from what is uploaded", async (backend) => {
  const store = new ParameterStore(device(backend));
  const all = f8ToF32(Uint8Array.from({ length: 256 }, (_, i) => i)).filter((v) => !Number.isNaN(v));
  const x = Float32Array.from([...all, 17, 19, 0.3, 1e-9, -0.0009765625, 464, 450, 2 ** -10]);
  store.upload("x", [x.length], "f8", x);
  for (const dtype of ["f32", "f16", "bf16"] as const) {
    const graph = new Graph();
    graph.output("y", affine(cast(cast(graph.parameter("x", [x.length], "f8"), dtype), "f32"), 1, 0));
    const program = await compile(graph, store);
    const { y } = await program.run();
    assert.deepEqual([...y], [...f8ToF32(f32ToF8(x))], dtype);
    program.destroy();
  }
  const last = [...f8ToF32(f32ToF8(x))].slice(all.length);
  assert.deepEqual(last, [16, 20, 0.3125, 0, -0, 448, 448, 0], "to the nearest, ties to even");
  store.destroy();
});

testOnEach("dither() rounds to a neighbour in bf16, and is right on average", async (backend) => {
  const n = 40_000, x = Float32Array.from({ length: n }, () => 1 + 0.3 / 128), graph = new Graph();
  graph.output("y", dither(graph.input("x", [n]), graph.input("seed", [1])));
  const store = new ParameterStore(device(backend));
  const program = await compile(graph, store, { chains: true });
  const run = async (seed: number) => (await program.run({ x, seed: Float32Array.of(seed) })).y;
  const one = await run(1), again = await run(1), other = await run(2);
  assert.deepEqual(one, again);
  assert.ok(relL2(one, other) > 1e-3, "another seed draws otherwise");
  for (const y of [one, other]) {
    assert.ok(y.every((v) => v === 1 || v === 1 + 1 / 128));
    const up = y.filter((v) => v > 1).length / n;
    assert.ok(Math.abs(up - 0.3) < 0.01, `${up} of 0.3 went up`);
  }
  const odd = Float32Array.from({ length: n }, (_, i) => [Infinity, -Infinity, NaN, -3, 0][i % 5]);
  const { y } = await program.run({ x: odd, seed: Float32Array.of(7) });
  assert.deepEqual(y, odd, "what bf16 has stays");
  program.destroy();
  store.destroy();
});
