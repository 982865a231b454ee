/** A latent upscaler's file, with its batch norms joined to the convolutions: at rest a norm is a factor and a sum. */

import { UserError } from "../../base/errors.ts";
import type { TensorFile } from "../../formats/tensor_file.ts";
import type { ParameterStore } from "../../runtime/mod.ts";
import type { Shapes } from "../weights.ts";
import { UPSCALER_LAYERS, upscalerShape } from "./upscaler.ts";

/** torch.nn.BatchNorm2d's. */
const EPSILON = 1e-5;

/** Brings the weights to the store and gives their shapes. Throws UserError for a file that is no latent upscaler. */
export function loadUpscaler(file: TensorFile, store: ParameterStore): Shapes {
  const shapes = new Map<string, readonly number[]>();
  for (const [conv, norm] of UPSCALER_LAYERS) {
    const shape = upscalerShape(conv), channels = shape[0];
    const weight = tensor(file, `${conv}.weight`, shape), perChannel = weight.length / channels;
    let bias: Float32Array = new Float32Array(channels);
    if (norm === null) bias = tensor(file, `${conv}.bias`, [channels]);
    else {
      const [gain, shift, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map((name) =>
        tensor(file, `${norm}.${name}`, [channels])
      );
      for (let c = 0; c < channels; c++) {
        const factor = gain[c] / Math.sqrt(variance[c] + EPSILON);
        bias[c] = shift[c] - mean[c] * factor;
        for (let i = c * perChannel; i < (c + 1) * perChannel; i++) weight[i] *= factor;
      }
    }
    for (const [name, size, values] of [["weight", shape, weight], ["bias", [channels], bias]] as const) {
      store.upload(`${conv}.${name}`, size, "f32", values, { frozen: true });
      shapes.set(`${conv}.${name}`, size);
    }
  }
  return shapes;
}

function tensor(file: TensorFile, key: string, shape: readonly number[]): Float32Array {
  if (!file.keys().includes(key)) {
    throw new UserError(`${file.path}: has no ${key}; a latent upscaler is wanted`);
  }
  const found = file.info(key).shape;
  if (found.join() === shape.join()) return file.f32(key);
  throw new UserError(
    `${file.path}: ${key} is [${found.join(", ")}], a latent upscaler has [${shape.join(", ")}]`,
  );
}
