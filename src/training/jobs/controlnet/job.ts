/** easel train_controlnet (train_control_net since sd-scripts 0.10) and sdxl_train_control_net: a ControlNet on a model. */

import { CONDITIONED } from "../../../data/dataset/config_schema.ts";
import { besideDatasetFile } from "../../../data/dataset/overridden.ts";
import type { Job } from "../../../options/job.ts";
import { modelFile } from "../../../options/paths.ts";
import { somethingTrained } from "../../../options/rules.ts";
import {
  type ControlNetConfig,
  controlNetGroups,
  sdxlControlNetGroups,
  TRAINING_NEEDS,
} from "../../options.ts";
import { conditionedConfig } from "../../trained/controlnet/settled.ts";
import { checkTraining, makeFolders } from "../check.ts";
import { shownInstead } from "../../previews/shown_instead.ts";

const EXAMPLE =
  "easel train_controlnet --pretrained_model_name_or_path builtin:tiny --train_data_dir images/1_thing " +
  "--conditioning_data_dir edges --output_dir out --output_name edges --caption_extension .txt --resolution 64 " +
  "--learning_rate 1e-4 --cache_latents --max_train_steps 5";

const SDXL_EXAMPLE =
  "easel sdxl_train_control_net --pretrained_model_name_or_path sdxl.safetensors --train_data_dir images " +
  "--conditioning_data_dir edges --output_dir out --output_name edges --caption_extension .txt --resolution 1024 " +
  "--enable_bucket --learning_rate 1e-5 --control_net_lr 1e-4 --cache_latents --mixed_precision bf16 --no_half_vae " +
  "--max_train_epochs 10";

export const trainControlNetJob = controlNetJob(false, EXAMPLE);
export const sdxlTrainControlNetJob = controlNetJob(true, SDXL_EXAMPLE);

function controlNetJob(sdxl: boolean, example: string): Job<ControlNetConfig> {
  return {
    groups: sdxl ? sdxlControlNetGroups : controlNetGroups,
    required: TRAINING_NEEDS,
    usual: [
      "conditioning_data_dir",
      "controlnet_model_name_or_path",
      "output_name",
      "caption_extension",
      "learning_rate",
      "max_train_epochs",
      "mixed_precision",
    ],
    examples: [example],
    check(config) {
      const { learningRate, controlNetLr } = config;
      somethingTrained({
        learning_rate: learningRate,
        ...(controlNetLr === undefined ? {} : { control_net_lr: controlNetLr }),
      });
      modelFile("controlnet_model_name_or_path", config.controlnetModelNameOrPath);
      checkTraining(conditionedConfig(config));
    },
    idle: (config, given) => besideDatasetFile(config, given, CONDITIONED),
    async run(config, context) {
      makeFolders(config);
      if (await shownInstead(conditionedConfig(config), context, CONDITIONED)) return;
      const { trainControlNet } = await import("./run.ts");
      await trainControlNet(config, context, { sdxl });
    },
    async plan(config, context) {
      const { planTraining } = await import("../plan.ts");
      const { openControlRun } = await import("./run.ts");
      const open = (planned: ControlNetConfig) => openControlRun(planned, context, { sdxl });
      return await planTraining(conditionedConfig(config), open, context);
    },
  };
}
