/** Results that no cache holds are written past them: pictures together become what each becomes alone. */
import { compile, Graph, groupNorm, silu, upsampleNearest } from "../../src/graph/mod.ts";
import { openDevice, ParameterStore } from "../../src/runtime/mod.ts";
import { normal } from "./check_op.ts";
import { identical } from "./identical.ts";

const CHANNELS = { bf16: 64, f32: 32 }; // 16 MiB of a picture that is 256 by 512

/** Pictures of 128 by 256 made wider, and their norm. */
async function outcome(pictures: Float32Array, count: number, dtype: "bf16" | "f32", activated: boolean) {
  const device = openDevice("cpu", { threads: 2 }), store = new ParameterStore(device), graph = new Graph();
  const C = CHANNELS[dtype], shape = [count, 128, 256, C];
  store.upload("x", shape, dtype, pictures, {});
  store.upload("c", [C], dtype, normal([C], 2).values as Float32Array, {});
  const wide = upsampleNearest(graph.parameter("x", shape, dtype), 256, 512);
  const c = graph.parameter("c", [C], dtype), y = groupNorm(wide, c, c, { groups: 8, eps: 1e-5 });
  graph.output("wide", wide);
  graph.output("y", activated ? silu(y) : y);
  const program = await compile(graph, store), out = await program.run();
  program.destroy();
  store.destroy();
  device.close();
  return [out.wide, out.y] as Float32Array[];
}

for (const dtype of ["bf16", "f32"] as const) {
  for (const activated of [true, false]) {
    const name = `groupNorm()${activated ? " with silu" : ""} in ${dtype}`;
    Deno.test(`large pictures become what they become alone: upsampleNearest() and ${name}`, async () => {
      const pictures = normal([2, 128, 256, CHANNELS[dtype]]).values as Float32Array;
      const together = await outcome(pictures, 2, dtype, activated), half = pictures.length / 2;
      for (const k of [0, 1]) {
        const alone = await outcome(pictures.subarray(k * half, (k + 1) * half), 1, dtype, activated);
        alone.forEach((own, o) => {
          identical(together[o].subarray(k * own.length, (k + 1) * own.length), own, `picture ${k}`);
        });
      }
    });
  }
}
