/** easel train_textual_inversion, train_textual_inversion_XTI and sdxl_train_textual_inversion: sd-scripts' own. */

import { UsageError } from "../../../base/errors.ts";
import { besideDatasetFile } from "../../../data/dataset/overridden.ts";
import type { Job } from "../../../options/job.ts";
import { modelFile, nameInside } from "../../../options/paths.ts";
import { exclusive, somethingTrained } from "../../../options/rules.ts";
import {
  sdxlTextualInversionGroups,
  type TextualInversionConfig,
  textualInversionGroups,
  TRAINING_NEEDS,
} from "../../options.ts";
import { shownInstead } from "../../previews/shown_instead.ts";
import { checkTraining, makeFolders } from "../check.ts";
import type { InversionKind } from "./run.ts";

const exampleOf = (name: string, flags: string) =>
  `easel ${name} --pretrained_model_name_or_path builtin:tiny --train_data_dir images --output_dir out ` +
  `--token_string my_cat --init_word cat ${flags}--caption_extension .txt --resolution 64 --learning_rate 5e-3 --cache_latents ` +
  "--max_train_steps 5 --save_model_as safetensors";

export const textualInversionJob = inversionJob(
  {},
  exampleOf("train_textual_inversion", "--num_vectors_per_token 4 --use_object_template "),
);

export const xtiJob = inversionJob(
  { xti: true },
  exampleOf("train_textual_inversion_XTI", "--use_object_template "),
);

export const sdxlTextualInversionJob = inversionJob(
  { sdxl: true },
  "easel sdxl_train_textual_inversion --pretrained_model_name_or_path sdxl.safetensors --train_data_dir images " +
    "--output_dir out --token_string my_cat --init_word cat --num_vectors_per_token 4 --use_object_template " +
    "--caption_extension .txt --resolution 1024 --enable_bucket --learning_rate 5e-4 --cache_latents --mixed_precision bf16 --no_half_vae " +
    "--max_train_steps 2000 --save_model_as safetensors",
);

function inversionJob(kind: InversionKind, example: string): Job<TextualInversionConfig> {
  return {
    groups: kind.sdxl ? sdxlTextualInversionGroups : textualInversionGroups,
    required: TRAINING_NEEDS,
    usual: [
      "init_word",
      "num_vectors_per_token",
      "use_object_template",
      "use_style_template",
      "learning_rate",
      "max_train_steps",
    ],
    examples: [example],
    check,
    idle: besideDatasetFile,
    async run(config, context) {
      makeFolders({ ...config, outputName: config.outputName ?? config.tokenString });
      if (config.debugDataset) {
        const template = ["use_object_template", "use_style_template"].find((_, i) =>
          [config.useObjectTemplate, config.useStyleTemplate][i]
        );
        if (template) {
          context.warn(`--${template}: its sentences take the place of the captions that are shown`);
        }
      }
      if (await shownInstead({ ...config, saveModelAs: null }, context)) return;
      const { trainInversion } = await import("./run.ts");
      await trainInversion(kind, config, context);
    },
    async plan(config, context) {
      const { planTraining } = await import("../plan.ts");
      const { openInversionRun } = await import("./run.ts");
      return await planTraining(config, (planned) => openInversionRun(kind, planned, context), context);
    },
  };
}

function check(config: TextualInversionConfig): void {
  const { tokenString: word, learningRate } = config;
  if (/^\s|\s$|^$/.test(word)) {
    throw new UsageError(`--token_string "${word}" begins or ends with a space; give the word alone`);
  }
  if (config.outputName === null) nameInside("token_string", word, "output_dir");
  exclusive("use_object_template", config.useObjectTemplate, "use_style_template", config.useStyleTemplate);
  refuseOthers(config);
  somethingTrained({ learning_rate: learningRate });
  checkTraining(config);
  modelFile("weights", config.weights);
}

/** What saves memory of trained weights, of which there are next to none here, and what reads captions in another way. */
function refuseOthers(config: TextualInversionConfig): void {
  const { fullFp16, fullBf16, fusedBackwardPass, weightedCaptions } = config;
  const few = { full_fp16: fullFp16, full_bf16: fullBf16, fused_backward_pass: fusedBackwardPass };
  for (const [name, given] of Object.entries(few)) {
    if (given) throw new UsageError(`--${name}: the vectors are few and stay in float32; leave it out`);
  }
  if (weightedCaptions) {
    throw new UsageError(
      "--weighted_captions: textual inversion reads captions without weights; leave it out",
    );
  }
}
