/** easel train_vae: training the autoencoder of a checkpoint. */

import { dirname, join } from "node:path";
import type { TrainVaeConfig } from "../../training/config.ts";
import { trainNetworkDefaults } from "../../training/defaults.ts";
import { command, type CommandInput } from "../command.ts";
import { RANGES } from "../../data/dataset/ranges.ts";
import { automationOptions, configFileOptions, consoleOptions } from "../../options/shared.ts";
import {
  choice,
  type ConfigOf,
  flag,
  float,
  group,
  int,
  MOST_STEPS,
  own,
  path,
  pathTo,
  SEEDS,
  SHARE,
  str,
} from "../../options/mod.ts";
import { checkpoint, nameInside, readableFile, readableFolder, writableFolder } from "../../options/paths.ts";
import { exclusive, parseBytes, required, somethingTrained } from "../../options/rules.ts";
import { checkDevice } from "../../runtime/check_device.ts";
import { deviceOptions } from "../../runtime/options.ts";
import { besideDatasetFile } from "../front/dataset_notes.ts";
import { bucketOptions } from "../../data/dataset/options.ts";
import { optimizerOptions } from "../../training/optimizers/options.ts";
import { checkResolution, TRAINING_NEEDS } from "../front/training_flags.ts";
import { tellPlan } from "../screen/tell_plan.ts";

const vaeOptions = group("Autoencoder", {
  pretrained_model_name_or_path: pathTo("model", str(null, "checkpoint whose autoencoder is trained")),
  vae: pathTo("model", str(null, "autoencoder file to start from in place of the checkpoint's")),
  kl_weight: own(float(1e-6, "weight of the KL divergence of a latent value", { min: 0 })),
  edge_weight: own(float(1, "weight of the loss on differences between neighbouring pixels", { min: 0 })),
  decoder_only: own(flag("leave the encoder, and so the latents that a U-Net knows, as they are")),
  ema_decay: own(
    float(null, "save a running average of the weights with this decay, such as 0.999", SHARE),
  ),
  standardize_latents: own(
    flag("at the end, scale and shift latents to deviation 1: for a model whose U-Net is not trained yet"),
  ),
});

/** Captions play no part, so the dataset's flags are few. */
const pictureOptions = group("Pictures", {
  train_data_dir: pathTo("folder", str(null, "parent of folders named REPEATS_NAME with pictures")),
  dataset_config: pathTo("toml", path("dataset TOML/JSON")),
  random_crop: flag("cut a piece of the training size out of larger pictures, unscaled"),
  flip_aug: flag("random horizontal flip"),
  caption_extension: str(".txt", "suffix of caption files that lie beside the pictures"),
});

const runOptions = group("Training", {
  train_batch_size: int(1, "pictures a step", RANGES.batch_size),
  max_train_steps: int(1600, "total optimizer steps", { min: 1, max: MOST_STEPS }),
  max_train_epochs: int(null, "total epochs; overrides max_train_steps", { min: 1, max: MOST_STEPS }),
  seed: int(null, "random seed", SEEDS),
  mixed_precision: choice(["no", "fp16", "bf16"], "no", "compute format"),
  output_dir: pathTo("folder", str(null, "output folder")),
  output_name: str(null, "base name of results"),
  save_precision: choice(["float", "fp16", "bf16"], null, "number format of saved weights; unset = as read"),
  save_every_n_steps: int(null, "save each N optimizer steps", { min: 1 }),
});

const GROUPS = [
  vaeOptions,
  pictureOptions,
  bucketOptions,
  runOptions,
  optimizerOptions,
  deviceOptions,
  configFileOptions,
  consoleOptions,
  automationOptions,
] as const;
type Input = CommandInput<ConfigOf<typeof GROUPS>>;

export const trainVae = command({
  groups: GROUPS,
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
  async run(input, context) {
    const { outputDir, outputName } = input.values;
    writableFolder("output_dir", dirname(join(outputDir!, outputName || "name")));
    const { trainVae } = await import("../../training/jobs/train_vae.ts");
    await trainVae(toConfig(input), context);
  },
  async plan(input, context) {
    const { planVae } = await import("../../training/jobs/train_vae.ts");
    tellPlan(await planVae(toConfig(input), context), context, input.values.json);
  },
});

function toConfig({ values }: Input): TrainVaeConfig {
  return Object.freeze({
    ...trainNetworkDefaults,
    ...values,
    pretrainedModelNameOrPath: required("pretrained_model_name_or_path", values.pretrainedModelNameOrPath),
    outputDir: required("output_dir", values.outputDir),
    outputName: values.outputName || null,
    vramBudget: parseBytes("vram_budget", values.vramBudget),
  });
}
