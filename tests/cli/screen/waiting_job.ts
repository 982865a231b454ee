/** A program for interrupt_test.ts: waits for Ctrl-C, then saves and ends, or does not listen, as argv says. */

import { atomicWriteFile } from "../../../src/base/files/atomic.ts";
import { compile, Graph, matmul } from "../../../src/graph/mod.ts";
import { openDevice, ParameterStore } from "../../../src/runtime/mod.ts";
import { openContext } from "../../../src/cli/screen/context.ts";

const [path, manners] = Deno.args;
const context = openContext();
if (manners === "polite") {
  context.signal.addEventListener("abort", () => {
    atomicWriteFile(path, "state");
    context.close();
    Deno.exit(130);
  });
}
context.log("ready");
setInterval(() => {}, 1000);
if (manners === "busy") {
  const store = new ParameterStore(openDevice("cpu", { threads: 2 })), graph = new Graph();
  let x = graph.input("x", [512, 512]);
  for (let i = 0; i < 20; i++) x = matmul(x, x);
  graph.output("y", x);
  const program = await compile(graph, store);
  for (;;) await program.run({ x: new Float32Array(512 * 512) });
}
