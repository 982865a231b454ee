/** What easel says, word for word: the texts that most people meet first. See snapshot.ts. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { inFolder, userFolder } from "./easel.ts";
import { type Case, checkSnapshot, snapshotNames } from "./snapshot.ts";

const TRAIN =
  "train_network --pretrained_model_name_or_path FOLDER/model.safetensors --train_data_dir FOLDER/images " +
  "--output_dir FOLDER/out --output_name cat --resolution 64 --threads 1 --device cpu";

const CASES: readonly Case[] = [
  { name: "help", line: "help" },
  { name: "help_train_network", line: "help train_network", head: 33 },
  { name: "help_resize_lora", line: "help resize_lora" },
  { name: "help_plan", line: "plan --help" },
  { name: "help_studio", line: "help studio" },
  { name: "studio_without_token", line: "studio --listen 0.0.0.0" },
  { name: "studio_short_token", line: "studio --token 123" },
  { name: "studio_no_folder", line: "studio FOLDER/none" },
  { name: "version", line: "--version" },
  { name: "no_command", line: "trian_network" },
  { name: "no_script", line: "python frobnicate.py" },
  { name: "script_not_yet", line: "accelerate launch flux_train.py --seed 1" },
  { name: "script_of_another_family", line: "flux_train_network.py" },
  { name: "flag_before_command", line: "--ckpt model.safetensors" },
  { name: "launcher_with_several_gpus", line: "accelerate launch --multi_gpu train_network.py" },
  { name: "nothing_given_to_train", line: "train_network" },
  { name: "nothing_given_to_draw", line: "gen_img" },
  { name: "nothing_given_to_merge", line: "merge_lora --ratios 1" },
  { name: "half_of_the_dataset", line: "fine_tune --resolution 64 --output_dir out" },
  { name: "no_shell", line: "completions" },
  { name: "no_file", line: "inspect" },
  { name: "misspelt_flag", line: "train_network --network_dimm 4" },
  { name: "misspelt_value", line: "gen_img --ckpt m --prompt x --sampler EULER_A" },
  { name: "misspelt_schedule", line: `${TRAIN} --caption_extension .txt --lr_scheduler cosin` },
  { name: "not_a_number", line: "train_network --network_dim four" },
  {
    name: "not_supported_yet",
    line: "train_network --deepspeed --log_with wandb",
  },
  { name: "prompt_option_wrong", line: 'gen_img --ckpt FOLDER/model.safetensors --prompt "a cat --dsr 3"' },
  { name: "model_is_not_there", line: TRAIN.replace("model.safetensors", "none.safetensors") },
  { name: "model_is_a_folder", line: "gen_img --ckpt FOLDER/images --prompt x" },
  { name: "no_such_builtin", line: "inspect builtin:tny" },
  { name: "nothing_to_plan", line: "plan gen_img --ckpt FOLDER/model.safetensors --prompt x" },
  { name: "ratios_and_models", line: "merge_lora --models a b --ratios 1 --save_to c.safetensors" },
  {
    name: "training",
    line: `${TRAIN} --caption_extension .txt --max_train_steps 2 --seed 1 --cache_latents`,
  },
  {
    name: "drawing",
    line: "gen_img --ckpt FOLDER/model.safetensors --prompt x --W 64 --H 64 --steps 2 --seed 1 " +
      "--outdir FOLDER/pictures --threads 1 --device cpu --sequential_file_name",
  },
];

Deno.test("what easel says is what was read before it shipped", async (t) => {
  await inFolder(async (folder) => {
    await userFolder(folder);
    await Deno.mkdir(join(folder, "out"));
    for (const each of CASES) await t.step(each.name, () => checkSnapshot(each, folder));
  });
});

Deno.test("every snapshot is still asked for", () => {
  assert.deepEqual(snapshotNames(), CASES.map(({ name }) => name).sort());
});
