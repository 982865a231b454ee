import assert from "node:assert/strict";
import { UserError } from "../../../src/base/errors.ts";
import { openSafetensors, type TensorFile, writeSafetensors } from "../../../src/formats/safetensors.ts";
import { sdBlocks } from "../../../src/models/mod.ts";
import {
  fileModules,
  type LoadedLora,
  loadInto,
  loadLora,
  loraModules,
  loraOptions,
  saveLora,
  scaleOf,
  tensorShapes,
} from "../../../src/networks/mod.ts";
import { sd1 } from "../../../src/models/families/sd1.ts";
import { small } from "../models.ts";
import { TINY, TINY_SD2, TINY_SDXL } from "../../training/tiny_run.ts";

type Entry = [name: string, shape: number[]];

/** Opens a file of these tensors, all 0.5. */
function withLora(entries: Entry[], then: (file: TensorFile) => void): void {
  const path = Deno.makeTempFileSync({ prefix: "cat", suffix: ".safetensors" });
  try {
    writeSafetensors(
      path,
      entries.map(([name, shape]) => {
        const values = new Float32Array(shape.reduce((a, d) => a * d, 1)).fill(0.5);
        return { name, dtype: "F32", shape, data: new Uint8Array(values.buffer) };
      }),
    );
    using file = openSafetensors(path);
    then(file);
  } finally {
    Deno.removeSync(path);
  }
}

/** Loads them into the small SD1 model. */
function load(entries: Entry[], then: (lora: LoadedLora) => void = () => {}): void {
  withLora(entries, (file) => then(loadLora(file, small(), sd1)));
}

function refuses(entries: Entry[], message: RegExp): void {
  assert.throws(() => load(entries), (error: unknown) => {
    assert(error instanceof UserError);
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /\n/);
    return true;
  });
}

const Q = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q";
const K2 = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k";
const pair = (name: string, rank = 2, width = 32): Entry[] => [
  [`${name}.lora_down.weight`, [rank, width]],
  [`${name}.lora_up.weight`, [32, rank]],
];

Deno.test("a LoRA without alpha is scaled by 1: alpha is its rank", () => {
  load(pair(Q), ({ modules }) => {
    assert.equal(modules.length, 1);
    assert.equal(modules[0].rank, 2);
    assert.deepEqual(modules[0].alpha, { value: 2, integer: true });
  });
});

Deno.test("ranks and alphas are read module by module", () => {
  load([...pair(Q, 3), [`${Q}.alpha`, []], ...pair(K2, 5, 64)], ({ modules }) => {
    assert.deepEqual(modules.map((m) => [m.rank, m.alpha.value]), [[3, 0.5], [5, 5]]);
  });
});

Deno.test("diffusers' keys of all generations name the same module", () => {
  const path = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1";
  for (
    const [down, up] of [
      ["to_q.lora_A.weight", "to_q.lora_B.weight"],
      ["to_q.lora.down.weight", "to_q.lora.up.weight"],
      ["processor.to_q_lora.down.weight", "processor.to_q_lora.up.weight"],
    ]
  ) {
    load([[`${path}.${down}`, [2, 32]], [`${path}.${up}`, [32, 2]]], ({ modules }) => {
      assert.deepEqual(modules.map((m) => m.name), [Q]);
    });
  }
  const text = "text_encoder.text_model.encoder.layers.1.mlp.fc1.lora_linear_layer";
  load([[`${text}.down.weight`, [2, 64]], [`${text}.up.weight`, [128, 2]]], ({ modules }) => {
    assert.deepEqual(modules.map((m) => m.name), ["lora_te_text_model_encoder_layers_1_mlp_fc1"]);
  });
});

Deno.test("a LoRA of another family is refused with both shapes and the model to use", () => {
  refuses(
    pair(K2, 2, 1024),
    /attn2_to_k\.lora_down\.weight is \[2, 1024\], this SD1 model takes \[2, 64\]; use an SD2 model/,
  );
  refuses(
    [...pair(Q), ...pair("lora_te2_text_model_encoder_layers_0_mlp_fc1")],
    /lora_te2_.* is for no layer of this SD1 model; use an SDXL model/,
  );
});

Deno.test("incomplete files and other network types are refused by name", () => {
  refuses(pair(Q).slice(0, 1), /attn1_to_q has no lora_up\.weight; the file is incomplete/);
  refuses([...pair(Q), [`${Q}.alpha`, [3]]], /attn1_to_q\.alpha is a list of 3, a finite number is wanted/);
  refuses([[`${Q}.hada_w1_a`, [2, 2]]], /attn1_to_q has no hada_w1_b; the file is incomplete/);
  refuses(
    [[`${Q}.oft_R.weight`, [2, 2]]],
    /oft_R\.weight is \[2, 2\], this SD1 model takes/,
  );
  refuses([["model.weight", [2, 2]]], /holds no LoRA .*it has model\.weight\); give a LoRA file/);
  refuses([["emb_params", [4, 8]]], /is a textual inversion embedding; give a LoRA file/);
  refuses([["control_model.input_blocks.0.0.weight", [2, 2]]], /is a ControlNet; give a LoRA file/);
  refuses(pair("lora_unet_conv_nowhere"), /is for no layer of this SD1 model; use a model of the kind/);
});

Deno.test("what lies beside a LoRA is noted and left out", () => {
  const notes: string[] = [];
  const extra: Entry[] = [["bundle_emb.mycat.string_to_param.*", [2, 8]], ["bundle_emb.dog.clip_l", [1, 8]], [
    "optimizer.step",
    [],
  ]];
  withLora([...pair(Q), ...pair("lora_unet_time_embedding_9"), ...extra], (file) => {
    const { modules } = loadLora(
      file,
      small(),
      sd1,
      (line) => notes.push(line.slice(file.path.length + 2)),
    );
    assert.deepEqual(modules.map((m) => m.name), [Q]);
    assert.deepEqual(fileModules(file, null, () => {}).map((m) => m.name).sort(), [
      Q,
      "lora_unet_time_embedding_9",
    ]);
  });
  assert.deepEqual(notes, [
    "its LoRA is used, its embeddings are left out: dog, mycat (bundle_emb)",
    "left out, being no keys of a LoRA: optimizer.step",
    "left out, being for no layer of this SD1 model: lora_unet_time_embedding_9.lora_down.weight",
  ]);
});

Deno.test("loadInto() wants the options' rank and takes the file's alpha", () => {
  const path = Deno.makeTempFileSync({ suffix: ".safetensors" });
  try {
    writeSafetensors(
      path,
      [...pair(Q, 4), [`${Q}.alpha`, []] as Entry].map(([name, shape]) => {
        const values = new Float32Array(shape.reduce((a, d) => a * d, 1)).fill(0.5);
        return { name, dtype: "F32", shape, data: new Uint8Array(values.buffer) };
      }),
    );
    using file = openSafetensors(path);
    const loaded = loadLora(file, small(), sd1);
    const network = (dim: number) =>
      loraModules(small(), sd1, loraOptions({ dim, alpha: 1, dropout: null, args: null }, sdBlocks));
    assert.throws(
      () => loadInto(file, network(8), loaded),
      /has rank 4, the options ask for 8; use --dim_from/,
    );
    const { modules, missing, otherAlpha } = loadInto(file, network(4), loaded);
    assert.equal(scaleOf(modules.find((m) => m.name === Q)!), 0.5 / 4);
    assert.equal(missing, modules.length - 1);
    assert.deepEqual(otherAlpha, { name: Q, file: 0.5, options: 1 });
    assert.deepEqual([...loaded.weights.keys()], [`${Q}.lora_down.weight`, `${Q}.lora_up.weight`]);
    // sd-scripts 0.9.1 computes with the options' alpha and saves the file's
    const repeated = loadInto(file, network(4), loaded, true).modules.find((m) => m.name === Q)!;
    assert.equal(scaleOf(repeated), 1 / 4);
    assert.deepEqual(repeated.alpha, { value: 0.5, integer: false });
  } finally {
    Deno.removeSync(path);
  }
});

Deno.test("a network goes on from its own file, in every family with the shapes that it was made with", () => {
  for (const { family, shapes } of [TINY, TINY_SD2, TINY_SDXL]) {
    const options = loraOptions({ dim: 4, alpha: 1, dropout: null, args: null }, family.sites.blocks);
    const made = loraModules(shapes, family, options),
      path = Deno.makeTempFileSync({ suffix: ".safetensors" });
    try {
      const weights = new Map(
        [...tensorShapes(made)].map((
          [key, shape],
        ) => [key, new Float32Array(shape.reduce((n, d) => n * d, 1))]),
      );
      saveLora(path, made, weights, "F32");
      using file = openSafetensors(path);
      const loaded = loadLora(file, shapes, family), went = loadInto(file, made, loaded);
      assert.equal(went.missing, 0, family.label);
      const shown = (modules: LoadedLora["modules"]) => modules.map(({ name, tensors }) => [name, tensors]);
      assert.deepEqual(shown(loaded.modules), shown(made), family.label);
    } finally {
      Deno.removeSync(path);
    }
  }
});
