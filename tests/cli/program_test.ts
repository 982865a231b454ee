/** The whole program as a user meets it: argv in, exit status and one line of error out. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { easel, inFolder } from "./easel.ts";

/** One line on standard error, nothing on standard output, that exit status. */
async function fails(args: string[], code: number, pattern: RegExp): Promise<void> {
  const outcome = await easel(args);
  assert.match(outcome.stderr, pattern);
  assert.equal(outcome.stderr.trimEnd().split("\n").length, 1, outcome.stderr);
  assert.equal(outcome.code, code, outcome.stderr);
  assert.equal(outcome.stdout, "");
}

Deno.test("easel --help lists the commands, easel --version tells the version", async () => {
  for (const args of [[], ["--help"], ["help", "help"], ["accelerate", "launch", "--help"]]) {
    const { code, stdout, stderr } = await easel(args);
    assert.deepEqual([code, stderr], [0, ""]);
    for (const name of ["train_network", "gen_img", "demo", "doctor", "inspect", "plan"]) {
      assert.match(stdout, new RegExp(`^  ${name} `, "m"));
    }
  }
  assert.match((await easel(["--version"])).stdout, /^easel \d+\.\d+\.\d+\n$/);
});

Deno.test("easel help COMMAND groups the flags, shows defaults and what is not supported yet", async () => {
  const { code, stdout } = await easel(["help", "train-network"]);
  assert.equal(code, 0);
  assert.match(stdout, /^usage: easel train_network \[FLAGS\]/);
  assert.match(stdout, /^Optimizer and schedule:$/m);
  assert.match(stdout, /^ {2}--learning_rate X .*\(default 0\.000002\)/m);
  assert.match(stdout, /Known, but not supported yet:[\s\S]*--deepspeed/);
  assert.equal((await easel(["train_network", "--help"])).stdout, stdout);
});

Deno.test("a wrong command line ends with status 2 and one line", async () => {
  await fails(["trian_network"], 2, /^easel: trian_network is not a command; did you mean train_network\?$/m);
  await fails(["--ckpt", "x"], 2, /^easel: --ckpt: the command comes first/);
  await fails(["train_network", "--lr", "1"], 2, /^easel train_network: --lr is ambiguous: /);
  await fails(
    ["train_network", "--deepspeed"],
    2,
    /^easel train_network: --deepspeed is not supported yet$/m,
  );
  await fails(
    ["train_network", "--deepspeed", "--log_with", "wandb", "--network_module", "networks.mine"],
    2,
    /: --network_module networks\.mine, --log_with wandb and --deepspeed are not supported yet; --network_module takes/,
  );
  await fails(
    ["gen_img", "--ckpt", "x", "--prompt", "y", "--device", "cuda:one"],
    2,
    /--device: "cuda:one" is no device; auto, cpu, cuda and cuda:1 are/,
  );
  await fails(
    ["gen_img", "--ckpt", "x", "--prompt", "y", "--sampler", "huen"],
    2,
    /--sampler is one of ddim, .*"huen" was given; did you mean heun/,
  );
  await fails(["gen_img", "--ckpt", "x", "--prompt", "y", "--W", "100"], 2, /--W is a multiple of 8/);
  await fails(["inspect"], 2, /FILE is missing/);
});

Deno.test("what is missing on disk ends with status 1 and one line, before anything is made", async () => {
  await inFolder(async (folder) => {
    const out = join(folder, "out"), images = join(folder, "images");
    const common = ["train_network", "--resolution", "64", "--output_dir", out, "--train_data_dir", images];
    const model = ["--pretrained_model_name_or_path", join(folder, "none.safetensors")];
    await fails(
      [...common, ...model],
      1,
      /none\.safetensors: does not exist \(--pretrained_model_name_or_path\)/,
    );
    await Deno.writeTextFile(join(folder, "none.safetensors"), "not a model");
    await fails([...common, ...model], 1, /images: does not exist \(--train_data_dir\)/);
    await assert.rejects(Deno.stat(out));
    await fails(["inspect", join(folder, "none.safetensors")], 1, /^easel inspect: .*none\.safetensors: /);
    await fails(["inspect", folder], 1, /is a folder; give a/);
    await Deno.writeTextFile(join(folder, "bad.toml"), "[x]\nlearnig_rate = 1\n");
    await fails(
      ["train_network", "--config_file", join(folder, "bad")],
      1,
      /bad\.toml: learnig_rate is not a flag of this command; did you mean learning_rate\?/,
    );
  });
});

Deno.test("flags that contradict each other are refused by name", async () => {
  await inFolder(async (folder) => {
    const base = ["train_network", "--pretrained_model_name_or_path", "m", "--output_dir", folder];
    const data = ["--train_data_dir", folder, "--resolution", "64"];
    const cases: [string[], RegExp][] = [
      [["--network_train_unet_only", "--network_train_text_encoder_only"], /contradict each other/],
      [["--adaptive_noise_scale", "0.1"], /--adaptive_noise_scale needs --noise_offset/],
      [["--scale_v_pred_loss_like_noise_pred"], /needs --v_parameterization/],
      [["--v_pred_like_loss", "1", "--v_parameterization"], /contradict each other/],
      [["--dim_from_weights"], /--dim_from_weights needs --network_weights/],
      [["--base_weights", "a", "--base_weights_multiplier", "1", "2"], /names 1 file, .* 2 numbers/],
      [["--min_timestep", "500", "--max_timestep", "400"], /leave no timestep/],
      [["--use_8bit_adam", "--optimizer_type", "Lion"], /--use_8bit_adam and --optimizer_type contradict/],
      [["--use_8bit_adam", "--use_lion_optimizer"], /contradict each other/],
      [
        ["--log_with", "wandb", "--logging_dir", folder],
        /--log_with wandb is not supported yet; --log_with takes tensorboard, .* TensorBoard .*--json/,
      ],
      [["--network_module", "networks.mine"], /networks\.mine is not supported yet/],
    ];
    for (const [flags, pattern] of cases) await fails([...base, ...data, ...flags], 2, pattern);
  });
});

Deno.test("easel inspect shows keys, shapes, dtypes, metadata and family", async () => {
  const { writeSafetensors } = await import("../../src/formats/safetensors.ts");
  await inFolder(async (folder) => {
    const path = join(folder, "a b.safetensors");
    const f32 = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
    const name = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k";
    await writeSafetensors(path, [
      { name: `${name}.alpha`, dtype: "F32", shape: [], data: f32(2) },
      { name: `${name}.lora_down.weight`, dtype: "F32", shape: [1, 768], data: new Uint8Array(4 * 768) },
      { name: `${name}.lora_up.weight`, dtype: "F32", shape: [2, 1], data: f32(1, 2) },
    ], { note: "two\nlines" });
    const { code, stdout } = await easel(["inspect", path]);
    assert.equal(code, 0);
    assert.match(stdout, /: a LoRA for SD1, rank 1, alpha 2, 1 module$/m);
    assert.match(stdout, /^ {2}note: two\\nlines$/m);
    assert.match(stdout, /lora_down\.weight\s+F32\s+\[1, 768\]$/m);
    const json = JSON.parse((await easel(["inspect", "--json", path])).stdout);
    assert.deepEqual(json.tensors.length, 3);
    assert.equal(json.metadata.note, "two\nlines");
    assert.doesNotMatch((await easel(["inspect", "--no-keys", path])).stdout, /lora_up/);
  });
});

Deno.test("easel doctor says what is wrong and what to do, in words or as JSON", async () => {
  const { code, stdout } = await easel(["doctor"]);
  assert.equal(code, 0);
  for (const name of ["easel", "system", "processor", "memory", "CPU library"]) {
    assert.match(stdout, new RegExp(`^(ok|note) +${name} `, "m"));
  }
  await inFolder(async (folder) => {
    const env = { NO_COLOR: "1", EASEL_LIBRARY_DIR: folder };
    const broken = await easel(["doctor"], { env });
    assert.equal(broken.code, 1);
    assert.match(broken.stdout, /^FAIL {2}CPU library .*\n +-> .*\.\/run task build/m);
    assert.match(broken.stderr, /^easel doctor: missing or broken: CPU library$/m);
    const { findings } = JSON.parse((await easel(["doctor", "--json"], { env })).stdout);
    const { ok, remedy } = findings.find(({ name }: { name: string }) => name === "CPU library");
    assert.deepEqual([ok, typeof remedy], [false, "string"]);
  });
});

Deno.test("resize_lora and merge_lora say what is missing or cannot be", async () => {
  await fails(
    ["networks/resize_lora.py", "--model", "a", "--new_rank", "4", "--save_to", "b.safetensors"],
    1,
    /^easel resize_lora: a: does not exist \(--model\)$/m,
  );
  await fails(
    ["merge_lora", "--models", "a", "b", "--ratios", "1", "--save_to", "c"],
    2,
    /2 files, --ratios 1 number;/,
  );
  await fails(
    ["merge_lora", "--models", "run", "--ratios", "1", "--save_to", "a.bin"],
    2,
    /ends in \.safetensors, \.ckpt or \.pt/,
  );
  await fails(["merge_lora", "--rations", "1"], 2, /did you mean --ratios\?/);
  await fails(
    [
      "svd_merge_lora",
      "--models",
      "a",
      "--ratios",
      "1",
      "--lbws",
      "[1]",
      "[2]",
      "--save_to",
      "c.safetensors",
    ],
    2,
    /1 file, --lbws 2 lists; give one list/,
  );
  await fails(
    ["python", "flux_train_network.py"],
    2,
    /^easel: flux_train_network is not supported yet/,
  );
});

Deno.test("easel works from another folder and without HOME", async () => {
  await inFolder(async (folder) => {
    const env = { NO_COLOR: "1", PATH: Deno.env.get("PATH")!, DENO_DIR: Deno.env.get("DENO_DIR") ?? "" };
    if (!env.DENO_DIR) env.DENO_DIR = denoDir();
    const { code, stdout } = await easel(["--version"], { cwd: folder, clearEnv: true, env });
    assert.equal(code, 0);
    assert.match(stdout, /^easel /);
  });
});

/** Where packages are cached when DENO_DIR is not set. */
function denoDir(): string {
  const home = Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? "/root", ".cache");
  return join(home, "deno");
}
