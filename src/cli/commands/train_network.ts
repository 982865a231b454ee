/** easel train_network: sd-scripts' train_network.py, and sdxl_train_network.py under its own name. */

import { UsageError } from "../../base/errors.ts";
import { samplerProblem } from "../../generation/schedulers/mod.ts";
import type { TrainNetworkConfig } from "../../training/config.ts";
import {
  checkDevice,
  checkpoint,
  exclusive,
  needs,
  parseBytes,
  readableFile,
  readableFolder,
  required,
  writableFolder,
} from "../checks.ts";
import { command, type CommandInput, type ValuesOf } from "../command.ts";
import { captionFlags } from "../flags/captions.ts";
import { compatFlags, deviceFlags } from "../flags/device.ts";
import { configFileFlags } from "../flags/config_file.ts";
import { bucketFlags, datasetFlags, latentFlags } from "../flags/dataset.ts";
import { consoleFlags, loggingFlags } from "../flags/logging.ts";
import { lossFlags } from "../flags/loss.ts";
import { modelFlags } from "../flags/model.ts";
import { networkFlags } from "../flags/network.ts";
import { noiseFlags } from "../flags/noise.ts";
import { optimizerFlags } from "../flags/optimizer.ts";
import { distributedFlags, precisionFlags } from "../flags/precision.ts";
import { sampleFlags } from "../flags/samples.ts";
import { hubFlags, metadataFlags, savingFlags } from "../flags/saving.ts";
import { trainingFlags } from "../flags/training.ts";

/** In the order of the help. */
export const FAMILIES = [
  modelFlags,
  networkFlags,
  datasetFlags,
  captionFlags,
  bucketFlags,
  latentFlags,
  trainingFlags,
  optimizerFlags,
  noiseFlags,
  lossFlags,
  savingFlags,
  metadataFlags,
  sampleFlags,
  loggingFlags,
  precisionFlags,
  deviceFlags,
  compatFlags,
  configFileFlags,
  consoleFlags,
  distributedFlags,
  hubFlags,
] as const;

type Input = CommandInput<ValuesOf<typeof FAMILIES>>;

export const trainNetwork = trainNetworkCommand(false);
export const sdxlTrainNetwork = trainNetworkCommand(true);

function trainNetworkCommand(sdxl: boolean) {
  return command({
    families: FAMILIES,
    check,
    async run(input, context) {
      writableFolder("output_dir", input.values.outputDir!);
      if (input.values.loggingDir !== null) writableFolder("logging_dir", input.values.loggingDir);
      const { trainNetwork } = await import("../../training/train_network.ts");
      await trainNetwork(toConfig(input, sdxl), context);
    },
  });
}

/** The job's view of the flags: nothing in it changes afterwards. */
export function toConfig({ values }: Input, sdxl: boolean): TrainNetworkConfig {
  const positive = (n: number | null) => n !== null && n > 0 ? n : null;
  return Object.freeze({
    ...values,
    pretrainedModelNameOrPath: required("pretrained_model_name_or_path", values.pretrainedModelNameOrPath),
    outputDir: required("output_dir", values.outputDir),
    networkModule: values.networkModule ?? "networks.lora",
    captionExtension: values.captionExtention ?? values.captionExtension,
    cacheLatents: values.cacheLatents || values.cacheLatentsToDisk,
    sampleEveryNSteps: positive(values.sampleEveryNSteps),
    sampleEveryNEpochs: positive(values.sampleEveryNEpochs),
    vramBudget: parseBytes("vram_budget", values.vramBudget),
    sdxl: sdxl || null,
  });
}

function check(input: Input): void {
  const { values } = input;
  required("pretrained_model_name_or_path", values.pretrainedModelNameOrPath);
  required("output_dir", values.outputDir);
  if (values.datasetConfig === null) {
    required("train_data_dir", values.trainDataDir);
    required("resolution", values.resolution);
  }
  checkSupportedValues(input);
  checkContradictions(input);
  checkpoint("pretrained_model_name_or_path", values.pretrainedModelNameOrPath);
  checkpoint("vae", values.vae);
  readableFile("dataset_config", values.datasetConfig);
  if (values.datasetConfig === null) {
    readableFolder("train_data_dir", values.trainDataDir);
    readableFolder("reg_data_dir", values.regDataDir);
    readableFile("in_json", values.inJson);
  }
  readableFile("network_weights", values.networkWeights);
  readableFile("sample_prompts", values.samplePrompts);
  readableFolder("resume", values.resume);
}

function checkSupportedValues({ values }: Input): void {
  checkDevice(values.device);
  if (values.networkModule !== null && values.networkModule !== "networks.lora") {
    throw new UsageError(`--network_module ${values.networkModule} is not supported yet; networks.lora is`);
  }
  if (values.saveModelAs !== null && values.saveModelAs !== "safetensors") {
    throw new UsageError(`--save_model_as ${values.saveModelAs} is not supported yet; safetensors is`);
  }
  if (values.logWith !== null && values.logWith !== "tensorboard") {
    throw new UsageError(`--log_with ${values.logWith} is not supported yet; tensorboard is`);
  }
  if (values.samplePrompts !== null) {
    const problem = samplerProblem(values.sampleSampler);
    if (problem) throw new UsageError(`--sample_sampler: ${problem}`);
  }
  if (values.outputConfig) throw new UsageError("--output_config is not supported yet");
}

function checkContradictions({ values }: Input): void {
  const given = (x: unknown) => x !== null && x !== false;
  exclusive(
    "network_train_unet_only",
    values.networkTrainUnetOnly,
    "network_train_text_encoder_only",
    values.networkTrainTextEncoderOnly,
  );
  exclusive(
    "v_pred_like_loss",
    Boolean(values.vPredLikeLoss),
    "v_parameterization",
    values.vParameterization,
  );
  const cached = values.cacheLatents || values.cacheLatentsToDisk;
  exclusive("cache_latents", cached, "color_aug", values.colorAug);
  exclusive("cache_latents", cached, "random_crop", values.randomCrop);
  needs("dim_from_weights", values.dimFromWeights, "network_weights", given(values.networkWeights));
  needs("adaptive_noise_scale", given(values.adaptiveNoiseScale), "noise_offset", given(values.noiseOffset));
  needs(
    "scale_v_pred_loss_like_noise_pred",
    values.scaleVPredLossLikeNoisePred,
    "v_parameterization",
    values.vParameterization,
  );
  needs(
    "in_json",
    given(values.inJson),
    "train_data_dir",
    given(values.trainDataDir) || given(values.datasetConfig),
  );
  needs("log_with", given(values.logWith), "logging_dir", given(values.loggingDir));
  const low = values.minTimestep ?? 0, high = values.maxTimestep ?? 1000;
  if (low < 0 || high > 1000 || low >= high) {
    throw new UsageError(
      `--min_timestep ${low} and --max_timestep ${high} leave no timestep between 0 and 1000`,
    );
  }
  if (values.resolution !== null && !/^\s*\d+\s*(,\s*\d+\s*)?$/.test(values.resolution)) {
    throw new UsageError(`--resolution takes "side" or "width,height", "${values.resolution}" was given`);
  }
  if (values.minBucketReso > values.maxBucketReso) {
    throw new UsageError(
      `--min_bucket_reso ${values.minBucketReso} is above --max_bucket_reso ${values.maxBucketReso}`,
    );
  }
}
