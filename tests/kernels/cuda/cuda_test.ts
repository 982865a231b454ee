/** The CUDA backend's host side on a simulated GPU: what is refused, what a fault looks like, graphs, files, memory. */

import assert from "node:assert/strict";
import { compile, geglu, Graph } from "../../../src/graph/mod.ts";
import { type Device, openDevice, ParameterStore } from "../../../src/runtime/mod.ts";
import { openChosenDevice } from "../../../src/runtime/choose_device.ts";
import { normal } from "../check_op.ts";
import { noSimulator, openTestDevice, simulatorPath, withEnvironment } from "../devices.ts";

type Settings = Readonly<Record<string, string>>;

function test(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name: noSimulator ? `${name} (${noSimulator})` : name, ignore: noSimulator !== null, fn });
}

const simulated = (settings: Settings = {}): Settings => ({
  EASEL_CUDA_DRIVER: simulatorPath(),
  ...settings,
});

function refused(settings: Settings, text: RegExp, ordinal = 0): void {
  assert.throws(
    () => withEnvironment(settings, () => openDevice("cuda", { ordinal })),
    (error: Error) => text.test(error.message) && !error.message.includes("\n"),
  );
}

test("what CUDA cannot run on is refused in one line that says what is wanted", () => {
  refused(
    { EASEL_CUDA_DRIVER: "/nowhere/libcuda.so.1" },
    /EASEL_CUDA_DRIVER: \/nowhere\/libcuda\.so\.1: cannot open/,
  );
  refused(simulated({ EASEL_SIMT_DRIVER_VERSION: "11080" }), /supports CUDA 11\.8; easel needs CUDA 12\.0/);
  refused(simulated({ EASEL_SIMT_CAPABILITY: "70" }), /compute capability 7\.0, easel needs 7\.5/);
  refused(simulated({ EASEL_SIMT_DEVICES: "0" }), /no NVIDIA GPU; use --device cpu/);
  refused(simulated(), /there is no GPU 3, only GPU 0/, 3);
  refused(simulated({ EASEL_SIMT_DEVICES: "2" }), /there is no GPU 2, only 0 to 1/, 2);
});

test("auto takes the GPU, or the CPU and says why; a GPU asked for by name must be there", () => {
  const lines: string[] = [];
  const open = (text: string, settings: Settings) => {
    const device = withEnvironment(
      settings,
      () => openChosenDevice(text, { threads: 1 }, (line) => lines.push(line)),
    );
    const { backend } = device.info();
    device.close();
    return backend;
  };
  assert.equal(open("auto", simulated()), "cuda");
  assert.equal(open("cuda:0", simulated()), "cuda");
  assert.equal(open("auto", simulated({ EASEL_SIMT_CAPABILITY: "61" })), "cpu");
  assert.equal(open("cpu", simulated()), "cpu");
  assert.deepEqual(lines, [
    "computing on cuda:0, simulated sm_86",
    "computing on cuda:0, simulated sm_86",
    "computing on the CPU (simulated sm_61 has compute capability 6.1, easel needs 7.5 (Turing) or newer)",
  ]);
  assert.throws(() => open("cuda", simulated({ EASEL_SIMT_DEVICES: "0" })), /no NVIDIA GPU/);
  assert.throws(() => open("cuda:x", simulated()), /"cuda:x" is no device/);
  assert.throws(() => open("cpu:1", simulated()), /"cpu:1" is no device/);
});

/** geglu of a [4, 10] input. */
async function gate(device: Device, dtype: "f32" | "bf16" = "f32") {
  const g = new Graph();
  g.output("y", geglu(g.input("x", [4, 10], dtype)));
  return await compile(g, new ParameterStore(device));
}
const X = normal([4, 10], 3).values as Float32Array;

async function withDevice(settings: Settings, body: (device: Device) => void | Promise<void>): Promise<void> {
  const device = withEnvironment(simulated(settings), () => openDevice("cuda"));
  try {
    await body(device);
  } finally {
    device.close();
  }
}

test("info() tells the card, its capability, the driver and the memory", () =>
  withDevice({ EASEL_SIMT_CAPABILITY: "90", EASEL_SIMT_DRIVER_VERSION: "12040" }, (device) => {
    const { name, capability, driver, memory } = device.info();
    assert.deepEqual([name, capability, driver], ["simulated sm_90", "9.0", "12.4"]);
    assert.ok(memory.total >= memory.available && memory.available > 0);
  }));

test("the captured graph gives what the first run gave, and follows its inputs", () =>
  withDevice({}, async (device) => {
    const program = await gate(device);
    const first = await program.run({ x: X });
    assert.deepEqual(await program.run({ x: X }), first);
    const other = await program.run({ x: X.map((v) => -v) });
    assert.notDeepEqual(other, first);
    assert.deepEqual(await program.run({ x: X }), first);
    assert.ok((await program.profile({ x: X })).every(({ seconds }) => seconds > 0));
    assert.deepEqual(await program.run({ x: X }), first);
    program.destroy();
  }));

test("EASEL_CUDA_SYNC=1 runs step by step and gives the same", () =>
  withDevice({ EASEL_CUDA_SYNC: "1" }, async (device) => {
    const program = await gate(device);
    const first = await program.run({ x: X });
    assert.deepEqual(await program.run({ x: X }), first);
    program.destroy();
  }));

test("bf16 is refused on a card that has none", () =>
  withDevice({ EASEL_SIMT_CAPABILITY: "75" }, async (device) => {
    await assert.rejects(gate(device, "bf16"), /geglu bf16.*simulated sm_75 .*has no bf16; use fp16/);
    (await gate(device)).destroy();
  }));

test("out of memory says what was wanted, what is free and what would help", () =>
  withDevice({}, async (device) => {
    await withEnvironment({ EASEL_SIMT_MEMORY: String(64 << 20) }, async () => {
      assert.throws(
        () => device.alloc(100 << 20),
        /out of memory: a buffer wants 100 MiB, \d+ MiB of 64 MiB are free on cuda:0 simulated sm_86.*smaller batch/,
      );
      assert.throws(() => device.alloc(2 ** 30), /1.0 GB more are needed and 64.0 MB can be had/);
      const kept = device.alloc(32 << 20);
      assert.throws(() => device.alloc(40 << 20), /32.0 MB are in use/);
      device.free(kept);
      device.free(device.alloc(40 << 20));
      await Promise.resolve();
    });
  }));

test("a card that falls off the bus is named, and every later call says so", () =>
  withDevice({}, async (device) => {
    const program = await gate(device);
    await program.run({ x: X });
    await withEnvironment({ EASEL_SIMT_LOSE_AFTER: "1" }, async () => {
      await assert.rejects(program.run({ x: X }), /a program of 1 instructions: .*CUDA_ERROR_UNKNOWN/);
    });
    await assert.rejects(
      program.run({ x: X }),
      /cuda:0 simulated sm_86 was lost .*from the last saved state/,
    );
    assert.throws(() => device.alloc(64), /was lost/);
    program.destroy();
  }));

test("a card that is lost in the first run names the instruction and its shapes", () =>
  withDevice({}, async (device) => {
    const program = await gate(device);
    await withEnvironment({ EASEL_SIMT_LOSE_AFTER: "0" }, async () => {
      await assert.rejects(
        program.run({ x: X }),
        /instruction 0 geglu f32\[4, 5\] <- f32\[4, 10\]: .*CUDA_ERROR_UNKNOWN/,
      );
    });
    program.destroy();
  }));

test("uploads, downloads and files larger than the staging memory arrive whole", () =>
  withDevice({}, async (device) => {
    const count = 5_000_003, path = Deno.makeTempFileSync();
    const values = Float32Array.from({ length: count }, (_, i) => (i * 7919) % 2048);
    try {
      Deno.writeFileSync(path, new Uint8Array(values.buffer));
      const store = new ParameterStore(device);
      store.upload("a", [count], "f32", values);
      assert.ok(store.download("a").every((v, i) => v === values[i]));
      for (const dtype of ["f32", "f16"] as const) {
        await store.readFile(dtype, [count], dtype, { path, key: "t", offset: 0, dtype: "F32" });
        assert.ok(store.download(dtype).every((v, i) => v === values[i]));
      }
      await assert.rejects(
        store.readFile("short", [count], "f32", { path, key: "t", offset: 8, dtype: "F32" }),
        /ends at byte/,
      );
      store.destroy();
    } finally {
      Deno.removeSync(path);
    }
  }));

test("two devices do not disturb each other, nor does the fault of one the other", async () => {
  const [a, b] = [openTestDevice("cuda"), openTestDevice("cuda")];
  const [p, q] = [await gate(a), await gate(b)];
  const [first, second] = await Promise.all([p.run({ x: X }), q.run({ x: X })]);
  assert.deepEqual(first, second);
  await withEnvironment(
    { EASEL_SIMT_LOSE_AFTER: "1" },
    () => assert.rejects(p.run({ x: X }), /CUDA_ERROR_UNKNOWN/),
  );
  assert.deepEqual(await q.run({ x: X }), second);
  for (const program of [p, q]) program.destroy();
  for (const device of [a, b]) device.close();
});
