/** easel sdxl_train_control_net_lllite: sd-scripts' script of that name, and the older one behind it. */

import { UsageError } from "../../../base/errors.ts";
import { CONDITIONED } from "../../../data/dataset/config_schema.ts";
import { besideDatasetFile } from "../../../data/dataset/overridden.ts";
import type { Job } from "../../../options/job.ts";
import { modelFile } from "../../../options/paths.ts";
import { somethingTrained } from "../../../options/rules.ts";
import { type LLLiteConfig, llliteGroups } from "../../options.ts";
import { conditionedConfig } from "../../trained/controlnet/settled.ts";
import { checkTraining, makeFolders } from "../check.ts";
import { shownInstead } from "../../previews/shown_instead.ts";

/** Pixels for which the deepest modules have one position. */
const DEEPEST = 32;

export const llliteJob: Job<LLLiteConfig> = {
  groups: llliteGroups,
  required: [[["train_data_dir", "conditioning_data_dir", "resolution"], ["dataset_config"]]],
  usual: [
    "output_name",
    "caption_extension",
    "cond_emb_dim",
    "network_dim",
    "learning_rate",
    "max_train_epochs",
    "mixed_precision",
  ],
  about:
    "Pictures lie in train_data_dir itself, and for each a conditioning picture of the same name in conditioning_data_dir. " +
    "Sample prompts name the picture that they follow: --cn FILE.",
  examples: [
    "easel sdxl_train_control_net_lllite --pretrained_model_name_or_path sdxl.safetensors --train_data_dir images " +
    "--conditioning_data_dir edges --output_dir out --output_name edges --cond_emb_dim 32 --network_dim 64 " +
    "--resolution 1024 --learning_rate 2e-4 --caption_extension .txt --cache_latents --mixed_precision bf16 --no_half_vae " +
    "--max_train_epochs 12",
  ],
  check(config) {
    const { bucketResoSteps: steps, learningRate, enableBucket } = config;
    if (enableBucket && steps % DEEPEST !== 0) {
      throw new UsageError(
        `--bucket_reso_steps ${steps}: an LLLite takes sides that are multiples of ${DEEPEST}`,
      );
    }
    somethingTrained({ learning_rate: learningRate });
    checkTraining(conditionedConfig(config));
    modelFile("network_weights", config.networkWeights);
  },
  idle: (config, given) => besideDatasetFile(config, given, CONDITIONED),
  async run(config, context) {
    makeFolders(config);
    if (await shownInstead(conditionedConfig(config), context, CONDITIONED)) return;
    const { trainLLLite } = await import("./run.ts");
    await trainLLLite(config, context);
  },
  async plan(config, context) {
    const { planTraining } = await import("../plan.ts");
    const { openLLLiteRun } = await import("./run.ts");
    const open = (planned: LLLiteConfig) => openLLLiteRun(planned, context);
    return await planTraining(conditionedConfig(config), open, context);
  },
};
