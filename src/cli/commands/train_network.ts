/** easel train_network: sd-scripts' train_network.py, and sdxl_train_network.py under its own name. */

import { UsageError } from "../../base/errors.ts";
import { counted } from "../../base/phrases.ts";
import type { TrainNetworkConfig } from "../../training/config.ts";
import { command, type CommandInput } from "../command.ts";
import { type ConfigOf, flag, group, noEffect, notYet } from "../../options/mod.ts";
import { modelFile } from "../../options/paths.ts";
import { exclusive, needs, somethingTrained } from "../../options/rules.ts";
import { besideDatasetFile } from "../front/dataset_notes.ts";
import { networkOptions } from "../../networks/options.ts";
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

const GROUPS = [...MODEL_GROUPS, networkOptions, ...DATA_GROUPS, ...RUN_GROUPS] as const;

const sdxlOptions = group("SDXL", {
  cache_text_encoder_outputs: notYet(flag("encode captions once, before training")),
  cache_text_encoder_outputs_to_disk: notYet(flag("write them to *_te_outputs.npz beside the images")),
  disable_mmap_load_safetensors: noEffect(
    "files are read piece by piece anyway",
    flag("read the file whole instead of memory-mapping"),
  ),
});

const SDXL_GROUPS = [...GROUPS, sdxlOptions] as const;

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

type Input = CommandInput<ConfigOf<typeof GROUPS>>;

export const trainNetwork = trainNetworkCommand(false);
export const sdxlTrainNetwork = trainNetworkCommand(true);

function trainNetworkCommand(sdxl: boolean) {
  return command({
    groups: sdxl ? SDXL_GROUPS : GROUPS,
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
    async run(input, context) {
      makeFolders(input.values);
      const { trainNetwork } = await import("../../training/jobs/train_network.ts");
      await trainNetwork(toConfig(input, sdxl), context);
    },
    async plan(input, context) {
      const { planTraining } = await import("../../training/jobs/plan.ts");
      const { openNetworkRun } = await import("../../training/jobs/network_run.ts");
      tellPlan(
        await planTraining(toConfig(input, sdxl), openNetworkRun, context),
        context,
        input.values.json,
      );
    },
  });
}

/** The job's view of the flags: nothing in it changes afterwards. */
function toConfig({ values }: Input, sdxl: boolean): TrainNetworkConfig {
  const networkModule = values.networkModule ?? "networks.lora";
  return Object.freeze({ ...trainingConfig(values, sdxl), networkModule });
}

function check({ values }: Input): void {
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
