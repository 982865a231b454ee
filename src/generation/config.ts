/** What gen_img is asked for: the flags of sd-scripts' gen_img.py under their names, in camelCase, with their defaults. */

export interface GenImgConfig {
  // Model
  readonly ckpt: string;
  readonly v1: boolean;
  readonly v2: boolean;
  readonly sdxl: boolean;
  readonly vParameterization: boolean;
  readonly vae: string | null;
  readonly textEncoder: string | null;
  readonly clipL: string | null;
  readonly clipG: string | null;
  /** Text encoder layer counted from the end; null: 1 for SD1, 2 for SD2 and SDXL. */
  readonly clipSkip: number | null;
  /** Prompt length in chunks of 75 tokens; null is 1. */
  readonly maxEmbeddingsMultiples: number | null;
  readonly embNormalizeMode: "original" | "abs" | "none";

  // Prompts
  readonly prompt: string | null;
  /** One prompt a line; empty lines and lines that begin with # are left out. */
  readonly fromFile: string | null;
  readonly nIter: number;
  readonly shufflePrompts: boolean;
  readonly imagesPerPrompt: number;
  readonly seed: number | null;
  readonly iterSameSeed: boolean;

  // Pictures
  readonly W: number | null;
  readonly H: number | null;
  readonly originalWidth: number | null;
  readonly originalHeight: number | null;
  readonly originalWidthNegative: number | null;
  readonly originalHeightNegative: number | null;
  readonly cropTop: number | null;
  readonly cropLeft: number | null;
  readonly steps: number;
  readonly sampler: string;
  readonly scale: number;
  readonly negativeScale: number | null;
  readonly batchSize: number;
  /** Pictures decoded at once; below 1 a share of the batch; null is one at a time. */
  readonly vaeBatchSize: number | null;

  // Output
  readonly outdir: string;
  readonly sequentialFileName: boolean;

  // Image to image
  readonly imagePath: string | null;
  readonly strength: number | null;

  // Networks
  readonly networkModule: readonly string[] | null;
  readonly networkWeights: readonly string[] | null;
  readonly networkMul: readonly number[] | null;
  readonly networkArgs: readonly string[] | null;
  readonly networkMerge: boolean;
  readonly networkMergeNModels: number | null;
  readonly networkPreCalc: boolean;
  /** Folders of the LoRA files that prompts name as <lora:NAME:0.8>. */
  readonly loraDir: readonly string[] | null;

  // Precision and device
  readonly fp16: boolean;
  readonly bf16: boolean;
  readonly noHalfVae: boolean;
  /** auto, cpu, cuda or cuda:N. */
  readonly device: string;
  /** 0: one for each core. */
  readonly threads: number;
  /** Most bytes to take on the device; null is what is free. */
  readonly vramBudget: number | null;
  readonly noVendorLibs: boolean;
  /** "0.9.1" repeats what that version of sd-scripts does wrong; null does it right. */
  readonly compat: string | null;
}

/** sd-scripts' defaults; `ckpt` has none. */
export const GEN_IMG_DEFAULTS: Omit<GenImgConfig, "ckpt"> = {
  v1: false,
  v2: false,
  sdxl: false,
  vParameterization: false,
  vae: null,
  textEncoder: null,
  clipL: null,
  clipG: null,
  clipSkip: null,
  maxEmbeddingsMultiples: null,
  embNormalizeMode: "original",
  prompt: null,
  fromFile: null,
  nIter: 1,
  shufflePrompts: false,
  imagesPerPrompt: 1,
  seed: null,
  iterSameSeed: false,
  W: null,
  H: null,
  originalWidth: null,
  originalHeight: null,
  originalWidthNegative: null,
  originalHeightNegative: null,
  cropTop: null,
  cropLeft: null,
  steps: 50,
  sampler: "ddim",
  scale: 7.5,
  negativeScale: null,
  batchSize: 1,
  vaeBatchSize: null,
  outdir: "outputs",
  sequentialFileName: false,
  imagePath: null,
  strength: null,
  networkModule: null,
  networkWeights: null,
  networkMul: null,
  networkArgs: null,
  networkMerge: false,
  networkMergeNModels: null,
  networkPreCalc: false,
  loraDir: null,
  fp16: false,
  bf16: false,
  noHalfVae: false,
  device: "auto",
  threads: 0,
  vramBudget: null,
  noVendorLibs: false,
  compat: null,
};
