/** The networks room's front door: LoRA from options or from a file, in a graph, in base weights, and as a file. */

export { type AdapterOptions, adapters, loraAdapter, multiplierInput } from "./adapter.ts";
export { type LoraOptions, loraOptions, type NetworkFlags, splitNetworkArgs } from "./args.ts";
export { drawMasks, type LayerDraws, type MaskSource } from "./dropout.ts";
export { type LearningRates, type ParameterGroup, parameterGroups } from "./groups.ts";
export { initialDraws, initialWeights, type LoraWeights, type UniformSource } from "./init.ts";
export { bundledEmbedding, otherNetwork } from "./file_keys.ts";
export { type FileModule, fileModules, type Note } from "./file_modules.ts";
export { familyOfLora, type LoadedLora, loadInto, loadLora } from "./load.ts";
export { type MergedModule, mergeNetworks, type MergeOptions } from "./merge_files.ts";
export { mergedSpec, modelSpec } from "./model_spec.ts";
export { type DynamicMethod, type ResizedModule, resizeModule, type ResizeOptions } from "./resize.ts";
export { baseOf, type BaseWeight, deltaOf, recordMerge } from "./merge.ts";
export { datasetRecord } from "./dataset_record.ts";
export { floatRepr } from "./python_text.ts";
export { baseModelVersion, trainingMetadata } from "./metadata.ts";
export * from "./training_record.ts";
export { keysOf, type LoraModule, loraModules, scaleOf } from "./modules.ts";
export { type NormReport, normReport, type NormTensors, recordNormLimit } from "./norms.ts";
export { encode, loraTensors, type SaveDtype, saveDtype, saveLora, saveTensors } from "./save.ts";
export { loraTargets, type Part, type Target } from "./targets.ts";
export { pyFloat, pyStr } from "./python_text.ts";
