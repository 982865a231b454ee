/**
 * OFT as PEFT has it (peft/tuners/oft/layer.py from 0.16 on): blocks of a layer's inputs are rotated, W' = W R^T. Read and
 * drawn with, not trained: what its adapter_config.json says of R is settled when the file is read.
 */

import type { NetworkKind } from "../kind.ts";
import { through } from "../lora.ts";
import { rotated } from "./oft.ts";
import { blockSize, peftRotations, rotationOf } from "./peft_rotations.ts";

/** In a module: R - I, (blocks, n, n). */
export const ROTATION = "oft_R.weight";

export const oftInputs: NetworkKind = {
  name: "PEFT's OFT",
  marks: [ROTATION],
  tensors: () => ({}), // no options ask for it
  read({ shape: [, inputs, ...kernel] }, found) {
    const { [ROTATION]: [stored, numbers] } = found, size = blockSize(numbers), count = inputs / size;
    const pixels = kernel.reduce((a, b) => a * b, 1); // PEFT's rotation of a whole window is not its merged weight's
    if (pixels > 1 || !Number.isInteger(count) || (stored !== 1 && stored !== count)) {
      const near = Math.max(1, Math.round(inputs / Math.max(1, Math.round(size))));
      return { misfit: ROTATION, wanted: [near, inputs / near * (inputs / near - 1) / 2] };
    }
    return { rank: size, tensors: { [ROTATION]: [count, size, size] } };
  },
  fromPeft: (module, values, config) => ({
    [ROTATION]: peftRotations(values[ROTATION], module.tensors[ROTATION], rotationOf(config)),
  }),
  initial: () => ({}),
  scale: () => 1,
  readOnly: true,
  output: ({ x, weight, layer }, t, strength) =>
    strength(through(rotated(x, t.at(ROTATION)), weight(), layer)),
  delta: (t, base) => rotated(base(), t.at(ROTATION), true),
};
