/**
 * What chain_code_test.ts runs as a process of its own, in which the system lets no memory become executable: a chain then
 * computes step by step. Exits with 3 where the system cannot be made to.
 */
import { deepStrictEqual, rejects } from "node:assert/strict";
import { abs, affine, compile, Graph, maximum, sub } from "../../../src/graph/mod.ts";
import { openDevice, ParameterStore } from "../../../src/runtime/mod.ts";
import { withEnvironment } from "../devices.ts";

const PR_SET_NO_NEW_PRIVS = 38, PR_SET_SECCOMP = 22, SECCOMP_MODE_FILTER = 2;
/** Of x86-64: mprotect(.., .., PROT_READ | PROT_EXEC) ends in EACCES (struct sock_filter: code, jt, jf, k). */
const FILTER: readonly [number, number, number, number][] = [
  [0x20, 0, 0, 0], // the system call's number
  [0x15, 0, 3, 10],
  [0x20, 0, 0, 32], // its third argument
  [0x15, 0, 1, 5],
  [0x06, 0, 0, 0x0005_000d],
  [0x06, 0, 0, 0x7fff_0000],
];

/** Holds for this thread and those that it starts. */
function forbidCode(): boolean {
  const libc = Deno.dlopen("libc.so.6", {
    prctl: { parameters: ["i32", "u64", "buffer", "u64", "u64"], result: "i32" },
  });
  const filter = new DataView(new ArrayBuffer(8 * FILTER.length)), program = new BigUint64Array(2);
  FILTER.forEach(([code, jt, jf, k], n) => {
    filter.setUint16(8 * n, code, true);
    filter.setUint8(8 * n + 2, jt);
    filter.setUint8(8 * n + 3, jf);
    filter.setUint32(8 * n + 4, k, true);
  });
  program[0] = BigInt(FILTER.length);
  program[1] = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(filter)));
  return libc.symbols.prctl(PR_SET_NO_NEW_PRIVS, 1n, null, 0n, 0n) === 0 &&
    libc.symbols.prctl(PR_SET_SECCOMP, BigInt(SECCOMP_MODE_FILTER), program, 0n, 0n) === 0;
}

if (!forbidCode()) Deno.exit(3);
const LANES = 600, device = openDevice("cpu", { threads: 1 }), store = new ParameterStore(device);
function compiled() {
  const graph = new Graph(), x = graph.input("x", [LANES]), y = graph.input("y", [LANES]);
  graph.output("z", maximum(abs(sub(x, y)), affine(x, 2, 0)));
  return compile(graph, store, { chains: true });
}
await rejects(withEnvironment({ EASEL_CHAINS: "code" }, compiled), /it has no machine code/);
const values = {
  x: Float32Array.from({ length: LANES }, (_, k) => k - 200),
  y: new Float32Array(LANES).fill(7),
};
const { z } = await (await compiled()).run(values);
deepStrictEqual(z, values.x.map((v, k) => Math.max(Math.abs(v - values.y[k]), 2 * v)));
