/** File formats: readers that believe nothing they have not checked, writers that leave whole files or none. */

export { openCheckpoint } from "./checkpoint.ts";
export { fileSha256, legacyHash, type NetworkHashes, networkHashes, sampleHash } from "./model_hash.ts";
export { f32Array, i64Array, integers, listNpz, type NpzArray, readNpz, writeNpz } from "./npz.ts";
export {
  openSafetensors,
  type SafetensorsFile,
  type TensorFile,
  type TensorInfo,
  type TensorToWrite,
  writeSafetensors,
  writeSafetensorsSlowly,
} from "./safetensors.ts";
export { EventWriter } from "./tensorboard/event_file.ts";
export { readScalars, type ScalarEvent } from "./tensorboard/event_reader.ts";
export { type HyperParameters, writeHyperParameters } from "./tensorboard/hparams.ts";
export { parseToml, plainToml, readToml, type TomlTable, type TomlValue } from "./toml.ts";
