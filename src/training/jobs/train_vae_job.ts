/** easel train_vae: training the autoencoder of a checkpoint. */

import { checkpoint, nameInside, readableFile, readableFolder } from "../../options/paths.ts";
import { exclusive, somethingTrained } from "../../options/rules.ts";
import { checkDevice } from "../../runtime/check_device.ts";
import { checkResolution, makeFolders } from "./check.ts";
import { TRAINING_NEEDS } from "../options.ts";
import { trainVaeGroups } from "../trained/options.ts";
import { besideDatasetFile } from "../../data/dataset/overridden.ts";
import { job } from "../../options/job.ts";

export const trainVaeJob = job({
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
  check(config) {
    checkResolution(config);
    somethingTrained({ learning_rate: config.learningRate });
    exclusive("decoder_only", config.decoderOnly, "standardize_latents", config.standardizeLatents);
    nameInside("output_name", config.outputName, "output_dir");
    checkDevice(config);
    checkpoint("pretrained_model_name_or_path", config.pretrainedModelNameOrPath);
    checkpoint("vae", config.vae);
    readableFolder("train_data_dir", config.trainDataDir);
    readableFile("dataset_config", config.datasetConfig);
  },
  idle: besideDatasetFile,
  async run(config, context) {
    makeFolders({ ...config, loggingDir: null });
    const { trainVae } = await import("./train_vae.ts");
    await trainVae(config, context);
  },
  async plan(config, context) {
    const { planVae } = await import("./train_vae.ts");
    return await planVae(config, context);
  },
});
