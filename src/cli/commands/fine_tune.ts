/** easel fine_tune: sd-scripts' fine_tune.py, which also takes the dataset layouts of train_db.py here. */

import { somethingTrained } from "../../options/rules.ts";
import { checkTraining, makeFolders } from "../../training/jobs/check.ts";
import { fineTuneGroups, TRAINING_NEEDS } from "../../training/options.ts";
import { command } from "../command.ts";
import { besideDatasetFile } from "../front/dataset_notes.ts";
import { tellPlan } from "../screen/tell_plan.ts";

export const fineTune = command({
  groups: fineTuneGroups,
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
