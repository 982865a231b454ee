/** Cutting the largest values of a LoRA's factors off, which sd-scripts' extracting and merging tools do. */

/**
 * Clamps both factors in place to plus and minus the `quantile` of all their values: of their sizes, or with `signed` of
 * the values themselves as sd-scripts has it, whose result depends on the signs of singular vectors.
 */
export function clampFactors(up: Float32Array, down: Float32Array, quantile: number, signed: boolean): void {
  const all = new Float32Array(up.length + down.length);
  all.set(up);
  all.set(down, up.length);
  const limit = Math.fround(quantileOf(signed ? all : all.map(Math.abs), quantile));
  for (const values of [up, down]) {
    for (let i = 0; i < values.length; i++) values[i] = Math.min(limit, Math.max(-limit, values[i]));
  }
}

/** torch.quantile's linear interpolation; sorts `values`. */
function quantileOf(values: Float32Array, quantile: number): number {
  values.sort();
  const at = quantile * (values.length - 1), below = Math.floor(at);
  const low = values[below], high = values[Math.min(below + 1, values.length - 1)];
  return low + (high - low) * (at - below);
}
