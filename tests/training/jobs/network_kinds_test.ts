/** Every --network_module trained to its file, which is read back and trained on. */

import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { quietContext } from "../../../src/base/job.ts";
import { genImg } from "../../../src/generation/gen_img.ts";
import { loadImage } from "../../../src/images/load.ts";
import type { Pixels } from "../../../src/images/pixels.ts";
import { GEN_IMG_DEFAULTS } from "../../generation/defaults.ts";
import { openSafetensors } from "../../../src/formats/mod.ts";
import { loadLora } from "../../../src/networks/mod.ts";
import type { TrainNetworkConfig } from "../../../src/training/options.ts";
import { trainNetwork } from "../../../src/training/jobs/train_network.ts";
import { listening, TINY, tinyRun } from "../tiny_run.ts";

interface Row {
  readonly module: string;
  readonly args?: readonly string[];
  readonly dim?: number;
  readonly alpha?: number;
  /** Suffixes of the file's keys. */
  readonly suffixes: readonly string[];
  /** The kind that the file is read as. */
  readonly kind: string;
  /** One that starts from zero. */
  readonly moves: string;
  readonly mixedPrecision?: "no" | "bf16";
}

const LORA = {
  suffixes: ["alpha", "lora_down.weight", "lora_up.weight"],
  kind: "LoRA",
  moves: "lora_up.weight",
};

const MID = "lora_mid.weight";
const DORA = {
  suffixes: ["alpha", "dora_scale", ...LORA.suffixes.slice(1)],
  kind: "LoRA with DoRA",
  moves: LORA.moves,
};
const LOHA = {
  suffixes: ["alpha", "hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"],
  ...{ kind: "LoHa", moves: "hada_w2_a" },
};
const LOHA_T = { ...LOHA, suffixes: ["alpha", "hada_t1", "hada_t2", ...LOHA.suffixes.slice(1)] };
const LOKR = {
  suffixes: ["alpha", "lokr_w1", "lokr_w2_a", "lokr_w2_b"],
  kind: "LoKr",
  moves: "lokr_w2_b",
};
const OFT = { suffixes: ["alpha", "oft_blocks", "rescale"], kind: "OFT", moves: "oft_blocks" };

function lyco(module: string, args: string, rest: Omit<Row, "module" | "args">): Row {
  return { module, args: args.split(" "), ...rest };
}

const ROWS: readonly Row[] = [
  { module: "networks.lora_fa", args: ["conv_dim=2"], ...LORA },
  { module: "networks.dylora", args: ["unit=2", "conv_dim=4"], dim: 4, ...LORA },
  lyco("networks.loha", "conv_dim=2 use_tucker=True rank_dropout=0.1 module_dropout=0.1", LOHA_T),
  lyco("networks.lokr", "factor=4", LOKR),
  lyco("lycoris.kohya", "algo=locon conv_dim=2 use_tucker=True", {
    ...LORA,
    suffixes: [...LORA.suffixes, MID].sort(),
  }),
  lyco("lycoris.kohya", "algo=lora dora_wd=True use_scalar=True rank_dropout=0.2 preset=attn-mlp", {
    ...DORA,
    mixedPrecision: "no",
  }),
  lyco("lycoris.kohya", "algo=lora use_scalar=True rs_lora=True preset=attn-only", {
    ...LORA,
    mixedPrecision: "no", // files hold the factor multiplied in, which bf16 rounds in another place
  }),
  lyco("lycoris.kohya", "algo=loha rank_dropout=0.2 rank_dropout_scale=True preset=full-lin", LOHA),
  lyco("lycoris.kohya", "algo=lokr decompose_both=True factor=8 dora_wd=True preset=unet-transformer-only", {
    ...{
      suffixes: ["alpha", "dora_scale", "lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2_a", "lokr_w2_b"],
      kind: "LoKr with DoRA",
    },
    moves: "lokr_w2_b",
  }),
  lyco("lycoris.kohya", "algo=lokr full_matrix=True preset=unet-convblock-only", {
    ...{ suffixes: ["alpha", "lokr_w1", "lokr_w2"], kind: "LoKr", moves: "lokr_w2" },
  }),
  lyco("lycoris.kohya", "algo=ia3 preset=ia3", {
    suffixes: ["on_input", "weight"],
    kind: "IA3",
    moves: "weight",
  }),
  lyco("lycoris.kohya", "algo=dylora block_size=2 preset=attn-only", { ...LORA, dim: 4 }),
  lyco("lycoris.kohya", "algo=diag-oft constraint=1e-3 rescaled=True preset=attn-mlp", { ...OFT, dim: 4 }),
  lyco("lycoris.kohya", "algo=boft preset=attn-only", {
    ...OFT,
    ...{ kind: "BOFT", dim: 8 },
    suffixes: ["alpha", "oft_blocks"],
  }),
  lyco("lycoris.kohya", "algo=glora preset=unet-transformer-only", {
    ...{
      suffixes: ["a1.weight", "a2.weight", "alpha", "b1.weight", "b2.weight"],
      kind: "GLoRA",
      moves: "b2.weight",
    },
  }),
  lyco("lycoris.kohya", "algo=full train_norm=True module_dropout=0.1", {
    ...{ suffixes: ["b_norm", "diff", "diff_b", "w_norm"], kind: "full difference", moves: "w_norm" },
  }),
  {
    ...{ module: "networks.oft", args: ["enable_all_linear=False"], dim: 4, alpha: 1e-2 },
    ...{ suffixes: ["alpha", "oft_blocks"], kind: "OFT", moves: "oft_blocks" },
  },
];

for (const { module, args = [], dim = 2, alpha = 1, suffixes, kind, moves, ...row } of ROWS) {
  const name = [module, ...args].join(" ");
  Deno.test(`${name} is trained to a file, read back and trained on`, async () => {
    const { dir, config } = tinyRun(1);
    const path = join(dir, "out/thing.safetensors"), mixedPrecision = row.mixedPrecision ?? "bf16";
    const network = {
      networkModule: module,
      networkArgs: [...args],
      networkDim: dim,
      networkAlpha: alpha,
      mixedPrecision,
    };
    try {
      const prompts = join(dir, "prompts.txt");
      Deno.writeTextFileSync(prompts, "a thing --s 1 --d 3 --ss euler");
      const samples = { samplePrompts: prompts, sampleEveryNSteps: 2, sampleAtFirst: true };
      await trainNetwork({ ...config, ...network, ...samples, maxTrainSteps: 2 }, listening());
      await checkSamples(dir, config, path, mixedPrecision === "bf16");
      const before = read(path);
      deepStrictEqual([...new Set([...before.keys()].map(suffixOf))].sort(), suffixes);
      const started = [...before].filter(([key]) => suffixOf(key) === moves);
      ok(started.some(([, values]) => values.some((v) => v !== 0)), `${moves} has moved from zero`);
      ok([...before.values()].every((values) => values.every(Number.isFinite)));
      using file = openSafetensors(path);
      const notes: string[] = [];
      const loaded = loadLora(file, TINY.shapes, TINY.family, (line) => void notes.push(line));
      deepStrictEqual(notes, []);
      ok(loaded.modules.some((m) => m.kind.name === kind), loaded.modules[0].kind.name);
      const more = { networkWeights: path, outputName: "more", maxTrainSteps: 1, learningRate: 1e-9 };
      await trainNetwork({ ...config, ...network, ...more }, listening());
      for (const [key, values] of read(join(dir, "out/more.safetensors"))) {
        const old = before.get(key)!;
        ok(values.every((v, i) => Math.abs(v - old[i]) < 1e-6), `${key} goes on from the file`);
      }
    } finally {
      Deno.removeSync(dir, { recursive: true });
    }
  });
}

/** The sample before the training is not the one after it, which is gen_img's picture with the file. */
async function checkSamples(
  dir: string,
  config: TrainNetworkConfig,
  path: string,
  bf16: boolean,
): Promise<void> {
  const folder = join(dir, "out/sample"),
    names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  strictEqual(names.length, 2, names.join());
  const [after, before] = await Promise.all(names.map((name) => loadImage(join(folder, name))));
  await genImg({
    ...GEN_IMG_DEFAULTS,
    ...{ ckpt: config.pretrainedModelNameOrPath, networkWeights: [path], prompt: "a thing --d 3", steps: 1 },
    ...{ W: 64, H: 64, sampler: "euler", outdir: join(dir, "drawn"), sequentialFileName: true, threads: 1 },
    bf16,
  }, quietContext());
  const drawn = await loadImage(join(dir, "drawn/im_000001.png"));
  const apart = (a: Pixels, b: Pixels) =>
    a.data.reduce((sum, x, i) => sum + Math.abs(x - b.data[i]), 0) / a.data.length;
  ok(apart(after, before) > 0.3, `what is trained so far takes part: ${apart(after, before)}`);
  ok(apart(after, drawn) < 0.01, `the sample is gen_img's picture: ${apart(after, drawn)}`);
}

Deno.test("a network's options that cannot be are refused in one line", async () => {
  const { dir, config } = tinyRun(1);
  for (
    const [change, wanted] of ([
      [
        { networkModule: "networks.dylora", networkDim: 6, networkArgs: ["unit=4"] },
        /unit=4: --network_dim 6 is no/,
      ],
      [
        { networkModule: "networks.dylora", networkArgs: ["conv_dim=3"] },
        /conv_dim=3: DyLoRA has one rank; give 2/,
      ],
      [{ networkModule: "networks.dylora", networkDropout: 0.1 }, /networks\.dylora has no dropout/],
      [{ networkModule: "networks.oft", networkDim: 5 }, /outputs, which do not part into 5 blocks/],
      [{ networkModule: "networks.oft", networkArgs: ["conv_dim=3"] }, /networks\.oft takes no conv_dim/],
      [lycoris("algo=ia3 loraplus_lr_ratio=4"), /loraplus_lr_ratio: algo=ia3 has no LoRA\+/],
      [lycoris("algo=nothing"), /algo=nothing: there is no such algorithm; give one of lora,/],
      [lycoris("preset=most"), /preset=most: there is no such preset; give one of full,/],
      [
        { ...lycoris("algo=boft"), networkDim: 1 },
        /outputs, no even block of at most 1 leaves a power of two/,
      ],
      [lycoris("algo=ia3 dora_wd=True"), /dora_wd: IA3 has no DoRA; it goes with lora, loha and lokr/],
      [lycoris("dropout=0.3 bypass_mode=True"), /dropout 0.3 with bypass_mode is not supported/],
      [
        { ...lycoris("dropout=0.3 bypass_mode=True"), compat: "0.9.1" },
        /dropout 0.3 with bypass_mode is not/,
      ],
      [lycoris("use_tucker=perhaps"), /use_tucker=perhaps: give True or False/],
      [lycoris("algo=lokr factor=0"), /factor=0: give a whole number above 0, or -1/],
      [{ networkModule: "networks.loft" }, /networks\.loft is not supported yet; these are: networks\.lora,/],
    ] as [Partial<TrainNetworkConfig>, RegExp][])
  ) {
    await rejects(trainNetwork({ ...config, ...change }, listening()), wanted);
  }
  Deno.removeSync(dir, { recursive: true });
});

function lycoris(args: string): Partial<TrainNetworkConfig> {
  return { networkModule: "lycoris.kohya", networkArgs: args.split(" ") };
}

function suffixOf(key: string): string {
  return key.slice(key.indexOf(".") + 1);
}

function read(path: string): Map<string, Float32Array> {
  using file = openSafetensors(path);
  return new Map(file.keys().map((key) => [key, file.f32(key)]));
}

Deno.test("--save_lora_keys writes the file under others' keys, which it is trained on from", async () => {
  const { dir, config } = tinyRun(1);
  const path = join(dir, "out/thing.safetensors");
  await trainNetwork({ ...config, saveLoraKeys: "comfy", maxTrainSteps: 1 }, listening());
  ok(
    [...read(path).keys()].every((key) =>
      /^(diffusion_model|text_encoders\.clip_l\.transformer)\./.test(key)
    ),
  );
  const more = { networkWeights: path, outputName: "more", maxTrainSteps: 1, dimFromWeights: true };
  await trainNetwork({ ...config, ...more }, listening());
  ok([...read(join(dir, "out/more.safetensors")).keys()].every((key) => key.startsWith("lora_")));
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("--base_weights takes files that change biases and norms", async () => {
  const { dir, config } = tinyRun(1);
  const path = join(dir, "out/thing.safetensors");
  const network = { networkModule: "lycoris.kohya", networkArgs: ["algo=full", "train_norm=True"] };
  await trainNetwork({ ...config, ...network, maxTrainSteps: 1 }, listening());
  const context = listening();
  await trainNetwork({ ...config, baseWeights: [path], outputName: "more", maxTrainSteps: 1 }, context);
  ok(context.lines.some((line) => line.includes("merging")), context.lines.join("\n"));
  ok([...read(join(dir, "out/more.safetensors")).values()].every((values) => values.every(Number.isFinite)));
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("--scale_weight_norms limits what LyCORIS limits, and tells where it has no effect", async () => {
  const { dir, config } = tinyRun(1);
  /** The largest norm of the tensors of one name in the file, and what was said. */
  const trained = async (change: Partial<TrainNetworkConfig>, scaleWeightNorms: number | null, name = "") => {
    const context = listening();
    const more = { scaleWeightNorms, networkTrainUnetOnly: true, savePrecision: "float" as const };
    await trainNetwork({ ...config, ...change, ...more }, context);
    const found = [...read(join(dir, "out/thing.safetensors"))].filter(([key]) => key.endsWith(name));
    const largest = Math.max(...found.map(([, x]) => Math.hypot(...x)));
    using file = openSafetensors(join(dir, "out/thing.safetensors"));
    return { largest, said: context.lines.join("\n"), recorded: file.metadata.ss_scale_weight_norms };
  };
  const oft = { ...lycoris("algo=diag-oft"), networkDim: 4 };
  const free = await trained(oft, null, "oft_blocks");
  const limited = await trained(oft, free.largest / 2, "oft_blocks");
  ok(Math.abs(limited.largest / free.largest - 0.5) < 1e-5, `${limited.largest} of ${free.largest}`);
  // sd-scripts' own classes without norms have it switched off; LyCORIS goes over all that has none
  const without = { networkDim: 4 };
  for (
    const [change, record] of [
      [lycoris("algo=ia3"), "1.0"],
      [{ networkModule: "networks.dylora", ...without }, "False"],
      [{ networkModule: "networks.oft", ...without }, "False"],
    ] as const
  ) {
    const { said, recorded } = await trained(change, 1);
    match(said, /--scale_weight_norms has no effect: .* has no norm that is limited/);
    strictEqual(recorded, record);
  }
  // of weights in 16 bits, and of DoRA's change without its norms
  for (const change of [{ fullBf16: true, mixedPrecision: "bf16" as const }, lycoris("dora_wd=True")]) {
    const free = await trained(change, null, "lora_up.weight"),
      limited = await trained(change, 1e-6, "lora_up.weight");
    ok(limited.largest < free.largest / 3, `${limited.largest} of ${free.largest}`);
  }
  Deno.removeSync(dir, { recursive: true });
});
