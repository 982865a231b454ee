import assert from "node:assert/strict";
import { join } from "node:path";
import { quietContext } from "../../../src/base/job.ts";
import { openCheckpoint } from "../../../src/formats/mod.ts";
import { openSafetensors } from "../../../src/formats/safetensors.ts";
import { parseArgs } from "../../../src/options/given/parse.ts";
import { findCommand } from "../../../src/cli/front/program.ts";
import { prepare } from "../../../src/cli/front/run_command.ts";
import { withDefaults } from "../../../src/options/mod.ts";
import { TorchGenerator } from "../../../src/random/mod.ts";
import { llliteJob } from "../../../src/training/jobs/lllite/job.ts";
import { trainLLLite } from "../../../src/training/jobs/lllite/run.ts";
import { type LLLiteConfig, llliteGroups } from "../../../src/training/options.ts";
import { setUpLLLite } from "../../../src/training/trained/lllite/network.ts";
import { TINY_SDXL, writePictures, writeTinyModel } from "../tiny_run.ts";

const dir = Deno.makeTempDirSync({ prefix: "easel-lllite-" });
globalThis.addEventListener("unload", () => Deno.removeSync(dir, { recursive: true }));
writeTinyModel(join(dir, "sdxl.safetensors"), {}, TINY_SDXL);
writeTinyModel(join(dir, "sd1.safetensors"));
for (const name of ["images", "edges"]) writePictures(join(dir, name), 2);

const defaults = withDefaults(llliteGroups, {
  ...{ pretrainedModelNameOrPath: join(dir, "sdxl.safetensors"), outputDir: join(dir, "out") },
  ...{ outputName: "thing", resolution: "64", captionExtension: ".txt", cacheLatents: true, seed: 5 },
  ...{ trainDataDir: join(dir, "images/1_thing"), conditioningDataDir: join(dir, "edges/1_thing") },
  ...{ condEmbDim: 4, networkDim: 3, learningRate: 0.05, maxTrainSteps: 3, noHalfVae: true, threads: 1 },
});

async function train(options: Partial<LLLiteConfig>) {
  const config = { ...defaults, ...options };
  llliteJob.check!(config);
  await trainLLLite(config, quietContext());
}

const values = (path: string) => {
  using file = openCheckpoint(path);
  return new Map(file.keys().map((key) => [key, file.f32(key)]));
};

Deno.test("an LLLite is trained, and gone on from", async (t) => {
  await train({});
  const path = join(dir, "out/thing.safetensors");

  await t.step("the file says what it is", () => {
    using file = openSafetensors(path);
    const { metadata } = file;
    assert.equal(metadata["modelspec.architecture"], "stable-diffusion-xl-v1-base/control-net-lllite");
    assert.equal(metadata["modelspec.title"], "thing");
    const key = "lllite_unet_input_blocks_3_1_transformer_blocks_0_attn1_to_q";
    assert.deepEqual(file.info(`${key}.mid.0.weight`).shape, [3, 7]);
    assert.deepEqual(file.info(`${key}.conditioning1.2.weight`).shape, [4, 2, 4, 4]);
  });
  await t.step("--network_weights begins with the file's weights and sizes", async () => {
    const networkWeights = path, sizes = { condEmbDim: null, networkDim: null };
    // a rate at which nothing moves
    await train({ networkWeights, ...sizes, outputName: "more", learningRate: 1e-30, optimizerType: "SGD" });
    const before = values(path), after = values(join(dir, "out/more.safetensors"));
    assert.deepEqual([...after.keys()], [...before.keys()]);
    for (const [key, was] of before) {
      assert.ok(after.get(key)!.every((x, i) => Math.abs(x - was[i]) < 1e-20), key);
    }
    await assert.rejects(
      train({ networkWeights, outputName: "other", networkDim: 8 }),
      /--network_dim 8 is asked for and the file has 3; leave --network_dim out/,
    );
  });
  await t.step("--save_model_as pt and --save_precision", async () => {
    await train({ outputName: "half", saveModelAs: "pt", savePrecision: "fp16", maxTrainSteps: 1 });
    using file = openCheckpoint(join(dir, "out/half.pt"));
    assert.deepEqual(new Set(file.keys().map((key) => file.info(key).dtype)), new Set(["F16"]));
  });
});

Deno.test("an LLLite's first weights are PyTorch's, and its way out is zero", () => {
  const setup = setUpLLLite({ condEmbDim: 4, networkDim: 4, networkWeights: null }, TINY_SDXL);
  const weights = setup.weights(new TorchGenerator(5));
  const [convolution, bias] = [...weights.values()];
  // torch.manual_seed(5); torch.nn.Conv2d(3, 2, 4, 4)
  const wanted = [0.09533549845218658, -0.10793247818946838, 0.1176263689994812, 0.09235497564077377];
  const close = (a: ArrayLike<number>, b: readonly number[]) =>
    b.forEach((x, i) => assert.ok(Math.abs(a[i] - x) < 1e-7, `${a[i]} and ${x}`));
  close(convolution, wanted);
  close(bias, [-0.05325654521584511, -0.019937891513109207]);
  const out = [...weights].filter(([name]) => name.endsWith(".up.0.weight"));
  assert.ok(out.length > 0 && out.every(([, zeros]) => zeros.every((x) => x === 0)));
});

Deno.test("what an LLLite cannot be trained on is refused in a line", async () => {
  const bad: [string, Partial<LLLiteConfig>, RegExp][] = [
    [
      "SD1",
      { pretrainedModelNameOrPath: join(dir, "sd1.safetensors") },
      /is an SD1 checkpoint, this command is for SDXL/,
    ],
    ["sides", { resolution: "72" }, /pictures are trained at 72x72, .* multiples of 32; change --resolution/],
    ["buckets", { enableBucket: true, bucketResoSteps: 16 }, /--bucket_reso_steps 16: .* multiples of 32/],
    ["no guides", { conditioningDataDir: null }, /no conditioning images: give --conditioning_data_dir/],
    ["no LLLite", { networkWeights: join(dir, "sd1.safetensors") }, /--network_weights wants an LLLite/],
    ["nothing", { learningRate: 0 }, /learning_rate/],
  ];
  for (const [name, options, message] of bad) await assert.rejects(train(options), message, name);
});

Deno.test("dropout of an LLLite: sd-scripts 0.9.1 forgets it without --gradient_checkpointing", async () => {
  const losses = async (options: Partial<LLLiteConfig>) => {
    const outputName = JSON.stringify(options).replaceAll(/\W/g, "");
    await train({ ...options, outputName, maxTrainSteps: 2 });
    return values(join(dir, `out/${outputName}.safetensors`));
  };
  const dropout = { networkDropout: 0.5 }, compat = { compat: "0.9.1" } as const;
  assert.notDeepEqual(await losses(dropout), await losses({}));
  assert.deepEqual(await losses({ ...dropout, ...compat }), await losses(compat));
});

Deno.test("validation in between drops nothing, and the dropout of the steps goes on", async () => {
  const validation = { validationSplit: 0.5, validateEveryNSteps: 1, validationSeed: 3 };
  await train({ networkDropout: 0.5, outputName: "validated", ...validation });
  await train({ networkDropout: 0.5, outputName: "unseen", ...validation, validateEveryNSteps: 1000 });
  assert.deepEqual(
    values(join(dir, "out/validated.safetensors")),
    values(join(dir, "out/unseen.safetensors")),
  );
});

Deno.test("the .toml of sd-scripts' documentation trains as it stands, but for its paths", async () => {
  const dataset = join(dir, "dataset.toml"), toml = join(dir, "lllite.toml");
  Deno.writeTextFileSync(
    dataset,
    `[[datasets]]\nresolution = 64\n[[datasets.subsets]]\nimage_dir = "${join(dir, "images/1_thing")}"\n` +
      `caption_extension = ".txt"\nconditioning_data_dir = "${join(dir, "edges/1_thing")}"\n`,
  );
  // docs/train_lllite_README.md
  Deno.writeTextFileSync(
    toml,
    `
pretrained_model_name_or_path = "${join(dir, "sdxl.safetensors")}"
max_train_epochs = 12
max_data_loader_n_workers = 4
persistent_data_loader_workers = true
seed = 42
gradient_checkpointing = true
mixed_precision = "bf16"
save_precision = "bf16"
full_bf16 = true
optimizer_type = "adamw8bit"
learning_rate = 2e-4
xformers = true
output_dir = "${join(dir, "documented")}"
output_name = "output_name"
save_every_n_epochs = 1
save_model_as = "safetensors"
vae_batch_size = 4
cache_latents = true
cache_latents_to_disk = true
cache_text_encoder_outputs = true
cache_text_encoder_outputs_to_disk = true
network_dim = 64
cond_emb_dim = 32
dataset_config = "${dataset}"
`,
  );
  const { entry, flags } = await findCommand("sdxl_train_control_net_lllite_old.py");
  const command = await entry.load();
  const typed = parseArgs([...flags, "--config_file", toml, "--threads", "1"], command.groups);
  const { input } = prepare(command, typed, {}, entry.name);
  await command.run(input, quietContext());
  const files = [...Deno.readDirSync(join(dir, "documented"))].map(({ name }) => name).sort();
  assert.equal(files.length, 12);
  assert.equal(files[0], "output_name-000001.safetensors");
  using file = openSafetensors(join(dir, "documented/output_name.safetensors"));
  assert.deepEqual(new Set(file.keys().map((key) => file.info(key).dtype)), new Set(["BF16"]));
});
