/** easel train_vae: training the autoencoder of a checkpoint. */

import { checkpoint, nameInside, readableFile, readableFolder } from "../../options/paths.ts";
import { exclusive, somethingTrained } from "../../options/rules.ts";
import { checkDevice } from "../../runtime/check_device.ts";
import { checkResolution, makeFolders } from "../../training/jobs/check.ts";
import { TRAINING_NEEDS } from "../../training/options.ts";
import { trainVaeGroups } from "../../training/trained/options.ts";
import { command } from "../command.ts";
import { besideDatasetFile } from "../front/dataset_notes.ts";
import { tellPlan } from "../screen/tell_plan.ts";

export const trainVae = command({
  groups: trainVaeGroups,
  required: TRAINING_NEEDS,
  usual: ["output_name", "learning_rate", "max_train_steps"],
  about:
    "Trains with mean absolute errors of pixels and edges and a little KL divergence, without an adversary. Pictures " +
    "of any size are scaled to cover --resolution (a multiple of 8) and cut to it; --enable_bucket keeps their shapes.",
  examples: [
    "easel train_vae --pretrained_model_name_or_path builtin:tiny --train_data_dir images --output_dir out " +
    "--output_name vae --resolution 64 --learning_rate 1e-5 --max_train_steps 3",
  ],
  check({ values }) {
    checkResolution(values);
    somethingTrained({ learning_rate: values.learningRate });
    exclusive("decoder_only", values.decoderOnly, "standardize_latents", values.standardizeLatents);
    nameInside("output_name", values.outputName, "output_dir");
    checkDevice(values);
    checkpoint("pretrained_model_name_or_path", values.pretrainedModelNameOrPath);
    checkpoint("vae", values.vae);
    readableFolder("train_data_dir", values.trainDataDir);
    readableFile("dataset_config", values.datasetConfig);
  },
  idle: besideDatasetFile,
  async run({ values }, context) {
    makeFolders({ ...values, loggingDir: null });
    const { trainVae } = await import("../../training/jobs/train_vae.ts");
    await trainVae(values, context);
  },
  async plan({ values }, context) {
    const { planVae } = await import("../../training/jobs/train_vae.ts");
    tellPlan(await planVae(values, context), context, values.json);
  },
});
