/** convert_lora and lora diff: networks of every kind, in every dialect. */

import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { quietContext } from "../../src/base/job.ts";
import { modelPath } from "../../src/base/assets.ts";
import { openSafetensors, writeSafetensors } from "../../src/formats/mod.ts";
import { openModel } from "../../src/models/mod.ts";
import {
  loadLora,
  type NetworkModule,
  networkNamed,
  saveLora,
  tensorShapes,
} from "../../src/networks/mod.ts";
import { withDefaults } from "../../src/options/mod.ts";
import { convertLora } from "../../src/tools/network/any_kind/convert_lora.ts";
import { distance, loraDiff, totalOf } from "../../src/tools/network/any_kind/lora_diff.ts";
import {
  type ConvertLoraConfig,
  convertLoraOptions,
  loraDiffOptions,
} from "../../src/tools/network/options.ts";
import { uniform } from "../golden/synth.ts";
import { listening, TINY, writeTinyModel } from "../training/tiny_run.ts";

const CPU = { device: "cpu", threads: 1 };
const CONFIG = withDefaults([convertLoraOptions], { to: "kohya", ...CPU });
const DIFF = withDefaults([loraDiffOptions], CPU);

/** A few layers: linear of both parts, and a convolution. */
const FEW =
  /layers_0_mlp_fc1|down_blocks_0_.*attn2_to_k|down_blocks_0_resnets_0_conv1|_norm_out$|down_blocks_0_attentions_0_norm$/;

type Model = Pick<typeof TINY, "family" | "shapes">;

function network(args: string, model: Model = TINY, name = "lycoris.kohya"): NetworkModule[] {
  const named = networkNamed(name);
  const flags = { dim: 4, alpha: 2, dropout: null, args: args.split(" ").filter((arg) => arg !== "") };
  const options = named.options(flags, model.family.sites.blocks, false);
  return named.modules(model.shapes, model.family, options, {}).filter((m) => FEW.test(m.name));
}

function write(path: string, modules: readonly NetworkModule[], seed = ""): void {
  const size = (shape: readonly number[]) => shape.reduce((a, d) => a * d, 1);
  saveLora(
    path,
    modules,
    new Map([...tensorShapes(modules)].map(([key, shape]) => [key, uniform(seed + key, size(shape), 0.3)])),
    "F32",
    { ss_network_module: "lycoris.kohya", ss_training_comment: "of mine" },
  );
}

async function inFolder(body: (at: (name: string) => string) => Promise<void>): Promise<void> {
  const dir = Deno.makeTempDirSync({ prefix: "easel-convert-" });
  const at = (name: string) => join(dir, `${name}.safetensors`);
  writeTinyModel(at("model"));
  try {
    await body(at);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

const KINDS = [
  "algo=locon use_tucker=True",
  "algo=loha",
  "algo=loha use_tucker=True",
  "algo=lokr factor=4",
  "algo=glora",
  "algo=diag-oft",
  "algo=boft",
  "algo=ia3",
  "algo=full",
  "algo=lora dora_wd=True",
];

Deno.test("a network of any kind becomes a plain LoRA that changes weights as it did", () =>
  inFolder(async (at) => {
    for (const [i, args] of KINDS.entries()) {
      write(at(args), network(args));
      const sdModel = at("model"), heard = listening();
      const config = { ...CONFIG, to: "lora" as const, sdModel, dim: 1000 };
      await convertLora(config, at(args), at(`${i}`), heard);
      using file = openSafetensors(at(`${i}`));
      const { modules } = loadLora(file, TINY.shapes, TINY.family);
      ok(modules.length > 1 && modules.every(({ kind }) => kind.name === "LoRA"), args);
      strictEqual(file.metadata.ss_network_module, "networks.lora");
      strictEqual(file.metadata.ss_training_comment, "converted from lycoris.kohya; of mine");
      const { changes } = await loraDiff({ ...DIFF, sdModel }, [at(args), at(`${i}`)], quietContext());
      const weights = changes.filter(({ key }) => key.endsWith(".weight"));
      ok(distance(totalOf(weights)) < 1e-4, `${args}: ${distance(totalOf(weights))}`);
      const biases = changes.length - weights.length;
      strictEqual(
        heard.lines.some((line) => /no place for changes of norms and biases/.test(line)),
        biases > 0,
      );
    }
  }));

Deno.test("a lower rank tells what is lost, of the whole and module by module, and lora diff finds the same", () =>
  inFolder(async (at) => {
    write(at("net"), network("algo=loha"));
    const heard = listening(), config: ConvertLoraConfig = { ...CONFIG, to: "lora", sdModel: at("model") };
    await convertLora({ ...config, dim: 3, convDim: 5, verbose: true }, at("net"), at("low"), heard);
    const lines = heard.lines.join("\n");
    match(lines, /lora_te_text_model_encoder_layers_0_mlp_fc1: LoHa, rank 3, error \d+\.\d%/);
    match(lines, /conv1: LoHa, rank 5, error/);
    const told = Number(/error ([\d.]+)% of the change's norm/.exec(lines)![1]);
    const { changes } = await loraDiff(
      { ...DIFF, sdModel: at("model") },
      [at("net"), at("low")],
      quietContext(),
    );
    ok(Math.abs(100 * distance(totalOf(changes)) - told) < 0.1);
    using file = openSafetensors(at("low"));
    deepStrictEqual([file.metadata.ss_network_dim, file.metadata.ss_network_args], [
      "3",
      '{"conv_dim": "5", "conv_alpha": "5.0"}',
    ]);
  }));

Deno.test("what is lost of numbers whose squares are no float32 is told all the same", () =>
  inFolder(async (at) => {
    const modules = network("", TINY, "networks.lora"), heard = listening();
    const size = (shape: readonly number[]) => shape.reduce((a, d) => a * d, 1);
    const weights = [...tensorShapes(modules)].map(([key, shape]): [string, Float32Array] => [
      key,
      uniform(key, size(shape), key.endsWith("lora_up.weight") ? 1e25 : 0.3),
    ]);
    saveLora(at("large"), modules, new Map(weights), "F32", {});
    await convertLora({ ...CONFIG, to: "lora", sdModel: at("model"), dim: 2 }, at("large"), at("out"), heard);
    match(heard.lines.join("\n"), /error [1-9]\d\.\d% of the change's norm, most in \w+: \d+\.\d%/);
  }));

Deno.test("dialects lead into each other, for the built-in model without its being named", () =>
  inFolder(async (at) => {
    const builtin = openModel(modelPath("builtin:tiny"));
    write(at("kohya"), network("conv_dim=2", builtin, "networks.lora"));
    builtin.close();
    let from = at("kohya");
    for (const to of ["comfy", "diffusers", "kohya"] as const) {
      await convertLora(
        { ...CONFIG, to, savePrecision: "fp16" },
        from,
        from = at(`to ${to}`),
        quietContext(),
      );
      const { changes, metadata } = await loraDiff(DIFF, [at("kohya"), from], quietContext());
      ok(distance(totalOf(changes)) < 1e-3 && changes.length > 2, to);
      ok([...metadata.keys()].every((key) => key.startsWith("sshs_")), `${[...metadata.keys()]}`);
    }
    write(at("other"), network("conv_dim=2", TINY, "networks.lora"));
    await rejects(
      convertLora(CONFIG, at("other"), at("none"), quietContext()),
      /nor does it fit another model that easel knows; give its model with --sd_model/,
    );
    await rejects(Deno.stat(at("none")), Deno.errors.NotFound);
  }));

Deno.test("without a model a file's own fault is told, not that it fits another model", () =>
  inFolder(async (at) => {
    const builtin = openModel(modelPath("builtin:tiny"));
    write(at("whole"), network("", builtin, "networks.lora"));
    builtin.close();
    using file = openSafetensors(at("whole"));
    const tensors = file.keys().map((name) => {
      return {
        name,
        dtype: "F32",
        shape: file.info(name).shape,
        data: new Uint8Array(file.f32(name).buffer),
        copied: true,
      };
    });
    const up = tensors.findIndex(({ name }) => name.endsWith("lora_up.weight"));
    writeSafetensors(at("half"), tensors.toSpliced(up, 1), {});
    const { shape } = tensors[up], nan = new Float32Array(shape[0] * shape[1]).fill(NaN);
    writeSafetensors(
      at("nan"),
      tensors.with(up, { ...tensors[up], data: new Uint8Array(nan.buffer) }),
      {},
    );
    for (const to of ["lora", "comfy"] as const) {
      for (
        const [name, message] of [
          ["half", /half\.safetensors: \S+ has no lora_up\.weight; the file is incomplete/],
          ["nan", /nan\.safetensors: \S+lora_up\.weight holds NaN at 0, /],
        ] as const
      ) {
        await rejects(convertLora({ ...CONFIG, to }, at(name), at("out"), quietContext()), message);
        await rejects(Deno.stat(at("out")), Deno.errors.NotFound);
      }
    }
  }));

Deno.test("what cannot be converted says why in a line and leaves no file", () =>
  inFolder(async (at) => {
    const builtin = openModel(modelPath("builtin:tiny"));
    write(at("oft"), network("algo=diag-oft", builtin));
    write(at("norms"), network("algo=lora train_norm=True", builtin).filter((m) => m.shape.length === 1));
    builtin.close();
    const refused: [Partial<ConvertLoraConfig>, string, RegExp][] = [
      [
        { to: "lora" },
        "oft",
        /is of kind OFT, whose change depends on the model's weights; give the model with --sd_model/,
      ],
      [{ to: "diffusers" }, "oft", /is of kind OFT, diffusers reads plain LoRAs only; .*--to lora/],
      [{ to: "lora" }, "norms", /changes norms and biases alone, which no plain LoRA can/],
    ];
    for (const [config, name, message] of refused) {
      await rejects(convertLora({ ...CONFIG, ...config }, at(name), at("out"), quietContext()), message);
      await rejects(Deno.stat(at("out")), Deno.errors.NotFound);
    }
    await rejects(convertLora(CONFIG, at("oft"), at("oft"), quietContext()), /is IN and would be replaced/);
  }));
