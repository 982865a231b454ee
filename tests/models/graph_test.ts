import assert from "node:assert/strict";
import { Graph, type Tensor } from "../../src/graph/mod.ts";
import {
  below,
  clipConfig,
  clipLShapes,
  decode,
  encode,
  type Layer,
  openClipShapes,
  textStates,
  UNET,
  unetConfig,
  unetKeys,
  unetShapes,
  VAE,
  vaeConfig,
  vaeKeys,
  vaeShapes,
  Weights,
} from "../../src/models/mod.ts";
import { family as familyOf, type FamilyName } from "../golden/synth_models.ts";
import { SMALL_UNET, SMALL_VAE, smallCheckpoint } from "./sample.ts";

const FAMILIES: FamilyName[] = ["sd1", "sd2", "sdxl"];

Deno.test("a model's numbers are read back from its shapes", () => {
  for (const family of FAMILIES) {
    assert.deepEqual(unetConfig(unetShapes(SMALL_UNET[family])), SMALL_UNET[family]);
  }
  const uneven = { ...SMALL_UNET.sd1, channels: [64, 64, 128, 128], depths: [1, 1, 1, 0] };
  assert.deepEqual(unetConfig(unetShapes(uneven)), uneven);
  assert.deepEqual(vaeConfig(vaeShapes(SMALL_VAE)), SMALL_VAE);
  assert.deepEqual(vaeConfig(vaeShapes({ ...SMALL_VAE, linearAttention: true })), {
    ...SMALL_VAE,
    linearAttention: true,
  });
  const clip = { width: 64, layers: 3, inner: 256, vocabulary: 100, positions: 77, projection: 0 };
  const l = { ...clip, layout: "clip_l" as const },
    open = { ...clip, layout: "open_clip" as const, projection: 32 };
  assert.deepEqual(clipConfig(clipLShapes(l)), l);
  assert.deepEqual(clipConfig(openClipShapes(open)), open);
});

Deno.test("both names of every key are different from all others", () => {
  for (const family of FAMILIES) {
    const rows = unetKeys(unetShapes(SMALL_UNET[family]));
    assert.equal(new Set(rows.map((row) => row.other)).size, rows.length);
    assert.ok(rows.every((row) => !/(in|out)put_blocks|middle_block/.test(row.other)));
  }
  const rows = vaeKeys(vaeShapes(SMALL_VAE));
  assert.equal(new Set(rows.map((row) => row.other)).size, rows.length);
});

/** A U-Net of the family over a batch of 2, recorded in `dtype`. */
function predict(family: FamilyName, size: [number, number], options: { dtype?: "f32" | "bf16" } = {}) {
  const graph = new Graph(), seen: [string, Layer, Tensor, Tensor][] = [];
  const weights = Weights.over(graph, smallCheckpoint(family), {
    ...options,
    adapter: (path, x, y, layer) => (seen.push([path, layer, x, y]), y),
  });
  const { contextWidth, vectorWidth } = SMALL_UNET[family];
  const output = familyOf(family).denoise(
    graph.input("x", [2, ...size, 4]),
    graph.input("t", [2]),
    {
      context: graph.input("c", [2, 77, contextWidth]),
      vector: vectorWidth ? graph.input("v", [2, vectorWidth]) : undefined,
    },
    weights,
  );
  return { graph, seen, output };
}

Deno.test("a U-Net takes latents of any size and gives float32 of the same", () => {
  for (const family of FAMILIES) {
    for (const size of [[8, 8], [5, 9]] as [number, number][]) {
      for (const dtype of ["f32", "bf16"] as const) {
        const { output, graph } = predict(family, size, { dtype });
        assert.deepEqual([output.shape, output.dtype], [[2, ...size, 4], "f32"]);
        const stored = graph.nodes.filter((n) => n.source?.kind === "parameter").map((n) =>
          n.outputs[0].dtype
        );
        assert.ok(stored.length > 0 && stored.every((d) => d === dtype));
      }
    }
  }
});

Deno.test("every weight of a U-Net is used, and an adapter sees each layer once", () => {
  for (const family of FAMILIES) {
    const { graph, seen } = predict(family, [8, 8]);
    const keys = [...below(smallCheckpoint(family), `${UNET}.`).keys()].map((key) => `${UNET}.${key}`);
    const used = graph.nodes.flatMap((n) => n.source?.kind === "parameter" ? [n.source.name] : []);
    assert.deepEqual(used.sort(), keys.sort());
    const layers = keys.filter((key) =>
      key.endsWith(".weight") && smallCheckpoint(family).get(key)!.length > 1
    );
    assert.deepEqual(seen.map(([path]) => `${path}.weight`).sort(), layers.sort());
    for (const [path, layer, x, y] of seen) {
      assert.equal(x.shape.at(-1), layer.shape[1], path);
      assert.equal(y.shape.at(-1), layer.shape[0], path);
    }
  }
});

Deno.test("text encoders: contexts of training and of generation, pooled rows, parts of the fused projection", () => {
  for (const family of FAMILIES) {
    const graph = new Graph(), shapes = smallCheckpoint(family), paths: string[] = [];
    const w = Weights.over(graph, shapes, {
      adapter: (path, _, y, layer) => {
        paths.push(path);
        assert.equal(y.shape.at(-1), layer.shape[0], path);
        return y;
      },
    });
    const { text, textEncoders } = familyOf(family);
    const ids = textEncoders.map((_, i) => graph.input(`ids${i}`, [6, 77], "i32"));
    const inputs = { ids, chunks: 3, eosRows: graph.input("eos", [6], "i32") };
    const width = SMALL_UNET[family].contextWidth;
    const trained = text.captions(inputs, w);
    assert.deepEqual(trained.context.shape, [2, 227, width]);
    const weights = ids.map((_, i) => graph.input(`w${i}`, [2, 231]));
    const generated = text.prompts({ ...inputs, weights }, w);
    assert.deepEqual(generated.context.shape, [2, 231, width]);
    assert.deepEqual(trained.pooled?.shape, family === "sdxl" ? [2, 64] : undefined);
    if (family !== "sd1") assert.ok(paths.some((path) => path.endsWith("resblocks.0.attn.q_proj")));
    const { layers } = textStates(textEncoders[0], ids[0], w);
    assert.equal(layers, family === "sd2" ? 1 : 2); // SD2 never uses its last layer
  }
});

Deno.test("clip_skip beyond the encoder's layers is an error", () => {
  const graph = new Graph(), w = Weights.over(graph, smallCheckpoint("sd1"));
  const inputs = { ids: [graph.input("ids", [1, 77], "i32")], chunks: 1 };
  assert.throws(() => familyOf("sd1").text.captions(inputs, w, { clipSkip: 4 }), /clip_skip 4.*has 2 layers/);
});

Deno.test("an autoencoder halves and doubles with its levels, with convolutional and linear attention", () => {
  for (const linearAttention of [false, true]) {
    const graph = new Graph(), w = Weights.over(graph, vaeShapes({ ...SMALL_VAE, linearAttention }));
    const { mean, logvar } = encode(graph.input("image", [1, 16, 24, 3]), w);
    assert.deepEqual([mean.shape, logvar.shape], [[1, 8, 12, 4], [1, 8, 12, 4]]);
    assert.deepEqual(decode(mean, w).shape, [1, 16, 24, 3]);
    const used = graph.nodes.filter((n) => n.source?.kind === "parameter").length;
    assert.equal(used, vaeShapes(SMALL_VAE).size);
  }
});

Deno.test("a weight that is missing is an error that names file and key", () => {
  const w = Weights.over(new Graph(), vaeShapes(SMALL_VAE), { source: "cat.safetensors" });
  assert.throws(
    () => w.at("encoder").tensor("nothing.weight"),
    /cat\.safetensors: encoder\.nothing\.weight is missing/,
  );
  assert.equal(w.at(VAE).has("encoder"), false);
});
