/** The weights of a new network, drawn as PyTorch draws them. */

import { elements, type Shape } from "../../graph/mod.ts";
import type { NetworkModule, UniformSource } from "./kind.ts";

/** File key -> values. */
export type LoraWeights = Map<string, Float32Array>;

/** File key -> shape of every tensor but alpha. */
export function tensorShapes(modules: readonly NetworkModule[]): Map<string, Shape> {
  return new Map(
    modules.flatMap(({ name, tensors }) =>
      Object.entries(tensors).map(([suffix, shape]): [string, Shape] => [`${name}.${suffix}`, shape])
    ),
  );
}

/** Numbers that initialWeights() takes from the generator: normal ones come in blocks of 16, the last drawn again. */
export function initialDraws(modules: readonly NetworkModule[]): number {
  let count = 0;
  const counted = (n: number) => (count += n, new Float32Array(0));
  const generator: UniformSource = {
    uniform: (_low, _high, n) => counted(n),
    normal: (_mean, _deviation, n) => counted(n % 16 === 0 ? n : n + 16),
  };
  for (const module of modules) module.kind.initial(module, generator, () => Float32Array.of(0));
  return count;
}

/**
 * Draws every module in turn; what the constructors draw in vain is taken from the generator too. `base` gives the
 * weight of a module's layer, for kinds that start from it.
 */
export function initialWeights(
  modules: readonly NetworkModule[],
  generator: UniformSource,
  base: (module: NetworkModule) => Float32Array = () => new Float32Array(0),
): LoraWeights {
  const weights: LoraWeights = new Map();
  for (const module of modules) {
    const first = module.kind.initial(module, generator, () => base(module));
    for (const suffix of Object.keys(module.tensors)) weights.set(`${module.name}.${suffix}`, first[suffix]);
  }
  return weights;
}

/** torch.nn.init.kaiming_uniform_(a = sqrt(5)): within 1 / sqrt(inputs of one output). */
export function kaimingUniform(shape: Shape, generator: UniformSource): Float32Array {
  const count = elements(shape), gain = Math.sqrt(2 / (1 + 5));
  const bound = Math.sqrt(3) * (gain / Math.sqrt(count / shape[0]));
  return generator.uniform(-bound, bound, count);
}
