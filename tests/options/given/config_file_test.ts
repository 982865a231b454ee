/** Flags from TOML, as people and interfaces write it. */

import assert from "node:assert/strict";
import { withConfigFile } from "../../../src/options/given/config_file.ts";
import { parseArgs } from "../../../src/options/given/parse.ts";
import type { Value } from "../../../src/options/mod.ts";
import { groups } from "../../cli/front/example_flags.ts";

function fromToml(text: string, ...argv: string[]) {
  const path = Deno.makeTempFileSync({ suffix: ".toml" });
  Deno.writeTextFileSync(path, text);
  try {
    return withConfigFile(parseArgs(["--config_file", path, ...argv], groups), groups);
  } finally {
    Deno.removeSync(path);
  }
}

Deno.test("withConfigFile() flattens sections and lets the command line win", () => {
  const { values, sources } = fromToml(
    'seed = 4\n[a]\nlearning_rate = 1e-3\nflip_aug = true\n[b]\nnetwork_args = ["x=1"]\nwarmup = 0.5\nmode = "bf16"\n',
    "--seed",
    "9",
  );
  assert.deepEqual(
    [values.seed, values.learning_rate, values.flip_aug, values.network_args, values.warmup, values.mode],
    [9, 1e-3, true, ["x=1"], { ratio: 0.5 }, "bf16"],
  );
  assert.deepEqual([sources.seed, sources.mode, sources.turbo], ["command line", "config file", "default"]);
});

Deno.test("withConfigFile() adds .toml to a name without it", () => {
  const path = Deno.makeTempFileSync({ suffix: ".toml" });
  Deno.writeTextFileSync(path, "seed = 8\n");
  const parsed = parseArgs(["--config_file", path.replace(/\.toml$/, "")], groups);
  assert.equal(withConfigFile(parsed, groups).values.seed, 8);
  Deno.removeSync(path);
});

Deno.test("withConfigFile() names file and key of what is wrong", () => {
  const cases: [string, RegExp][] = [
    ["learnig_rate = 1", /\.toml: learnig_rate is not a flag of this command; did you mean learning_rate\?$/],
    ["flip_aug = 2", /\.toml: flip_aug is true or false, 2 was given$/],
    ["sed = 1\nlearnig_rate = 1", /sed is not a flag.*did you mean seed\?; learnig_rate is not a flag/],
    ["[[datasets]]\n", /is a dataset file.*--dataset_config/],
    ["seed = 1.5", /\.toml: seed takes a whole number, "1.5" was given$/],
    ['mode = "fp32"', /\.toml: mode is one of no, fp16, bf16; "fp32" was given/],
    ["seed = [1, 2]", /\.toml: seed takes one value, \[1,2\] was given$/],
    ["seed = = 1", /\.toml:1:\d+: .*correct the TOML/],
    ['mode = "C:\\Users"', /\.toml:1:\d+: a backslash between double quotes/],
  ];
  for (const [text, pattern] of cases) assert.throws(() => fromToml(text), pattern);
  assert.throws(
    () => withConfigFile(parseArgs(["--config_file", "none-here"], groups), groups),
    /none-here\.toml: does not exist/,
  );
  assert.throws(
    () => withConfigFile(parseArgs(["--config_file", "gui.json"], groups), groups),
    /gui\.json: --config_file takes TOML/,
  );
});

Deno.test("withConfigFile() takes what means unset as unset, and names what it leaves out", async () => {
  const { trainNetworkGroups } = await import("../../../src/training/options.ts");
  const path = Deno.makeTempFileSync({ suffix: ".toml" });
  const read = (text: string, ...argv: string[]) => {
    Deno.writeTextFileSync(path, text);
    const groups = trainNetworkGroups;
    return withConfigFile(parseArgs(["--config_file", path, ...argv], groups), groups);
  };
  try {
    const unset = [
      'vae = ""',
      'sample_prompts = ""',
      'log_with = ""',
      'seed = ""',
      'learning_rate = ""',
      'flip_aug = ""',
      "network_weights = []",
      'optimizer_args = ""',
      "vae_batch_size = 0",
      "save_every_n_steps = 0",
      "max_train_epochs = 0.0",
      "adaptive_noise_scale = 0",
      "clip_skip = 0",
      "ddp_timeout = 0",
      "max_token_length = 75",
      'max_token_length = "75"',
      'dynamo_backend = "no"',
      "caption_prefix = false",
    ];
    for (const line of unset) {
      const key = line.split(" ")[0], { values, sources } = read(line);
      assert.deepEqual(values[key], parseArgs([], trainNetworkGroups).values[key], line);
      if (!/75|no/.test(line)) assert.equal(sources[key], "default", line);
    }
    const taken: [string, Value][] = [
      ["text_encoder_lr = [5e-5]", 5e-5],
      ["text_encoder_lr = [5e-5, 5e-5]", 5e-5],
      ["unet_lr = 0", 0],
      ["seed = 0", 0],
      ['learning_rate = "1e-4"', 1e-4],
      ["train_batch_size = 2.0", 2],
      ["persistent_data_loader_workers = 1", true],
      ['flip_aug = "True"', true],
      ['network_args = ["conv_dim=1", ""]', ["conv_dim=1"]],
      ['dynamo_backend = "tensorrt"', "tensorrt"],
    ];
    for (const [line, value] of taken) assert.deepEqual(read(line).values[line.split(" ")[0]], value, line);
    const { warnings } = read(
      'epoch = 1\nnoise_offset_type = "Original"\nblock_lr = ""\nsave_last_n_steps = 0\n',
    );
    assert.equal(warnings.length, 2);
    assert.match(warnings[0], /no such flags: epoch, noise_offset_type$/);
    assert.match(warnings[1], /being 0: save_last_n_steps$/);
    assert.throws(
      () => read("text_encoder_lr = [1e-5, 2e-5]"),
      /takes one value, \[0.00001,0.00002\] was given/,
    );
  } finally {
    Deno.removeSync(path);
  }
});
