/** easel train_network: sd-scripts' train_network.py, and sdxl_train_network.py under its own name. */

import { UsageError } from "../../base/errors.ts";
import { counted } from "../../base/phrases.ts";
import { modelFile } from "../../options/paths.ts";
import { exclusive, needs, somethingTrained } from "../../options/rules.ts";
import { checkTraining, makeFolders } from "./check.ts";
import { shownInstead } from "../previews/shown_instead.ts";
import {
  sdxlTrainNetworkGroups,
  TRAINING_NEEDS,
  type TrainNetworkConfig,
  trainNetworkGroups,
} from "../options.ts";
import { besideDatasetFile } from "../../data/dataset/overridden.ts";
import type { Job } from "../../options/job.ts";

const EXAMPLES = [
  "easel train_network --pretrained_model_name_or_path builtin:tiny --train_data_dir images --output_dir out " +
  "--output_name cat --network_module networks.lora --network_dim 8 --network_alpha 4 --resolution 64 " +
  "--learning_rate 1e-3 --caption_extension .txt --cache_latents --max_train_steps 10 --config_file cat.toml --output_config",
  "easel train_network --config_file cat.toml",
  "easel train_network --config_file cat.toml --output_name cat16 --network-dim=16 --json > events.jsonl",
  "easel accelerate launch --num_cpu_threads_per_process 1 train_network.py --config_file=cat.toml",
];

const SDXL_EXAMPLES = [
  "easel sdxl_train_network --pretrained_model_name_or_path sdxl.safetensors --train_data_dir images --output_dir out " +
  "--output_name cat --network_dim 16 --network_alpha 8 --resolution 1024 --enable_bucket --learning_rate 1e-4 " +
  "--caption_extension .txt --cache_latents --mixed_precision bf16 --no_half_vae --max_train_epochs 10",
];

export const trainNetworkJob = networkJob(false);
export const sdxlTrainNetworkJob = networkJob(true);

function networkJob(sdxl: boolean): Job<TrainNetworkConfig> {
  return {
    groups: sdxl ? sdxlTrainNetworkGroups : trainNetworkGroups,
    required: TRAINING_NEEDS,
    usual: [
      "output_name",
      "caption_extension",
      "network_dim",
      "learning_rate",
      "max_train_epochs",
      "mixed_precision",
    ],
    examples: sdxl ? SDXL_EXAMPLES : EXAMPLES,
    check,
    idle: besideDatasetFile,
    async run(config, context) {
      makeFolders(config);
      if (await shownInstead(config, context)) return;
      const { trainNetwork } = await import("./train_network.ts");
      await trainNetwork(config, context, { told: { sdxl } });
    },
    async plan(config, context) {
      const { planTraining } = await import("./plan.ts");
      const { openNetworkRun } = await import("./network_run.ts");
      return await planTraining(
        config,
        (planned) => openNetworkRun(planned, context, { told: { sdxl } }),
        context,
      );
    },
  };
}

function check(values: TrainNetworkConfig): void {
  exclusive(
    "network_train_unet_only",
    values.networkTrainUnetOnly,
    "network_train_text_encoder_only",
    values.networkTrainTextEncoderOnly,
  );
  needs("dim_from_weights", values.dimFromWeights, "network_weights", values.networkWeights !== null);
  const files = values.baseWeights ?? [], multipliers = values.baseWeightsMultiplier ?? [];
  if (multipliers.length > files.length) {
    throw new UsageError(
      `--base_weights names ${counted(files.length, "file")}, --base_weights_multiplier ${
        counted(multipliers.length, "number")
      }; give a file for each`,
    );
  }
  const { learningRate, unetLr, textEncoderLr } = values;
  const rate = (name: string, own: number | null) =>
    own === null ? { learning_rate: learningRate } : { [name]: own };
  somethingTrained({
    ...(values.networkTrainTextEncoderOnly ? {} : rate("unet_lr", unetLr)),
    ...(values.networkTrainUnetOnly ? {} : rate("text_encoder_lr", textEncoderLr)),
  });
  checkTraining(values);
  modelFile("network_weights", values.networkWeights);
  for (const file of files) modelFile("base_weights", file);
}
