/** Every kind on a whole model: text encoder and U-Net drawn live are drawn merged too, from the file that was saved. */

import { ok } from "node:assert/strict";
import { join } from "node:path";
import { openSafetensors } from "../../src/formats/safetensors.ts";
import { compile, Graph } from "../../src/graph/mod.ts";
import { textStates, Weights } from "../../src/models/mod.ts";
import {
  adapterOf,
  loadLora,
  loraBranch,
  networkNamed,
  recordMerge,
  saveLora,
  tensorShapes,
} from "../../src/networks/mod.ts";
import { openDevice, ParameterStore } from "../../src/runtime/mod.ts";
import { uniform } from "../golden/synth.ts";
import { uploadSynth } from "../golden/synth_models.ts";
import { TINY } from "../training/tiny_run.ts";

const size = (shape: readonly number[]) => shape.reduce((a, d) => a * d, 1);

const ROWS: readonly (readonly [name: string, args: string, dim: number])[] = [
  ["networks.lora", "conv_dim=2", 2],
  ["networks.oft", "enable_all_linear=True enable_conv=True", 4],
  ["networks.loha", "conv_dim=2", 3],
  ["networks.lokr", "factor=4 conv_dim=2", 2],
  ["lycoris.kohya", "algo=locon use_tucker=True dora_wd=True", 2],
  ["lycoris.kohya", "algo=ia3", 1],
  ["lycoris.kohya", "algo=diag-oft rescaled=True", 4],
  ["lycoris.kohya", "algo=boft", 8],
  ["lycoris.kohya", "algo=glora", 2],
  ["lycoris.kohya", "algo=full train_norm=True", 1],
];

const inputs = {
  x: uniform("x", 8 * 8 * 4, 1),
  t: Float32Array.of(301),
  ids: Int32Array.from({ length: 77 }, (_, i) => i === 0 ? 49406 : i < 5 ? 1000 + i : 49407),
};

/** The model's answer with networks live, or none. */
function record(branches: Parameters<typeof adapterOf>[0]): Graph {
  const g = new Graph(), w = Weights.over(g, TINY.shapes, { adapter: adapterOf(branches) });
  const context = textStates(TINY.family.textEncoders[0], g.input("ids", [1, 77], "i32"), w).normed(1);
  g.output("y", TINY.family.denoise(g.input("x", [1, 8, 8, 4]), g.input("t", [1]), { context }, w));
  return g;
}

Deno.test("files of every kind draw live as they draw merged", async () => {
  const device = openDevice("cpu", { threads: 1 }), dir = Deno.makeTempDirSync({ prefix: "easel-kinds-" });
  try {
    for (const [name, args, dim] of ROWS) {
      const store = new ParameterStore(device), path = join(dir, "net.safetensors");
      uploadSynth(store, TINY.shapes, {
        wanted: (key) => !key.startsWith("first_stage"),
        frozen: () => false,
      });
      const run = async (graph: Graph, given: Record<string, Float32Array | Int32Array> = inputs) => {
        const program = await compile(graph, store), found = await program.run(given);
        program.destroy();
        return found.y;
      };
      const named = networkNamed(name), flags = { dim, alpha: 1, dropout: null, args: args.split(" ") };
      const options = named.options(flags, TINY.family.sites.blocks, false);
      const made = named.modules(TINY.shapes, TINY.family, options, {});
      const values = [...tensorShapes(made)].map(([key, shape]): [string, Float32Array] => {
        const level = /dora_scale|rescale/.test(key) ? 1 : 0;
        return [key, uniform(key, size(shape), 0.1).map((v) => level + v)];
      });
      saveLora(path, made, new Map(values), "F32");
      using file = openSafetensors(path);
      const { modules, weights } = loadLora(file, TINY.shapes, TINY.family);
      ok(
        modules.length === made.length,
        `${name} ${args}: ${modules.length} of ${made.length} modules are read`,
      );
      for (const [key, shape] of tensorShapes(modules)) {
        store.upload(`n.${key}`, shape, "f32", weights.get(key)!);
      }
      const plain = await run(record([]));
      const live = await run(record([loraBranch(modules, { multiplier: 0.6, prefix: "n." })]));
      const merging = new Graph();
      recordMerge(merging, modules, (key) => store.has(key) ? store.get(key) : undefined, 0.6, "n.");
      await run(merging, {});
      const merged = await run(record([]));
      store.destroy();
      ok(apart(live, plain) > 1e-4, `${name} ${args}: does something`);
      ok(apart(live, merged) < 2e-5, `${name} ${args}: live and merged are ${apart(live, merged)} apart`);
    }
  } finally {
    device.close();
    Deno.removeSync(dir, { recursive: true });
  }
});

function apart(a: Float32Array, b: Float32Array): number {
  let difference = 0, norm = 0;
  a.forEach((v, i) => [difference, norm] = [difference + (v - b[i]) ** 2, norm + b[i] ** 2]);
  return Math.sqrt(difference / norm);
}
