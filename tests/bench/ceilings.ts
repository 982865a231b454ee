/**
 * ceilings.ts [--dtype f32]: the most that easel reached of this processor just now, in products and convolutions and in
 * moving memory: what shares are of. peer.py ceilings has the same of PyTorch.
 */

import {
  accumulate,
  affine,
  compile,
  type CompileOptions,
  conv2d,
  Graph,
  linear,
  sum,
  type Tensor,
  write,
} from "../../src/graph/mod.ts";
import { type Device, ParameterStore } from "../../src/runtime/mod.ts";
import { fact } from "./facts.ts";
import { dtype, open, runs, tiny } from "./options.ts";
import { fill, scaleOf } from "./programs/weights.ts";
import { workOf } from "./programs/work.ts";

interface Trial {
  readonly shapes: readonly (readonly number[])[];
  readonly build: (graph: Graph, ...x: Tensor[]) => void;
}

const product = (M: number, N: number, K: number): Trial => ({
  shapes: [[M, K], [N, K]],
  build: (graph, x, w) => graph.output("y", linear(x, w)),
});
const convolution = (side: number, channels: number): Trial => ({
  shapes: [[1, side, side, channels], [channels, channels, 3, 3]],
  build: (graph, x, w) => graph.output("y", conv2d(x, w, undefined, { pad: [1, 1, 1, 1] })),
});

const COMPUTED: readonly Trial[] = tiny ? [product(64, 64, 64), convolution(8, 32)] : [
  product(4096, 1280, 5120),
  product(4096, 10240, 1280),
  product(2048, 2048, 2048),
  convolution(64, 320),
  convolution(64, 640),
  convolution(256, 256),
];

/** The least milliseconds of the program's longest instruction. */
async function least(device: Device, { shapes, build }: Trial, kind = dtype, options?: CompileOptions) {
  const store = new ParameterStore(device), graph = new Graph();
  const operands = shapes.map((shape, i) => {
    fill(store, `x${i}`, shape, i === 0 ? 1 : scaleOf(shape), kind, i > 0);
    return graph.parameter(`x${i}`, shape, kind);
  });
  build(graph, ...operands);
  const program = await compile(graph, store, options);
  let seconds = Infinity, line = "";
  for (let k = 0; k < Math.max(3, runs); k++) {
    const [longest] = await program.profile();
    if (longest.seconds < seconds) [seconds, line] = [longest.seconds, longest.instruction];
  }
  program.destroy();
  store.destroy();
  return { ms: seconds * 1e3, work: workOf(line) };
}

Deno.env.set("EASEL_CPU_WINOGRAD", "never"); // a ceiling is of multiplications that are done
const device = open();
let tflops = 0, gbs = 0;
for (const trial of COMPUTED) {
  const { ms, work } = await least(device, trial);
  tflops = Math.max(tflops, work.flop / ms / 1e9);
}
const LANES = tiny ? 1 << 16 : 1 << 27;

/** GB/s of `passes` over memory, each of so many lanes of float32. */
async function moved(lanes: number, arrays: number, passes: number, build: Trial["build"]): Promise<void> {
  const shapes = Array.from({ length: arrays }, () => [lanes]);
  const { ms } = await least(device, { shapes, build }, "f32", { chains: true });
  gbs = Math.max(gbs, passes * 4 * lanes / ms / 1e6);
}

await moved(LANES, 1, 1, (graph, x) => graph.output("y", sum(x)));
await moved(LANES, 2, 3, (_, x, y) => accumulate(x, y)); // two are read and one is written
// what an optimizer's step does: some arrays are read and written where they are
for (const arrays of [1, 2, 4]) {
  const inPlace = (_: Graph, ...x: Tensor[]) => x.forEach((each) => write(each, affine(each, 0.999, 0)));
  await moved(LANES / 4, arrays, 2 * arrays, inPlace);
}
fact(`cpu.${dtype}.tflops`, tflops, "TFLOP/s");
fact("cpu.gbs", gbs, "GB/s");
Deno.exit(0);
