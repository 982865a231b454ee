/** The simulated GPU itself: kernels that are wrong on purpose (kernels/simt/faults.cu) are caught and named, right ones run. */

import assert from "node:assert/strict";
import { noSimulator, simulatorPath, withEnvironment } from "../devices.ts";

const DRIVER = {
  cuInit: { parameters: ["u32"], result: "i32" },
  cuDevicePrimaryCtxRetain: { parameters: ["buffer", "i32"], result: "i32" },
  cuCtxSetCurrent: { parameters: ["pointer"], result: "i32" },
  cuDevicePrimaryCtxRelease_v2: { parameters: ["i32"], result: "i32" },
  cuMemAlloc_v2: { parameters: ["buffer", "usize"], result: "i32" },
  cuMemFree_v2: { parameters: ["u64"], result: "i32" },
  cuMemAllocHost_v2: { parameters: ["buffer", "usize"], result: "i32" },
  cuMemFreeHost: { parameters: ["pointer"], result: "i32" },
  cuMemcpyDtoHAsync_v2: { parameters: ["pointer", "u64", "usize", "pointer"], result: "i32" },
  cuMemcpyHtoDAsync_v2: { parameters: ["u64", "pointer", "usize", "pointer"], result: "i32" },
  cuModuleGetFunction: { parameters: ["buffer", "pointer", "buffer"], result: "i32" },
  cuFuncSetAttribute: { parameters: ["pointer", "i32", "i32"], result: "i32" },
  cuStreamSynchronize: { parameters: ["pointer"], result: "i32" },
  cuLaunchKernel: {
    parameters: [
      "pointer",
      ...Array.from({ length: 7 }, () => "u32" as const),
      "pointer",
      "buffer",
      "pointer",
    ],
    result: "i32",
  },
  easel_simt_fault: { parameters: [], result: "pointer" },
} as const;

const LAUNCH_FAILED = 719, OUT_OF_RESOURCES = 701, INVALID_VALUE = 1;
const VALUES = 64; // floats of the one allocation; the kernels' y is its first half, x its second

interface Outcome {
  /** Of the launch and, where that was accepted, of the wait. */
  readonly launch: number;
  readonly wait: number;
  readonly fault: string;
  readonly y: Float32Array;
}
interface Shape {
  readonly threads?: number;
  readonly shared?: number;
}

/** A float pointer `y` or `x`, an int64 or an int32 argument. */
type Argument = "y" | "x" | bigint | number;

/** Launches one block on a fresh context; x holds 0, 1, 2, ... */
function run(name: string, args: readonly Argument[], { threads = 64, shared = 1024 }: Shape = {}): Outcome {
  const { symbols: s, close } = open();
  const cell = () => new BigUint64Array(1);
  const pointer = (c: BigUint64Array) => Deno.UnsafePointer.create(c[0]);
  const [context, y, x, host, kernel] = [cell(), cell(), cell(), cell(), cell()];
  assert.equal(s.cuInit(0), 0);
  assert.equal(s.cuDevicePrimaryCtxRetain(context, 0), 0);
  assert.equal(s.cuCtxSetCurrent(pointer(context)), 0);
  try {
    const bytes = BigInt(VALUES * 4);
    for (const c of [y, x]) assert.equal(s.cuMemAlloc_v2(c, bytes), 0);
    assert.equal(s.cuMemAllocHost_v2(host, bytes), 0);
    const staging = new Float32Array(Deno.UnsafePointerView.getArrayBuffer(pointer(host)!, VALUES * 4));
    staging.set(Array.from({ length: VALUES }, (_, i) => i));
    assert.equal(s.cuMemcpyHtoDAsync_v2(x[0], pointer(host), bytes, null), 0);
    assert.equal(s.cuStreamSynchronize(null), 0);
    assert.equal(s.cuModuleGetFunction(kernel, null, new TextEncoder().encode(`${name}\0`)), 0, name);
    const values = args.map((a) =>
      a === "y" ? y : a === "x" ? x : typeof a === "bigint" ? BigInt64Array.of(a) : Int32Array.of(a)
    );
    const table = BigUint64Array.from(
      values,
      (v) => BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(v))),
    );
    const launch = s.cuLaunchKernel(pointer(kernel), 1, 1, 1, threads, 1, 1, shared, null, table, null);
    const wait = launch === 0 ? s.cuStreamSynchronize(null) : 0;
    const fault = new Deno.UnsafePointerView(s.easel_simt_fault()!).getCString();
    if (wait === 0) s.cuMemcpyDtoHAsync_v2(pointer(host), y[0], bytes, null);
    if (wait === 0) s.cuStreamSynchronize(null);
    return { launch, wait, fault, y: staging.slice() };
  } finally {
    for (const c of [y, x]) s.cuMemFree_v2(c[0]);
    s.cuMemFreeHost(pointer(host));
    s.cuDevicePrimaryCtxRelease_v2(0);
    close();
  }
}

function open() {
  const library = Deno.dlopen(simulatorPath(), DRIVER);
  return { symbols: library.symbols, close: () => library.close() };
}

function test(name: string, fn: () => void): void {
  Deno.test({ name: noSimulator ? `${name} (${noSimulator})` : name, ignore: noSimulator !== null, fn });
}

const FAULTS: [string, string, Argument[], RegExp][] = [
  [
    "a load beyond an allocation",
    "fault_load",
    ["y", "x", 64n],
    /thread 37 .*load of 4 bytes at byte 256 of memory that has 256/,
  ],
  ["a store beyond an allocation", "fault_store", ["y", 64n], /thread 5 .*store of 4 bytes at byte 256/],
  [
    "a store beyond shared memory",
    "fault_shared",
    ["y", 256n],
    /thread 63 .*at byte 1024 of 1024 bytes of shared memory/,
  ],
  [
    "a barrier that some threads pass by",
    "fault_barrier",
    ["y", 16n],
    /faults\.cu:\d+: a barrier reached by 16 of 64 threads, not by thread 63, which has ended/,
  ],
  [
    "two barriers in one block",
    "fault_two_barriers",
    ["y", 16n],
    /this barrier, while others wait at the one at faults\.cu/,
  ],
  [
    "lanes that disagree on the mask",
    "fault_mask",
    ["y", 0xff],
    /a shuffle of mask ffffffff, while a lane of it waits in a shuffle of mask 000000ff/,
  ],
  ["a mask without its own lane", "fault_own_mask", ["y"], /thread 28 .*mask leaves out its own lane/],
  [
    "a shuffle from a lane that is absent",
    "fault_absent_lane",
    ["y"],
    /reads lane 20, which is not in mask 0000ffff/,
  ],
  [
    "a vector load that is not aligned",
    "fault_unaligned",
    ["y", "x", 1n],
    /load of 16 bytes at an address that is no multiple/,
  ],
];

for (const [what, kernel, args, text] of FAULTS) {
  test(`the simulator catches ${what}`, () => {
    const { wait, fault } = run(kernel, args);
    assert.equal(wait, LAUNCH_FAILED);
    assert.match(fault, new RegExp(`^${kernel}: block 0`));
    assert.match(fault, text);
  });
}

test("the simulator refuses more threads than the kernel declares, and too much shared memory", () => {
  assert.equal(run("right_lanes", ["y"], { threads: 96 }).launch, OUT_OF_RESOURCES);
  assert.equal(run("right_lanes", ["y"], { shared: 50 << 10 }).launch, INVALID_VALUE);
});

test("how much shared memory a kernel can opt in to depends on the card", () => {
  const limits = { "75": 64, "80": 163, "86": 99, "89": 99, "90": 227 };
  for (const [capability, kilobytes] of Object.entries(limits)) {
    withEnvironment({ EASEL_SIMT_CAPABILITY: capability }, () => {
      const { symbols, close } = open();
      const kernel = new BigUint64Array(1);
      symbols.cuModuleGetFunction(kernel, null, new TextEncoder().encode("right_lanes\0"));
      const set = (bytes: number) =>
        symbols.cuFuncSetAttribute(Deno.UnsafePointer.create(kernel[0]), 8, bytes);
      assert.equal(set(kilobytes << 10), 0);
      assert.equal(set((kilobytes << 10) + 1), INVALID_VALUE);
      close();
    });
  }
});

test("shuffles, votes and partial masks do what CUDA says", () => {
  const { wait, fault, y } = run("right_lanes", ["y"]);
  assert.equal(wait, 0, fault);
  for (let t = 0; t < 64; t++) {
    const lane = t % 32, up = lane < 3 ? lane : lane - 3, down = lane > 28 ? lane : lane + 3;
    assert.equal(y[t], up + 100 * down + 0.5 + (lane < 8 ? 1000 * (lane ^ 7) : 0), `thread ${t}`);
  }
});

test("sums and maxima over a block", () => {
  const { wait, fault, y } = run("right_block", ["y"]);
  assert.equal(wait, 0, fault);
  assert.ok(y.every((v) => v === 2016 + 630000));
});

const GROUP = { threads: 128, shared: 4096 };
test("a warpgroup's operands in registers are read as late as its product is waited for", () => {
  assert.ok(run("operands", ["y", 0], GROUP).y.every((x) => x === 16));
  assert.ok(run("operands", ["y", 1], GROUP).y.every((x) => x === 32));
});

test("the simulator catches a warpgroup's product across a part of a tile's rows", () => {
  const { wait, fault } = run("fault_part_of_rows", ["y"], GROUP);
  assert.equal(wait, LAUNCH_FAILED);
  assert.match(fault, /wgmma across rows that are not whole/);
});

test("asynchronous copies arrive when they are waited for, and not before", () => {
  const waited = run("copies", ["y", "x", 1]);
  assert.equal(waited.wait, 0, waited.fault);
  waited.y.forEach((v, i) => assert.equal(v, i < 48 ? i : 0));
  assert.ok(run("copies", ["y", "x", 0]).y.every(Number.isNaN));
});
