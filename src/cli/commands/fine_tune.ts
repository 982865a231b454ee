/** easel fine_tune: sd-scripts' fine_tune.py, which also takes the dataset layouts of train_db.py here. */

import type { FineTuneConfig } from "../../training/config.ts";
import { command, type CommandInput } from "../command.ts";
import { ONE_ATTENTION } from "../../options/shared.ts";
import { type ConfigOf, flag, float, group, noEffect, own, RATE, SHARE } from "../../options/mod.ts";
import { somethingTrained } from "../../options/rules.ts";
import { besideDatasetFile } from "../front/dataset_notes.ts";
import { tellPlan } from "../screen/tell_plan.ts";
import {
  checkTraining,
  DATA_GROUPS,
  makeFolders,
  MODEL_GROUPS,
  RUN_GROUPS,
  TRAINING_NEEDS,
  trainingConfig,
} from "../front/training_flags.ts";

const fineTuneOptions = group("Fine-tuning", {
  train_text_encoder: flag("train the text encoder as well as the U-Net"),
  learning_rate_te: float(null, "rate for the text encoder; unset takes the U-Net's", RATE),
  ema_decay: own(
    float(null, "save a running average of the weights with this decay, such as 0.999", SHARE),
  ),
  use_safetensors: noEffect("files are always safetensors", flag("save as safetensors")),
  diffusers_xformers: noEffect(ONE_ATTENTION, flag("use diffusers' own xformers switch")),
});

const GROUPS = [...MODEL_GROUPS, fineTuneOptions, ...DATA_GROUPS, ...RUN_GROUPS] as const;

export const fineTune = command({
  groups: GROUPS,
  required: TRAINING_NEEDS,
  usual: [
    "output_name",
    "caption_extension",
    "learning_rate",
    "max_train_epochs",
    "mixed_precision",
    "cache_latents",
  ],
  examples: [
    "easel fine_tune --pretrained_model_name_or_path builtin:tiny --train_data_dir images --output_dir out " +
    "--output_name tuned --resolution 64 --learning_rate 1e-5 --caption_extension .txt --cache_latents " +
    "--max_train_steps 5",
  ],
  check({ values }) {
    const { learningRate, learningRateTe, trainTextEncoder } = values;
    somethingTrained({
      learning_rate: learningRate,
      ...(trainTextEncoder && learningRateTe !== null ? { learning_rate_te: learningRateTe } : {}),
    });
    checkTraining(values);
  },
  idle: besideDatasetFile,
  async run(input, context) {
    makeFolders(input.values);
    const { fineTune } = await import("../../training/jobs/fine_tune.ts");
    await fineTune(toConfig(input), context);
  },
  async plan(input, context) {
    const { planTraining } = await import("../../training/jobs/plan.ts");
    const { openFineTuneRun } = await import("../../training/jobs/fine_tune.ts");
    tellPlan(await planTraining(toConfig(input), openFineTuneRun, context), context, input.values.json);
  },
});

function toConfig({ values }: CommandInput<ConfigOf<typeof GROUPS>>): FineTuneConfig {
  return Object.freeze(trainingConfig(values, false));
}
