/** What sd-scripts refuses of flags that contradict each other, and easel in one line that names both. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../../src/base/errors.ts";
import { quietContext } from "../../../src/base/job.ts";
import { runTrainer, writeInputs } from "../trainers.ts";

const LORA = "train_network --network_module networks.lora";
const SDXL = "sdxl_train_network --network_module networks.lora --network_train_unet_only";
const FULL = "sdxl_train --learning_rate 1e-4";

/**
 * A command with what is refused of it, and what of the line. sd-scripts refuses some bucket_reso_steps besides: its U-Net
 * wants sides that halve without rest, here any do.
 */
const CASES: readonly (readonly [string, string, RegExp])[] = [
  [LORA, "--cache_latents --color_aug", /cache_latents.*color_aug/],
  [LORA, "--cache_latents --random_crop", /cache_latents.*random_crop/],
  [LORA, "--adaptive_noise_scale 0.1", /adaptive_noise_scale.*noise_offset/],
  [LORA, "--scale_v_pred_loss_like_noise_pred", /scale_v_pred_loss_like_noise_pred.*v_parameterization/],
  [LORA, "--v_pred_like_loss 0.1 --v_parameterization", /v_pred_like_loss.*v_parameterization/],
  [LORA, "--use_8bit_adam --use_lion_optimizer", /use_8bit_adam.*use_lion_optimizer/],
  [LORA, "--use_8bit_adam --optimizer_type Lion", /use_8bit_adam.*optimizer_type/],
  [LORA, "--use_lion_optimizer --optimizer_type Lion", /use_lion_optimizer.*optimizer_type/],
  [LORA, "--full_fp16", /full_fp16 needs --mixed_precision fp16/],
  [LORA, "--full_bf16 --mixed_precision fp16", /full_bf16 needs --mixed_precision bf16/],
  [LORA, "--lr_scheduler constant --lr_warmup_steps 2", /constant.*warmup/],
  [LORA, "--lr_scheduler adafactor:1e-3", /adafactor/i],
  [LORA, "--network_train_unet_only --network_train_text_encoder_only", /unet_only.*text_encoder_only/],
  [LORA, "--dim_from_weights", /dim_from_weights.*network_weights/],
  [LORA, "--log_with tensorboard", /log_with.*logging_dir/],
  [LORA, "--network_args down_lr_weight=1", /down_lr_weight/],
  [LORA, "--enable_bucket --min_bucket_reso 2048", /min_bucket_reso/],
  [LORA, "--max_timestep 5 --min_timestep 9", /min_timestep.*max_timestep/],
  [LORA, "--cache_text_encoder_outputs", /cache_text_encoder_outputs/],
  ["train_network --network_module networks.dylora", "--network_args conv_dim=3", /conv_dim/],
  [SDXL, "--v2", /v2/],
  [SDXL, "--weighted_captions", /weighted_captions/],
  [SDXL, "--cache_text_encoder_outputs --shuffle_caption", /cache_text_encoder_outputs.*shuffle_caption/],
  [
    SDXL,
    "--cache_text_encoder_outputs --caption_dropout_rate 0.1",
    /cache_text_encoder_outputs.*dropout_rate/,
  ],
  [
    SDXL,
    "--cache_text_encoder_outputs --token_warmup_step 2",
    /cache_text_encoder_outputs.*token_warmup_step/,
  ],
  [
    SDXL,
    "--cache_text_encoder_outputs --caption_tag_dropout_rate 0.1",
    /cache_text_encoder_outputs.*tag_dropout/,
  ],
  [
    FULL,
    "--train_text_encoder --cache_text_encoder_outputs",
    /cache_text_encoder_outputs.*train_text_encoder/,
  ],
  [FULL, "--fused_backward_pass --fused_optimizer_groups 2", /fused_optimizer_groups.*fused_backward_pass/],
  [FULL, "--fused_optimizer_groups 2 --gradient_accumulation_steps 2", /gradient_accumulation_steps/],
  [FULL, "--optimizer_type Adafactor --fused_backward_pass --gradient_accumulation_steps 2", /gathers them/],
  [FULL, "--block_lr 1e-4,1e-4", /block_lr/],
  [
    "train_db --learning_rate 1e-4",
    "--no_token_padding --max_token_length 150",
    /no_token_padding.*max_token/,
  ],
  ["train_textual_inversion --token_string zq", "--use_object_template --use_style_template", /template/],
];

Deno.test("contradictions end in one line before the first step", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "easel-contradictions-" });
  writeInputs(folder);
  const passed: string[] = [], odd: string[] = [];
  for (const [command, flags, line] of CASES) {
    const sdxl = command.startsWith("sdxl"), trainer = { line: `${command} ${flags}`, sdxl };
    try {
      await runTrainer(trainer, folder, "out", { context: quietContext() });
      passed.push(flags);
    } catch (error) {
      const { message } = error as Error;
      if (!(error instanceof UserError) || message.includes("\n") || !line.test(message)) {
        odd.push(`${flags}: ${error}`);
      }
    }
  }
  assert.deepEqual({ passed, odd }, { passed: [], odd: [] });
  assert.throws(() => Deno.statSync(join(folder, "out", "thing.safetensors")), Deno.errors.NotFound);
  Deno.removeSync(folder, { recursive: true });
});
