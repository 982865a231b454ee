/** A whole TOML as kohya_ss writes it, with every field of its form, through parser and checks. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { commandOf } from "../../../src/cli/command.ts";
import { sdxlTrainJob } from "../../../src/training/jobs/fine_tune_job.ts";
import { trainNetworkJob } from "../../../src/training/jobs/train_network_job.ts";
import { withConfigFile } from "../../../src/options/given/config_file.ts";
import { parseArgs } from "../../../src/options/given/parse.ts";
import { prepare } from "../../../src/cli/front/run_command.ts";
import { inFolder } from "../easel.ts";

const FORM = `
adaptive_noise_scale = 0
additional_parameters = ""
bucket_no_upscale = true
bucket_reso_steps = 64
cache_latents = true
caption_dropout_every_n_epochs = 0
caption_dropout_rate = 0
caption_extension = ".txt"
clip_skip = 0
dataset_config = ""
dynamo_backend = "no"
enable_bucket = true
epoch = 10
gradient_accumulation_steps = 1
huber_c = 0.1
huber_schedule = "snr"
huggingface_path_in_repo = ""
huggingface_repo_type = "model"
huggingface_repo_visibility = "private"
in_json = ""
keep_tokens = 0
learning_rate = 0.0001
log_with = ""
logging_dir = ""
loraplus_lr_ratio = 0
loss_type = "l2"
lr_scheduler = "cosine"
lr_scheduler_args = []
lr_scheduler_num_cycles = 1
lr_scheduler_power = 1
lr_scheduler_type = ""
lr_warmup_steps = 0
max_data_loader_n_workers = 0
max_grad_norm = 1
max_timestep = 1000
max_token_length = 75
max_train_epochs = 0
max_train_steps = 100
min_snr_gamma = 0
min_timestep = 0
mixed_precision = "bf16"
network_alpha = 1
network_args = []
network_dim = 8
network_module = "networks.lora"
network_weights = ""
noise_offset_type = "Original"
optimizer_args = ["weight_decay=0.01", "betas=.9,.99"]
optimizer_type = "AdamW"
output_name = "x"
persistent_data_loader_workers = 1
pretrained_model_name_or_path = "builtin:tiny"
prior_loss_weight = 1
reg_data_dir = ""
resolution = "128,128"
resume = ""
sample_every_n_epochs = 0
sample_every_n_steps = 0
sample_prompts = ""
sample_sampler = "euler_a"
save_every_n_epochs = 1
save_every_n_steps = 0
save_last_n_steps = 0
save_model_as = "safetensors"
save_precision = "fp16"
scale_weight_norms = 0
seed = 1234
stop_text_encoder_training = 0
text_encoder_lr = [ 5e-5, 5e-5,]
train_batch_size = 1
unet_lr = 0.0001
v_pred_like_loss = 0
vae = ""
vae_batch_size = 0
wandb_api_key = ""
wandb_run_name = "x"
weighted_captions = false
xformers = true
`;

Deno.test("None as a text is taken as not given, where no free text is meant", () =>
  inFolder((folder) => {
    const path = join(folder, "none.toml");
    const unset = {
      vae: null,
      resume: null,
      log_with: null,
      max_train_epochs: null,
      seed: null,
      flip_aug: false,
    };
    const lines = Object.keys(unset).map((name) => `${name} = "None"\n`).join("");
    Deno.writeTextFileSync(path, lines + 'save_every_n_steps = ""\noutput_name = "None"\n');
    const { groups } = trainNetworkJob;
    const { values, warnings } = withConfigFile(parseArgs(["--config_file", path], groups), groups);
    const read = Object.fromEntries(Object.keys(unset).map((name) => [name, values[name]]));
    assert.deepEqual([read, values.output_name, warnings], [unset, "None", []]);
    return Promise.resolve();
  }));

Deno.test("a kohya_ss TOML with every field passes, and what is left out is named", () =>
  inFolder((folder) => {
    const path = join(folder, "gui.toml");
    Deno.writeTextFileSync(path, FORM.replaceAll("\n", "\r\n"));
    const line = ["--config_file", path, "--train_data_dir", folder, "--output_dir", folder];
    const { input, warnings, notes } = prepare(
      commandOf(trainNetworkJob),
      parseArgs(line, trainNetworkJob.groups),
      {},
    );
    const values = input.values as Record<string, unknown>;
    const unset = [
      "vae",
      "resume",
      "samplePrompts",
      "logWith",
      "maxTokenLength",
      "maxTrainEpochs",
      "clipSkip",
    ];
    for (const name of unset) assert.equal(values[name], null, name);
    const { textEncoderLr, vaeBatchSize, seed, persistentDataLoaderWorkers: workers } = values;
    assert.deepEqual([textEncoderLr, vaeBatchSize, seed, workers], [5e-5, 1, 1234, true]);
    assert.match(warnings[0], /no such flags: epoch, noise_offset_type$/);
    assert.match(warnings[1], /being 0: adaptive_noise_scale, clip_skip, max_train_epochs, /);
    assert.equal(warnings.length, 2);
    assert.ok(notes.some((note) => note.startsWith("--wandb_run_name has no effect")));
    return Promise.resolve();
  }));

Deno.test("rates of text encoders that are not trained, which kohya_ss always writes, are told", () =>
  inFolder((folder) => {
    const path = join(folder, "gui.toml"), rates = "learning_rate_te1 = 1e-5\nlearning_rate_te2 = 0\n";
    const told = (more: string) => {
      Deno.writeTextFileSync(path, `pretrained_model_name_or_path = "builtin:tiny"\n${rates}${more}`);
      const line = [
        "--config_file",
        path,
        "--train_data_dir",
        folder,
        "--output_dir",
        folder,
        "--resolution",
        "64",
      ];
      return prepare(commandOf(sdxlTrainJob), parseArgs(line, sdxlTrainJob.groups), {}).warnings;
    };
    assert.deepEqual(told(""), ["--learning_rate_te1 0.00001 has no effect without --train_text_encoder"]);
    assert.deepEqual(told("train_text_encoder = true\n"), []);
    return Promise.resolve();
  }));
