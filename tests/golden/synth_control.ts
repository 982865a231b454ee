/** The tensors of LLLites for the synthetic models. */

import { below, llliteModules, llliteShapes, type Shapes, UNET } from "../../src/models/mod.ts";

/** An LLLite for a model, by the names of files. */
export function llliteTensors(
  model: Shapes,
  sizes: { embedding: number; inner: number },
): Map<string, number[]> {
  return new Map(
    llliteModules(below(model, `${UNET}.`)).flatMap((module) =>
      llliteShapes(module, sizes).map(([name, shape]) => [`${module.name}.${name}`, shape] as const)
    ),
  );
}
