/** `easel check_lora_weights`: how large the weights of a network file are, tensor by tensor (sd-scripts' script of that name). */

import { openCheckpoint } from "../../formats/checkpoint.ts";
import { toF32 } from "../../formats/tensor_file.ts";
import { floatRepr } from "../../text/python_number.ts";

export interface TensorSize {
  readonly key: string;
  readonly shape: readonly number[];
  /** Mean and least of the absolute values, float32; NaN where the tensor holds one. */
  readonly mean: number;
  readonly least: number;
}

const NETWORK = /lora_up|lora_down|lora_A|lora_B|oft_|hada_|lokr_|dora_scale|\.diff/;

/** Of a network's own tensors, then with `all` of the others. Reads one tensor at a time, NaN included. */
export function* weightSizes(path: string, all: boolean): Generator<TensorSize, void> {
  using file = openCheckpoint(path);
  const keys = file.keys(), own = keys.filter((key) => NETWORK.test(key));
  for (const key of all ? [...own, ...keys.filter((key) => !NETWORK.test(key))] : own) {
    let sum = 0, least = Infinity;
    const values = toF32(file.info(key).dtype, file.bytes(key));
    for (const value of values) {
      const size = Math.abs(value);
      sum += size;
      if (!(size >= least)) least = size;
    }
    yield { key, shape: file.info(key).shape, mean: Math.fround(sum / values.length), least };
  }
}

/** The line of a tensor, as sd-scripts prints it. */
export function sizeLine({ key, shape, mean, least }: TensorSize): string {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join("-");
  return `${key},(${sizes}),${floatRepr(mean)},${floatRepr(least)}`;
}
