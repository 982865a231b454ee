/** easel gen_img: sd-scripts' gen_img.py. */

import { UsageError } from "../base/errors.ts";
import { counted } from "../base/phrases.ts";
import { type GenImgConfig, genImgGroups } from "./groups.ts";
import { job } from "../options/job.ts";
import {
  checkpoint,
  modelFile,
  modelInFolder,
  modelParts,
  readableFile,
  readableFolder,
  writableFolder,
} from "../options/paths.ts";
import { exclusive, needs } from "../options/rules.ts";
import { checkControls } from "./techniques/control/flags.ts";
import { checkUpscaler } from "./techniques/upscaler_flag.ts";
import { checkGuidance } from "./techniques/guidance/flags.ts";
import { checkDevice } from "../runtime/check_device.ts";

export const genImgJob = job({
  groups: genImgGroups,
  required: [[["prompt"], ["from_file"], ["from_module"], ["interactive"], ["image_path"]]],
  usual: ["outdir", "W", "H", "steps", "sampler", "network_weights", "network_mul"],
  about:
    "A prompt may end in options: --n negative prompt, --w, --h, --d seed, --l scale, --s steps. In it, <lora:cat:0.8> " +
    "draws with cat.safetensors at that strength.",
  examples: [
    'easel gen_img --ckpt builtin:tiny --prompt "a red circle --n blurry --d 1" --W 128 --H 128 --steps 10 ' +
    "--sampler euler_a --outdir pictures",
    "easel gen_img --ckpt builtin:tiny --network_module networks.lora --network_weights out/cat.safetensors " +
    '--prompt "a cat" --W 64 --H 64 --steps 10 --images_per_prompt 2 --outdir pictures',
  ],
  check,
  async run(config, context) {
    writableFolder("outdir", config.outdir);
    const { genImg } = await import("./gen_img.ts");
    if (!config.interactive) return await genImg(config, context);
    const { drawInteractively } = await import("./interactive.ts");
    await drawInteractively(config, context);
  },
});

/** What sides of pictures are multiples of in every family. */
const EVERY = 8;

function check(values: GenImgConfig): void {
  checkDevice(values);
  exclusive("v1", values.v1, "v2", values.v2);
  exclusive("v1", values.v1, "sdxl", values.sdxl);
  exclusive("v2", values.v2, "sdxl", values.sdxl);
  exclusive("fp16", values.fp16, "bf16", values.bf16);
  checkPrompts(values);
  if (values.strength !== null && values.imagePath === null && values.highresFixScale === null) {
    throw new UsageError(
      "--strength says how much of a picture is forgotten; give --image_path, or --highres_fix_scale for a second pass",
    );
  }
  needs("clip_vision_strength", values.clipVisionStrength !== null, "image_path", values.imagePath !== null);
  needs(
    "clip_vision_model",
    values.clipVisionModel !== null,
    "clip_vision_strength",
    values.clipVisionStrength !== null,
  );
  for (const [name, pixels] of [["W", values.W], ["H", values.H]] as const) {
    if (pixels !== null && pixels % EVERY !== 0) {
      throw new UsageError(`--${name} is a multiple of ${EVERY}, ${pixels} was given`);
    }
  }
  if (values.strength !== null && !(values.strength >= 0 && values.strength <= 1)) {
    throw new UsageError(`--strength is between 0 and 1, ${values.strength} was given`);
  }
  checkNoise(values);
  checkNetworks(values);
  checkControls(values);
  checkUpscaler(values);
  checkGuidance(values);
  checkpoint("ckpt", values.ckpt);
  modelParts(values);
  readableFile("from_file", values.fromFile);
  readableFile("from_module", values.fromModule);
  for (const path of values.networkWeights ?? []) modelFile("network_weights", path);
  for (const path of values.controlNetModels ?? []) modelFile("control_net_models", path);
  for (const path of values.controlNetLlliteModels ?? []) modelFile("control_net_lllite_models", path);
  for (const path of values.textualInversionEmbeddings ?? []) modelFile("textual_inversion_embeddings", path);
  for (const path of values.XTIEmbeddings ?? []) modelFile("XTI_embeddings", path);
  const guides = {
    clip_vision_model: values.clipVisionModel,
    clip_guidance_model: values.clipGuidanceModel,
    vgg16_guidance_model: values.vgg16GuidanceModel,
  };
  for (const [name, path] of Object.entries(guides)) if (path !== null) modelInFolder(name, path);
  for (const path of values.loraDir ?? []) readableFolder("lora_dir", path);
}

/** Prompts come from one place. */
function checkPrompts(values: GenImgConfig): void {
  const places = [
    ["prompt", values.prompt !== null],
    ["from_file", values.fromFile !== null],
    ["from_module", values.fromModule !== null],
    ["interactive", values.interactive],
  ] as const;
  places.forEach(([name, given], i) => {
    for (const [other, too] of places.slice(i + 1)) exclusive(name, given, other, too);
  });
  if (values.interactive && (values.nIter > 1 || values.shufflePrompts)) {
    throw new UsageError(
      `--${
        values.nIter > 1 ? "n_iter" : "shuffle_prompts"
      } is for a list of prompts; leave it away with --interactive`,
    );
  }
}

/** A probability and its range come together. */
function checkNoise(values: GenImgConfig): void {
  const pairs = [
    [
      "pyramid_noise_prob",
      values.pyramidNoiseProb,
      "pyramid_noise_discount_range",
      values.pyramidNoiseDiscountRange,
    ],
    ["noise_offset_prob", values.noiseOffsetProb, "noise_offset_range", values.noiseOffsetRange],
  ] as const;
  for (const [probability, given, range, numbers] of pairs) {
    needs(probability, given !== null, range, numbers !== null);
    needs(range, numbers !== null, probability, given !== null);
  }
}

function checkNetworks({ networkModule, networkWeights, networkMul }: GenImgConfig): void {
  const files = networkWeights?.length ?? 0;
  needs("network_module", (networkModule?.length ?? 0) > 0, "network_weights", files > 0);
  needs("network_mul", (networkMul?.length ?? 0) > 0, "network_weights", files > 0);
  if ((networkMul?.length ?? 0) > files) {
    throw new UsageError(
      `--network_mul has ${counted(networkMul!.length, "strength")} for ${files} --network_weights`,
    );
  }
}
