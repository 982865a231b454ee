/** hello.ts --device cuda: the kernels load, and one small program agrees with the CPU's, in its graph's replay, too. */

import { compile, geglu, Graph, linear } from "../../src/graph/mod.ts";
import { type Device, openDevice, ParameterStore } from "../../src/runtime/mod.ts";
import { relL2 } from "../golden/compare.ts";
import { fact, MIB } from "./facts.ts";
import { numbers } from "./programs/models.ts";
import { open } from "./options.ts";
import { counts, spying } from "./spy.ts";

async function result(device: Device): Promise<Float32Array> {
  const store = new ParameterStore(device), graph = new Graph();
  const x = graph.input("x", [64, 512], "bf16"), w = graph.input("w", [256, 256], "bf16");
  graph.output("y", linear(geglu(x), w));
  const program = await compile(graph, store);
  const inputs = { x: numbers("hello", 64 * 512), w: numbers("w", 256 * 256).map((v) => v / 16) };
  for (let k = 0; k < 2; k++) await program.run(inputs);
  const { y } = await program.run(inputs);
  program.destroy();
  store.destroy();
  return y;
}

const at = performance.now(), device = open();
fact("hello.open", performance.now() - at, "ms");
const info = device.info(), memory = info.memory as { total: number; available: number };
fact("hello.card", `${String(info.name).replaceAll(" ", "_")}`, `capability ${info.capability}`);
fact("hello.multiprocessors", Number(info.multiprocessors), `driver ${info.driver} toolkit ${info.toolkit}`);
fact("hello.memory", memory.total / MIB, `MiB, ${(memory.available / MIB).toFixed(0)} free`);
if (spying) fact("hello.load", counts().loadMs, "ms for all kernels");
const got = await result(device), wanted = await result(openDevice("cpu"));
const error = relL2(got, wanted);
fact("hello.error", error, "of the CPU's result");
if (!(error < 0.03)) throw new Error(`the result is off by ${error}`);
Deno.exit(0);
