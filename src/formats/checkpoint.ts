/** A checkpoint of either kind, told apart by its first bytes and not by its name. */

import { modelPath } from "../base/assets.ts";
import { UserError } from "../base/errors.ts";
import { FileReader } from "./file_reader.ts";
import { openTorchFile } from "./pickle/torch_file.ts";
import { openSafetensors } from "./safetensors.ts";
import type { TensorFile } from "./tensor_file.ts";
import { whatFileIs } from "./what_file.ts";

/**
 * Opens a safetensors file or one of torch.save(), or a built-in model. Throws UserError that says
 * what it is when it is neither, or damaged.
 */
export function openCheckpoint(given: string): TensorFile {
  const path = modelPath(given);
  const file = new FileReader(path, "model file");
  let start: Uint8Array;
  try {
    start = file.read(0, Math.min(10, file.size));
  } finally {
    file.close();
  }
  const zip = start[0] === 0x50 && start[1] === 0x4b && start[2] === 3 && start[3] === 4;
  // a safetensors header starts with { and has a length that is no pickle: 0x80 would be one of 128 bytes, so both are asked
  const pickle = start[0] === 0x80 && start[1] >= 2 && start[1] <= 5 && start[8] !== 0x7b;
  if (zip || pickle) return openTorchFile(path);
  try {
    return openSafetensors(path);
  } catch (error) {
    const other = error instanceof UserError ? whatFileIs(path) : null;
    throw other === null ? error : new UserError(`${path}: ${other}`, { cause: error });
  }
}
