/** Chains as machine code, of AVX2 and of AVX-512, give what they give step by step, to the last bit. */
import { ok, strictEqual } from "node:assert/strict";
import {
  abs,
  add,
  affine,
  blocksOf,
  cast,
  CODES,
  compile,
  dequantize,
  div,
  dynamicMap,
  fill,
  finite,
  Graph,
  maximum,
  minimum,
  mul,
  quantize,
  reciprocal,
  select,
  sign,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  write,
} from "../../../src/graph/mod.ts";
import { PythonRandom } from "../../../src/random/python.ts";
import { type Device, openDevice, ParameterStore } from "../../../src/runtime/mod.ts";
import { normal } from "../check_op.ts";
import { withEnvironment } from "../devices.ts";

/** Blocks of 256, and lanes that fill none. */
const LANES = 3 * 256 + 142;
const SPECIAL = [0, -0, NaN, Infinity, -Infinity, 1e-42, -1e-42, 3e38, -3e38, 1, -1];

function values(seed: number, special = true): Float32Array {
  const x = normal([LANES], seed).values as Float32Array;
  return special ? x.map((v, k) => k % 7 === 0 ? SPECIAL[(k / 7 + seed) % SPECIAL.length] : v) : x;
}

/** Bits, one of all NaN. */
const bitsOf = (x: Float32Array) => new Uint32Array(x.map((v) => Number.isNaN(v) ? NaN : v).buffer);

/** What a graph's outputs and parameters hold after it ran. */
async function run(
  device: Device,
  way: "code" | "steps",
  build: (g: Graph) => void,
  fillStore: (store: ParameterStore) => void,
): Promise<Record<string, Float32Array>> {
  const store = new ParameterStore(device), graph = new Graph();
  fillStore(store);
  build(graph);
  const program = await withEnvironment({ EASEL_CHAINS: way }, () => compile(graph, store, { chains: true }));
  ok(program.tables.listing.some((line) => line.startsWith("chain ")));
  const out = await program.run({
    x: values(1),
    y: values(2),
    going: Float32Array.of(1),
    still: Float32Array.of(0),
  });
  for (const name of store.names()) out[name] = store.download(name);
  program.destroy();
  store.destroy();
  return out;
}

async function same(device: Device, build: (g: Graph) => void, fillStore: (store: ParameterStore) => void) {
  const [code, steps] = [
    await run(device, "code", build, fillStore),
    await run(device, "steps", build, fillStore),
  ];
  for (const [name, wanted] of Object.entries(steps)) {
    const [a, b] = [bitsOf(code[name]), bitsOf(wanted)], at = a.findIndex((v, k) => v !== b[k]);
    strictEqual(at, -1, `${name}[${at}] is ${code[name][at]} as code, ${wanted[at]} step by step`);
  }
}

const inputs = (g: Graph) => ({
  x: g.input("x", [LANES]),
  y: g.input("y", [LANES]),
  going: g.input("going", [1]),
  still: g.input("still", [1]),
});
const nothing = () => {};

/** Each step alone, over lanes, over a number and lanes, over lanes and a number. */
const STEPS: Record<string, (x: Tensor, y: Tensor, one: Tensor) => Tensor> = {
  ...Object.fromEntries(
    Object.entries({ add, sub, mul, div, minimum, maximum }).map(([name, op]) => [name, op]),
  ),
  "add of a number": (x, _, one) => add(x, one),
  "a number less": (x, _, one) => sub(one, x),
  "least of a number": (x, _, one) => minimum(x, one),
  "most of a number": (x, _, one) => maximum(x, one),
  abs,
  sqrt,
  square,
  reciprocal,
  sign,
  finite,
  negative: (x) => affine(x, -1, 0),
  "product and sum": (x, y) => add(mul(x, y), x),
  "product and sum in place": (x, y) => add(mul(abs(x), y), affine(x, 2, 0)),
  "sum less product": (x, y, one) => sub(y, mul(x, one)),
  "number and product": (x, y, one) => add(mul(x, y), one),
  "lanes chosen": (x, y) => select(x, y, x),
  "lanes or a number": (x, y, one) => select(affine(x, 1, -1), mul(y, one), x),
};

for (const isa of ["v4", "v3"]) {
  const device = withEnvironment({ EASEL_CPU_ISA: isa }, () => openDevice("cpu", { threads: 1 }));
  const found = (device.info() as { isa?: string }).isa;
  const options = { ignore: found !== isa };
  const test = (name: string, body: () => Promise<void>) =>
    Deno.test({
      name: `${name} (${isa}${options.ignore ? `: this processor has ${found}` : ""})`,
      ...options,
      fn: body,
    });

  test("each step as code", async () => {
    for (const [name, step] of Object.entries(STEPS)) {
      await same(device, (g) => {
        const { x, y, going, still } = inputs(g);
        // in and out of a register as well as of memory
        g.output(name, affine(step(x, y, affine(going, 0.7, 0)), 1, 0));
        g.output(
          `${name} of registers`,
          affine(step(abs(x), affine(y, 1, 0.5), affine(going, 0.7, 0)), 3, 1),
        );
        g.output(`sum of ${name}`, sum(finite(step(x, y, going))));
        for (const [name, t] of Object.entries({ x, y, going, still })) {
          g.output(`used ${name}`, affine(t, 1, 0));
        }
      }, nothing);
    }
  });

  test("random formulas as code", async () => {
    for (let seed = 1; seed <= 15; seed++) {
      const build = (g: Graph) => {
        const random = new PythonRandom(BigInt(seed)),
          next = (most: number) => Math.floor(random.random() * most);
        const { x, y, going, still } = inputs(g),
          w = g.parameter("w", [LANES]),
          m = g.parameter("m", [LANES]);
        const pool: Tensor[] = [x, y, w, m], pick = () => pool[next(pool.length)], names = Object.keys(STEPS);
        for (let k = 0; k < 25; k++) {
          const kind = next(10);
          if (kind < 7) {
            pool.push(STEPS[names[next(names.length)]](pick(), pick(), affine(going, random.random(), 0)));
          } else if (kind === 7) write([w, m][next(2)], pick());
          else if (kind === 8) {
            write([w, m][next(2)], select([going, still][next(2)], pick(), [w, m][next(2)]));
          } else g.output(`sum${k}`, sum(finite(pick())));
        }
        g.output("last", affine(pool.at(-1)!, 2, 0));
        g.output("used", affine(add(going, still), 1, 0));
        g.output("xy", add(x, y));
      };
      await same(device, build, (store) => {
        store.upload("w", [LANES], "f32", values(seed + 2));
        store.upload("m", [LANES], "f32", values(seed + 3));
      });
    }
  });

  test("operands that repeat, as code", async () => {
    for (
      const [shape, ...repeating] of [[[10, 91], [10, 1], [1, 91]], [[20, 5, 3, 3], [20, 5, 3, 1], [
        20,
        5,
        1,
        3,
      ]]]
    ) {
      await same(device, (g) => {
        const { x, y, going, still } = inputs(g), w = g.parameter("w", shape);
        const [rows, columns] = repeating.map((shape, k) => g.parameter(`f${k}`, shape));
        write(w, mul(mul(w, rows), columns));
        g.output("used", affine(add(going, still), 1, 0));
        g.output("xy", add(x, y));
      }, (store) => {
        const count = (shape: number[]) => shape.reduce((n, d) => n * d, 1);
        store.upload("w", shape, "f32", values(5).subarray(0, count(shape)));
        repeating.forEach((shape, k) =>
          store.upload(`f${k}`, shape, "f32", values(6 + k, false).subarray(0, count(shape)))
        );
      });
    }
  });

  test("sums, and operands of 16 and 8 bits, as code", async () => {
    for (const dtype of ["bf16", "f16"] as const) {
      await same(device, (g) => {
        const { x, y, going, still } = inputs(g), w = g.parameter("w", [LANES], dtype);
        const [codes, positive] = [true, false].map((signed) => ({
          codes: g.parameter(`codes ${signed}`, [LANES], "u8"),
          absmax: g.parameter(`absmax ${signed}`, [blocksOf(LANES)]),
          map: g.constant(dynamicMap(signed), [CODES]),
        }));
        const real = select(
          finite(x),
          select(finite(y), minimum(maximum(x, affine(going, 0, -9)), affine(going, 0, 9)), y),
          going,
        );
        g.output("sum", sum(g.parameter("v", [LANES])));
        g.output("squares", sum(square(g.parameter("v", [LANES]))));
        const moment = add(mul(dequantize(codes), affine(going, 0.9, 0)), g.parameter("v", [LANES]));
        quantize(codes, moment, going);
        quantize(positive, add(dequantize(positive), square(moment)), going);
        const next = select(going, sub(cast(w, "f32"), mul(moment, going)), cast(w, "f32"));
        write(w, next);
        write(
          g.parameter("u", [LANES], dtype),
          select(still, moment, cast(g.parameter("u", [LANES], dtype), "f32")),
        );
        fill(g.parameter("v", [LANES]), 0);
        g.output("real", affine(real, 1, 0));
      }, (store) => {
        store.upload("w", [LANES], dtype, values(5));
        store.upload("u", [LANES], dtype, values(6));
        store.upload("v", [LANES], "f32", values(7, false));
        for (const signed of [true, false]) {
          store.upload(
            `codes ${signed}`,
            [LANES],
            "u8",
            Int32Array.from(values(8), (_, k) => k * 37 % CODES),
          );
          store.upload(`absmax ${signed}`, [blocksOf(LANES)], "f32", Float32Array.of(2, 1e-3, 0, 3e-6));
        }
      });
    }
  });
}

Deno.test("where the system makes no memory executable chains are computed step by step", async (t) => {
  const program = new URL("without_code.ts", import.meta.url).pathname;
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", program],
  }).output();
  const text = new TextDecoder().decode(stderr);
  if (code === 3) return void (await t.step({ name: "not on this system", ignore: true, fn: nothing }));
  strictEqual(code, 0, text);
});
