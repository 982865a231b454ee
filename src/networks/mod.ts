/** The networks room's front door: LoRA from options or from a file, in a graph, in base weights, and as a file. */

export {
  adapterOf,
  type AdapterOptions,
  type Branch,
  loraAdapter,
  loraBranch,
  moduleTensors,
  multiplierInput,
} from "./joining/adapter.ts";
export { type LoraOptions, loraOptions, type NetworkFlags, splitNetworkArgs } from "./sites/args.ts";
export { drawMasks, type LayerDraws } from "./joining/masks.ts";
export { type LearningRates, type ParameterGroup, parameterGroups } from "./sites/groups.ts";
export { initialDraws, initialWeights, type LoraWeights, tensorShapes } from "./kinds/first_weights.ts";
export type { MaskSource, NetworkKind, NetworkModule, UniformSource } from "./kinds/kind.ts";
export { OFT_PREFIX } from "./kinds/rotations/oft.ts";
export { asSeen } from "./kinds/rotations/seen.ts";
export { DOWN, keysOf, lora, UP } from "./kinds/lora.ts";
export { bundledEmbedding, otherNetwork } from "./files/file_keys.ts";
export { type FileModule, fileModules, kindNames, type Note } from "./files/file_modules.ts";
export { clampFactors } from "./files/clamp.ts";
export { type FactorPair, type PairKeys, pairKeys, pairTensors } from "./files/pairs.ts";
export { factorsFrom } from "./files/factors.ts";
export { lowRank, type Matrix, rowsFor } from "./files/low_rank.ts";
export { productSvd } from "./files/svd.ts";
export {
  familyOfLora,
  type LoadedLora,
  loadInto,
  loadLora,
  OtherModel,
  textWidthOfLora,
} from "./files/load.ts";
export { type MergedModule, type MergeInput, mergeNetworks, type MergeOptions } from "./files/merge_files.ts";
export { mergedSpec, modelSpec, type ModelTexts } from "./metadata/model_spec.ts";
export { type DynamicMethod, type ResizedModule, resizeModule, type ResizeOptions } from "./files/resize.ts";
export { baseOf, basesOf, type BaseWeight, recordMerge } from "./joining/merge.ts";
export { datasetRecord } from "./metadata/dataset_record.ts";

export { baseModelVersion, trainingMetadata } from "./metadata/metadata.ts";
export * from "./metadata/training_record.ts";
export { loraModules, scaleOf } from "./sites/modules.ts";
export {
  hasNorm,
  limitGraph,
  type NormReport,
  normReport,
  type NormTensors,
  recordNormLimit,
} from "./joining/norms.ts";
export { filedAs, refuseReadOnly, trainedAs } from "./files/filed.ts";
export { encode, loraTensors, type SaveDtype, saveDtype, saveLora, saveTensors } from "./files/save.ts";
export { byShape, loraTargets, type Part, type Target } from "./sites/targets.ts";
export { type Dialect } from "./options.ts";
export { networkNamed, NETWORKS } from "./named/mod.ts";
export type { NamedNetwork } from "./named/named.ts";
export { floatRepr, pyFloat, pyJson, pyStr } from "./metadata/python_text.ts";
