/** easel fine_tune, train_db and sdxl_train: sd-scripts' scripts that train whole models, each with every dataset layout. */

import { checkTraining, makeFolders } from "../../training/jobs/check.ts";
import { checkFull } from "../../training/jobs/check_full.ts";
import { fineTuneGroups, sdxlTrainGroups, trainDbGroups, TRAINING_NEEDS } from "../../training/options.ts";
import { command } from "../command.ts";
import { besideDatasetFile } from "../front/dataset_notes.ts";
import { tellPlan } from "../screen/tell_plan.ts";

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

const SHARED = { required: TRAINING_NEEDS, usual: USUAL, idle: besideDatasetFile };

export const fineTune = command({
  ...SHARED,
  groups: fineTuneGroups,
  examples: [exampleOf("fine_tune")],
  check({ values }) {
    checkFull(values);
    checkTraining(values);
  },
  async run({ values }, context) {
    makeFolders(values);
    const { fineTune } = await import("../../training/jobs/fine_tune.ts");
    await fineTune(values, context);
  },
  async plan({ values }, context) {
    const { planTraining } = await import("../../training/jobs/plan.ts");
    const { openFineTuneRun } = await import("../../training/jobs/fine_tune.ts");
    tellPlan(await planTraining(values, openFineTuneRun, context), context, values.json);
  },
});

export const trainDb = command({
  ...SHARED,
  groups: trainDbGroups,
  examples: [exampleOf("train_db", "--stop_text_encoder_training 3 ")],
  check({ values }) {
    checkFull({ trainTextEncoder: true, ...values });
    checkTraining(values);
  },
  async run({ values }, context) {
    makeFolders(values);
    const { trainDb } = await import("../../training/jobs/train_db.ts");
    await trainDb(values, context);
  },
  async plan({ values }, context) {
    const { planTraining } = await import("../../training/jobs/plan.ts");
    const { openTrainDbRun } = await import("../../training/jobs/train_db.ts");
    tellPlan(await planTraining(values, openTrainDbRun, context), context, values.json);
  },
});

export const sdxlTrain = command({
  ...SHARED,
  groups: sdxlTrainGroups,
  examples: [
    "easel sdxl_train --pretrained_model_name_or_path sdxl.safetensors --train_data_dir images --output_dir out " +
    "--output_name tuned --resolution 1024 --enable_bucket --learning_rate 4e-6 --caption_extension .txt --cache_latents " +
    "--mixed_precision bf16 --no_half_vae --optimizer_type Adafactor --optimizer_args relative_step=False " +
    "--max_train_epochs 10",
  ],
  check({ values }) {
    checkFull(values);
    checkTraining(values);
  },
  async run({ values }, context) {
    makeFolders(values);
    const { sdxlTrain } = await import("../../training/jobs/sdxl_train.ts");
    await sdxlTrain(values, context);
  },
  async plan({ values }, context) {
    const { planTraining } = await import("../../training/jobs/plan.ts");
    const { openSdxlTrainRun } = await import("../../training/jobs/sdxl_train.ts");
    tellPlan(await planTraining(values, openSdxlTrainRun, context), context, values.json);
  },
});
