/**
 * A latent upscaler's file, with its batch norms joined to the convolutions: at rest a norm is a factor and a sum. Norms
 * of the pictures' own statistics, as in training, stay beside them.
 */

import { UserError } from "../../base/errors.ts";
import type { TensorFile } from "../../formats/tensor_file.ts";
import type { ParameterStore } from "../../runtime/mod.ts";
import type { Shapes } from "../weights.ts";
import { BATCH_NORM_EPSILON, UPSCALER_LAYERS, upscalerShape } from "./upscaler.ts";

/** Brings the weights to the store and gives their shapes. Throws UserError for a file that is no latent upscaler. */
export function loadUpscaler(
  file: TensorFile,
  store: ParameterStore,
  { ownStatistics = false }: { readonly ownStatistics?: boolean } = {},
): Shapes {
  const shapes = new Map<string, readonly number[]>();
  const upload = (key: string, shape: readonly number[], values: Float32Array) => {
    store.upload(key, shape, "f32", values, { frozen: true });
    shapes.set(key, shape);
  };
  for (const [conv, norm] of UPSCALER_LAYERS) {
    const shape = upscalerShape(conv), channels = shape[0];
    const weight = tensor(file, `${conv}.weight`, shape), perChannel = weight.length / channels;
    let bias: Float32Array = new Float32Array(channels);
    if (norm === null) bias = tensor(file, `${conv}.bias`, [channels]);
    else {
      const [gain, shift, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map((name) =>
        tensor(file, `${norm}.${name}`, [channels])
      );
      if (ownStatistics) {
        upload(`${norm}.weight`, [channels], gain);
        upload(`${norm}.bias`, [channels], shift);
        upload(`${conv}.weight`, shape, weight);
        continue;
      }
      for (let c = 0; c < channels; c++) {
        const factor = gain[c] / Math.sqrt(variance[c] + BATCH_NORM_EPSILON);
        bias[c] = shift[c] - mean[c] * factor;
        for (let i = c * perChannel; i < (c + 1) * perChannel; i++) weight[i] *= factor;
      }
    }
    upload(`${conv}.weight`, shape, weight);
    upload(`${conv}.bias`, [channels], bias);
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
