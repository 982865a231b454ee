import assert from "node:assert/strict";
import { affine, compile, conv2d, fill, Graph, linear, sum, write } from "../../../src/graph/mod.ts";
import { accumulate } from "../../../src/graph/mod.ts";
import { openDevice, ParameterStore } from "../../../src/runtime/mod.ts";
import { normal } from "../check_op.ts";
import { identical } from "../identical.ts";
import { device, testOnEach } from "../devices.ts";

Deno.test("info() tells name, threads, features, oneDNN's version and memory", () => {
  const info = device().info();
  assert.equal(info.backend, "cpu");
  assert.equal(info.threads, 2);
  assert.match(String(info.onednn), /^\d+\.\d+\.\d+$/);
  assert.equal(typeof info.features?.avx2, "boolean");
  assert.ok(Number(info.memory.total) >= Number(info.memory.available));
});

Deno.test("openDevice() refuses an absurd number of threads", () => {
  assert.throws(() => openDevice("cpu", { threads: -3 }), /-3 threads/);
});

Deno.test("a device has no more threads than OMP_THREAD_LIMIT lets OpenMP start", async () => {
  const runtime = new URL("../../../src/runtime/mod.ts", import.meta.url).href;
  const code =
    `import { openDevice } from "${runtime}"; console.log(openDevice("cpu", { threads: 2 }).info().threads)`;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", code],
    env: { OMP_THREAD_LIMIT: "1" },
  }).output();
  assert.equal(new TextDecoder().decode(stdout).trim(), "1", code);
});

Deno.test("alloc() of more than there can be says how much was wanted", () => {
  assert.throws(() => device().alloc(2 ** 52), /out of memory/);
});

testOnEach("uploads and downloads beyond a buffer are refused", (backend) => {
  const buffer = device(backend).alloc(64);
  assert.throws(() => device(backend).upload(buffer, 60, new Uint8Array(8)), /leave a buffer of 64/);
  assert.throws(() => device(backend).download(buffer, 2 ** 40, new Uint8Array(8)), /leave a buffer of 64/);
  device(backend).free(buffer);
});

const FILES: [string, (v: number[]) => ArrayBufferView][] = [
  ["F32", (v) => Float32Array.from(v)],
  ["F64", (v) => Float64Array.from(v)],
  ["I32", (v) => Int32Array.from(v)],
  ["I64", (v) => BigInt64Array.from(v, BigInt)],
  [
    "F16",
    (v) => Uint16Array.from(v, (x) => ({ "0": 0, "1": 0x3c00, "-2": 0xc000, "513": 0x6002 })[String(x)]!),
  ],
  [
    "BF16",
    (v) => Uint16Array.from(v, (x) => ({ "0": 0, "1": 0x3f80, "-2": 0xc000, "513": 0x4400 })[String(x)]!),
  ],
];

for (const [dtype, encode] of FILES) {
  testOnEach(`readFile() converts ${dtype} to every device dtype`, async (backend) => {
    const path = await Deno.makeTempFile();
    const list = [0, 1, -2, dtype === "BF16" ? 512 : 513];
    const data = encode(dtype === "BF16" ? [0, 1, -2, 513] : list);
    const bytes = new Uint8Array(data.buffer);
    await Deno.writeFile(path, new Uint8Array([7, 7, 7, 7, 7, 7, 7, 7, ...bytes]));
    const store = new ParameterStore(device(backend));
    for (const target of ["f32", "f16", "bf16", "i32"] as const) {
      await store.readFile(target, [4], target, { path, key: target, offset: 8, dtype });
      const rounded = list.map((v) => (target === "bf16" && v === 513 ? 512 : v));
      if (target === "i32") {
        const raw = new Int32Array(4);
        device(backend).download(store.get(target).buffer, 0, new Uint8Array(raw.buffer));
        assert.deepEqual([...raw], list);
      } else {
        assert.deepEqual([...store.download(target)], rounded);
      }
      store.free(target);
    }
    await Deno.remove(path);
  });
}

testOnEach("readFile() names the first value of a file that is not finite", async (backend) => {
  const path = await Deno.makeTempFile();
  const store = new ParameterStore(device(backend)), count = 100_000;
  const files: [dtype: string, data: Uint16Array | Uint32Array | Float64Array, bad: number][] = [
    ["F32", new Uint32Array(count), 0x7f800000],
    ["F16", new Uint16Array(count), 0x7e01],
    ["BF16", new Uint16Array(count), 0xff80],
    ["F64", new Float64Array(count), NaN],
  ];
  for (const [dtype, data, bad] of files) {
    data[70_001] = bad;
    await Deno.writeFile(path, new Uint8Array(data.buffer));
    for (const target of ["f32", "f16"] as const) {
      const file = { path, key: "the.key", offset: 0, dtype };
      await assert.rejects(store.readFile(dtype, [count], target, file), (error: Error) => {
        assert.match(error.message, /: the\.key holds (NaN|inf|-inf) at 70001, finite numbers are wanted/);
        return true;
      });
      store.free(dtype);
    }
  }
  await Deno.remove(path);
});

testOnEach("readFile() names a file that is missing or too short", async (backend) => {
  const path = await Deno.makeTempFile();
  await Deno.writeFile(path, new Uint8Array(100));
  const store = new ParameterStore(device(backend));
  const read = (name: string, file: string, dtype: string) =>
    store.readFile(name, [64], "f32", { path: file, key: name, offset: 0, dtype });
  await assert.rejects(read("a", path, "F32"), /ends at byte 100, 156 more were expected/);
  await assert.rejects(read("b", path, "F16"), /ends at byte 100/);
  await assert.rejects(read("c", `${path}.none`, "F32"), /No such file/);
  await Deno.remove(path);
});

testOnEach("fill, write and accumulate change parameters in place and in order", async (backend) => {
  const store = new ParameterStore(device(backend)), g = new Graph();
  store.upload("f", [3], "f32", Float32Array.of(1, 2, 3));
  store.upload("h", [3], "bf16", Float32Array.of(0, 0, 0));
  store.upload("fresh", [3], "f32", Float32Array.of(NaN, 2, 3));
  const f = g.parameter("f", [3]), h = g.parameter("h", [3], "bf16"), x = g.input("x", [3]);
  accumulate(f, x);
  accumulate(g.parameter("fresh", [3]), x, true);
  write(h, affine(x, 2, 0));
  g.output("s", sum(x));
  const program = await compile(g, store);
  await program.run({ x: Float32Array.of(1, 1, 2) });
  await program.run({ x: Float32Array.of(1, 1, 2) });
  assert.deepEqual([...store.download("f")], [3, 4, 7]);
  assert.deepEqual([...store.download("fresh")], [1, 1, 2]);
  assert.deepEqual([...store.download("h")], [2, 2, 4]);
  program.destroy();
  const clear = new Graph();
  fill(clear.parameter("f", [3]), 0.5);
  const second = await compile(clear, store);
  await second.run();
  assert.deepEqual([...store.download("f")], [0.5, 0.5, 0.5]);
  second.destroy();
});

Deno.test("results do not depend on the number of threads, and repeat bit for bit", async () => {
  const results: Float32Array[] = [];
  for (const threads of [1, 2, 2]) {
    const own = openDevice("cpu", { threads }), store = new ParameterStore(own), g = new Graph();
    const w = normal([96, 64], 3), x = normal([200, 64], 4);
    store.upload("w", w.shape, "f32", w.values, { frozen: true });
    g.output("y", linear(g.input("x", x.shape), g.parameter("w", w.shape)));
    g.output("s", sum(g.input("x", x.shape), [0]));
    const program = await compile(g, store);
    const { y, s } = await program.run({ x: x.values });
    results.push(Float32Array.of(...y, ...s));
    program.destroy();
    own.close();
  }
  assert.deepEqual(results[1], results[0]);
  assert.deepEqual(results[2], results[1]);
});

Deno.test("programs over the same frozen weight share its packed copy", async () => {
  // large enough for Winograd, which reads packed weights. No whole number of pages: those of the plain bytes are
  // given back, and packedBytes is what more is held
  const store = new ParameterStore(device()), w = normal([360, 368, 3, 3], 3);
  store.upload("w", w.shape, "f32", w.values, { frozen: true });
  const build = async () => {
    const g = new Graph();
    g.output("y", conv2d(g.input("x", [1, 18, 18, 368]), g.parameter("w", w.shape)));
    return await compile(g, store);
  };
  const first = await build(), second = await build();
  assert.ok(first.memory.packedBytes > 0);
  assert.equal(second.memory.packedBytes, 0);
  const x = normal([1, 18, 18, 368], 5).values;
  const a = await first.run({ x });
  first.destroy();
  identical(await second.run({ x }), a);
  second.destroy();
});

Deno.test("memory that a backend holds already is held against the limit, not against what is left free", () => {
  const device = openDevice("cpu", { limitBytes: 1 << 30 });
  device.info = () => ({ backend: "cpu", name: "small", memory: { total: 1 << 30, available: 100 << 20 } });
  device.account(300 << 20);
  assert.throws(
    () => device.alloc(300 << 20),
    /^UserError: out of memory: 300 MB more are needed and 100 MB can/,
  );
  assert.throws(
    () => device.account(800 << 20),
    /^UserError: --vram_budget 1.0 GB: 800 MB more are needed and 724 MB/,
  );
  device.account(-300 << 20);
  assert.equal(device.allocatedBytes, 0);
  device.close();
});
