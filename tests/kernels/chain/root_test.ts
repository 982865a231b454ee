/** Square roots of chains are the nearest numbers, however they are found. */
import { strictEqual } from "node:assert/strict";
import { affine, compile, Graph, mul, sqrt, type Tensor, write } from "../../../src/graph/mod.ts";
import { ParameterStore } from "../../../src/runtime/mod.ts";
import { device } from "../devices.ts";

const LANES = 1 << 20, LEAST = 0x0d80_0000, INFINITE = 0x7f80_0000; // 2^-100

/** A program over x, a parameter, that makes each y a root. */
async function roots(store: ParameterStore, of: (x: Tensor) => Tensor) {
  store.allocate("x", [LANES], "f32");
  store.allocate("y", [LANES], "f32");
  const graph = new Graph(), x = graph.parameter("x", [LANES]), y = graph.parameter("y", [LANES]);
  write(y, affine(mul(sqrt(of(x)), graph.input("one", [1])), 1, 0));
  const program = await compile(graph, store, { chains: true });
  strictEqual(program.tables.listing.length, 1);
  return async (bits: Uint32Array) => {
    store.set("x", new Float32Array(bits.buffer));
    await program.run({ one: Float32Array.of(1) });
    return new Uint32Array((store.download("y") as Float32Array).buffer);
  };
}

/** Where the numbers of these bits have other roots than Math.sqrt's; -1 where none has. */
function wrong(bits: Uint32Array, found: Uint32Array): number {
  const wanted = new Uint32Array(new Float32Array(bits.buffer).map((x) => Math.sqrt(x)).buffer);
  return found.findIndex((y, k) => y !== wanted[k]);
}

Deno.test("roots of all numbers between two powers of four are the nearest ones", async () => {
  const store = new ParameterStore(device("cpu")), run = await roots(store, (x) => x);
  const bits = new Uint32Array(LANES);
  for (let from = 0x3f80_0000; from < 0x4080_0000; from += LANES) { // 1 to 4: others differ by whole powers of 2
    const at = wrong(bits.map((_, k) => from + k), await run(bits.map((_, k) => from + k)));
    strictEqual(at, -1, `the root of the float with bits ${(from + at).toString(16)}`);
  }
  store.destroy();
});

Deno.test("roots of numbers of each size are the nearest ones, of 0 and of infinity as well", async () => {
  const store = new ParameterStore(device("cpu")), run = await roots(store, (x) => affine(x, 1, 0));
  const every = 0x7f80_0000 / LANES | 0;
  const bits = Uint32Array.from({ length: LANES }, (_, k) => k * every + k % 7);
  for (const [k, edge] of [0, 1, LEAST - 1, LEAST, LEAST + 1, INFINITE - 1, INFINITE].entries()) {
    bits[512 * k + 3] = edge; // in a vector of others
  }
  bits.fill(0, 4096, 4160);
  strictEqual(wrong(bits, await run(bits)), -1);
  const y = await run(
    bits.map((_, k) => k % 3 === 0 ? 0xbf80_0000 : k % 3 === 1 ? 0x7fc0_0000 : 0x4080_0000),
  );
  strictEqual(new Float32Array(y.buffer).findIndex((v, k) => k % 3 === 2 ? v !== 2 : !Number.isNaN(v)), -1);
  store.destroy();
});
