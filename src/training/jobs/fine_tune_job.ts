/** easel fine_tune, train_db and sdxl_train: sd-scripts' scripts that train whole models, each with every dataset layout. */

import { besideDatasetFile } from "../../data/dataset/overridden.ts";
import type { Job } from "../../options/job.ts";
import { fineTuneGroups, sdxlTrainGroups, trainDbGroups, TRAINING_NEEDS } from "../options.ts";
import { checkTraining, makeFolders } from "./check.ts";
import { shownInstead } from "../previews/shown_instead.ts";
import { checkFull, idleRates } from "./check_full.ts";
import type { FullConfig, FullKind } from "./full_run.ts";

const USUAL = [
  "output_name",
  "caption_extension",
  "learning_rate",
  "max_train_epochs",
  "mixed_precision",
  "cache_latents",
];

const exampleOf = (name: string, flags = "") =>
  `easel ${name} --pretrained_model_name_or_path builtin:tiny --train_data_dir images --output_dir out ` +
  "--output_name tuned --resolution 64 --learning_rate 1e-5 --caption_extension .txt --cache_latents " +
  `${flags}--max_train_steps 5`;

export const fineTuneJob = fullJob({ name: "finetuning", groups: fineTuneGroups }, exampleOf("fine_tune"));

export const trainDbJob = fullJob(
  { name: "dreambooth", groups: trainDbGroups, text: true },
  exampleOf("train_db", "--stop_text_encoder_training 3 "),
);

export const sdxlTrainJob = fullJob(
  { name: "finetuning", groups: sdxlTrainGroups, told: { sdxl: true } },
  "easel sdxl_train --pretrained_model_name_or_path sdxl.safetensors --train_data_dir images --output_dir out " +
    "--output_name tuned --resolution 1024 --enable_bucket --learning_rate 4e-6 --caption_extension .txt --cache_latents " +
    "--mixed_precision bf16 --no_half_vae --optimizer_type Adafactor --optimizer_args relative_step=False " +
    "--max_train_epochs 10",
);

function fullJob(kind: FullKind, example: string): Job<FullConfig> {
  return {
    groups: kind.groups,
    required: TRAINING_NEEDS,
    usual: USUAL,
    examples: [example],
    check(config) {
      checkFull({ ...config, trainTextEncoder: config.trainTextEncoder ?? kind.text ?? false });
      checkTraining(config);
    },
    idle: (config, given) => [...besideDatasetFile(config, given), ...idleRates(config)],
    async run(config, context) {
      makeFolders(config);
      if (await shownInstead(config, context)) return;
      const { trainFull } = await import("./full_run.ts");
      await trainFull(kind, config, context);
    },
    async plan(config, context) {
      const { planTraining } = await import("./plan.ts");
      const { openFullRun } = await import("./full_run.ts");
      return await planTraining(config, (planned) => openFullRun(kind, planned, context), context);
    },
  };
}
