/** easel fine_tune: sd-scripts' fine_tune.py, which also takes the dataset layouts of train_db.py here. */

import type { FineTuneConfig } from "../../training/config.ts";
import { somethingTrained } from "../front/checks.ts";
import { command, type CommandInput, type ValuesOf } from "../command.ts";
import { besideDatasetFile } from "../front/dataset_notes.ts";
import { family, flag, float, noEffect, own } from "../flag.ts";
import { RATE, SHARE } from "../flags/numbers.ts";
import { ONE_ATTENTION } from "../flags/precision.ts";
import { tellPlan } from "../screen/tell_plan.ts";
import {
  checkTraining,
  DATA_FAMILIES,
  makeFolders,
  MODEL_FAMILIES,
  RUN_FAMILIES,
  TRAINING_NEEDS,
  trainingConfig,
} from "../front/training_flags.ts";

const fineTuneFlags = family("Fine-tuning", {
  train_text_encoder: flag("train the text encoder as well as the U-Net"),
  learning_rate_te: float(null, "rate for the text encoder; unset takes the U-Net's", RATE),
  ema_decay: own(
    float(null, "save a running average of the weights with this decay, such as 0.999", SHARE),
  ),
  use_safetensors: noEffect("files are always safetensors", flag("save as safetensors")),
  diffusers_xformers: noEffect(ONE_ATTENTION, flag("use diffusers' own xformers switch")),
});

const FAMILIES = [...MODEL_FAMILIES, fineTuneFlags, ...DATA_FAMILIES, ...RUN_FAMILIES] as const;

export const fineTune = command({
  families: FAMILIES,
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

function toConfig({ values }: CommandInput<ValuesOf<typeof FAMILIES>>): FineTuneConfig {
  return Object.freeze(trainingConfig(values, false));
}
