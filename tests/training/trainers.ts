/**
 * Every command that trains, by whole command lines on models small enough for a test. As a program it runs one of them
 * and kills itself as soon as the state after the first step is on the disk: `trainers.ts NAME FOLDER`.
 */

import { join } from "node:path";
import type { JobContext } from "../../src/base/job.ts";
import { parseArgs } from "../../src/options/given/parse.ts";
import { findCommand } from "../../src/cli/front/program.ts";
import { prepare } from "../../src/cli/front/run_command.ts";
import { type Plan, quietContext } from "../../src/base/job.ts";
import { TINY_SDXL, writePictures, writeTinyModel } from "./tiny_run.ts";

export interface Trainer {
  /** The script's name, then its flags. */
  readonly line: string;
  readonly sdxl?: boolean;
  /** The model in the folder; default one of SD1 or SDXL. */
  readonly model?: string;
  /** Pictures are encoded in each step. */
  readonly uncached?: boolean;
  /** Takes pictures with conditioning pictures. */
  readonly conditioned?: boolean;
  /** Takes pictures of two shapes. */
  readonly buckets?: boolean;
  /** What it writes at the end. */
  readonly file?: string;
}

/** All flags that the kinds of training differ by, in their combinations that people use. */
export const TRAINERS: Readonly<Record<string, Trainer>> = {
  "LoRA": { line: "train_network --network_module networks.lora --network_dim 2 --learning_rate 1e-3" },
  "LoRA with dropout": {
    line: "train_network --network_module networks.lora --network_dim 4 --learning_rate 1e-3 " +
      "--network_dropout 0.3 --network_args rank_dropout=0.3 module_dropout=0.3 conv_dim=2 " +
      "--enable_bucket --min_bucket_reso 32 --bucket_reso_steps 32 --flip_aug --shuffle_caption " +
      "--caption_dropout_rate 0.3 --noise_offset 0.1 --noise_offset_random_strength --gradient_accumulation_steps 2",
    buckets: true,
  },
  "SDXL LoRA": {
    line: "sdxl_train_network --network_module networks.lora --network_dim 2 --unet_lr 1e-3 --no_half_vae",
    sdxl: true,
  },
  "fine_tune": {
    line:
      "fine_tune --learning_rate 1e-4 --train_text_encoder --learning_rate_te 5e-5 --clip_skip 2 --ema_decay 0.9",
  },
  "DreamBooth": { line: "train_db --learning_rate 1e-4 --stop_text_encoder_training 2 --no_token_padding" },
  "SDXL by blocks": {
    line:
      `sdxl_train --train_text_encoder --learning_rate 1e-4 --learning_rate_te1 1e-5 --learning_rate_te2 0 --block_lr ${
        ["0", ...Array.from({ length: 21 }, (_, i) => `${i + 1}e-5`), "0"].join()
      }`,
    sdxl: true,
  },
  "SDXL in bf16": {
    line: "sdxl_train --learning_rate 1e-4 --fused_backward_pass --full_bf16 --stochastic_rounding " +
      "--mixed_precision bf16 --optimizer_type Adafactor --optimizer_args relative_step=False " +
      "scale_parameter=False --save_precision bf16",
    sdxl: true,
  },
  "LoRA in fp16": {
    line: "train_network --network_module networks.lora --network_dim 2 --learning_rate 1e-3 --full_fp16 " +
      "--mixed_precision fp16 --optimizer_type AdamWScheduleFree",
  },
  "LoRA on fp8": {
    line: "sdxl_train_network --network_module networks.lora --network_dim 2 --network_train_unet_only " +
      "--unet_lr 1e-3 --no_half_vae --fp8_base --mixed_precision bf16 --optimizer_type AdamW8bit",
    sdxl: true,
  },
  "SDXL in groups": {
    line:
      "sdxl_train --learning_rate 1e-4 --fused_optimizer_groups 3 --max_grad_norm 0.01 --optimizer_type Lion",
    sdxl: true,
  },
  "textual inversion": {
    line: "train_textual_inversion --token_string zq_thing --init_word cat --num_vectors_per_token 2 " +
      "--use_style_template --learning_rate 5e-3",
    file: "thing.pt",
  },
  "textual inversion, compat": {
    line:
      "train_textual_inversion --token_string zq_thing --use_object_template --learning_rate 5e-3 --compat 0.9.1 " +
      "--save_model_as ckpt --save_precision fp16",
    file: "thing.ckpt",
  },
  "XTI": {
    line:
      "train_textual_inversion_XTI --token_string thing, --init_word cat --learning_rate 5e-3 --save_model_as safetensors",
  },
  "SDXL textual inversion": {
    line: "sdxl_train_textual_inversion --token_string zq_thing --use_object_template --learning_rate 5e-3 " +
      "--save_model_as safetensors",
    sdxl: true,
  },
  "ControlNet": {
    line: "train_controlnet --learning_rate 1e-4 --gradient_checkpointing --save_model_as pt",
    conditioned: true,
    file: "thing.pt",
  },
  "ControlNet, compat": {
    line:
      "train_control_net --learning_rate 1e-4 --compat 0.9.1 --save_precision fp16 --full_bf16 --mixed_precision bf16",
    conditioned: true,
  },
  "SDXL ControlNet": {
    line:
      "sdxl_train_control_net --learning_rate 0 --control_net_lr 1e-3 --no_half_vae --fused_backward_pass " +
      "--cache_text_encoder_outputs --optimizer_type Adafactor --optimizer_args relative_step=False",
    conditioned: true,
    sdxl: true,
  },
  "SDXL ControlNet, compat": {
    line: "sdxl_train_control_net --learning_rate 1e-4 --no_half_vae --compat 0.9.1",
    conditioned: true,
    sdxl: true,
  },
  "LLLite": {
    line:
      "sdxl_train_control_net_lllite --cond_emb_dim 4 --network_dim 3 --network_dropout 0.1 --no_half_vae " +
      "--learning_rate 1e-3 --cache_text_encoder_outputs --gradient_checkpointing",
    conditioned: true,
    sdxl: true,
  },
};

/** Writes what the command lines read. */
export function writeInputs(folder: string): void {
  writeTinyModel(join(folder, "sd1.safetensors"));
  writeTinyModel(join(folder, "sdxl.safetensors"), {}, TINY_SDXL);
  writePictures(join(folder, "images"), 2);
  writePictures(join(folder, "edges"), 2);
  writePictures(join(folder, "shapes"), 2);
  writePictures(join(folder, "shapes"), 2, { width: 96, height: 32, name: "wide" });
}

export const STEPS = 3;

/** Runs or plans one command line as the program would, in this process; a plan is what comes back. */
export async function runTrainer(
  { line, sdxl, conditioned, buckets, uncached, model = sdxl ? "sdxl.safetensors" : "sd1.safetensors" }:
    Trainer,
  folder: string,
  out: string,
  { more = [], what = "run", context = quietContext() }: {
    more?: readonly string[];
    what?: "run" | "plan";
    context?: JobContext;
  } = {},
): Promise<Plan | void> {
  const [name, ...own] = line.split(" ");
  const { entry } = await findCommand(name);
  const command = await entry.load();
  const argv = [
    ...["--pretrained_model_name_or_path", join(folder, model)],
    ...(conditioned
      ? [
        "--train_data_dir",
        join(folder, "images/1_thing"),
        "--conditioning_data_dir",
        join(folder, "edges/1_thing"),
      ]
      : ["--train_data_dir", join(folder, buckets ? "shapes" : "images")]),
    ...[
      "--output_dir",
      join(folder, out),
      "--output_name",
      "thing",
    ],
    ...[
      "--resolution",
      "64",
      "--caption_extension",
      ".txt",
      "--seed",
      "5",
      "--threads",
      "1",
    ],
    ...uncached ? [] : ["--cache_latents"],
    ...["--max_train_steps", String(STEPS), "--save_every_n_steps", "1", "--save_state"],
    ...own,
    ...more,
  ];
  const { input } = prepare(command, parseArgs(argv, command.groups), {}, name);
  return await command[what]!(input, context);
}

if (import.meta.main) {
  const [name, folder] = Deno.args;
  const context: JobContext = {
    ...quietContext(),
    emit: (event) => {
      if (event.event === "save" && event.what === "state") Deno.kill(Deno.pid, "SIGKILL");
    },
  };
  await runTrainer(TRAINERS[name], folder, "killed", { context });
}
