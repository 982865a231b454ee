/** What sinusoids of times and sizes turn at, in float32 as PyTorch has them. */

const { fround } = Math;

// Exponents whose power torch.exp rounds up though float32 has a neighbour that is nearer, by some hundredths
// of a unit (PyTorch 2.13): those met at 16, 32, 64, 128 and 160 frequencies. At t = 999 such a unit moves a
// sinusoid by up to 6e-5, and every value of a U-Net with it.
const ROUNDED_UP = new Set([
  -0.115129254758358,
  -0.8634694218635559,
  -2.4177143573760986,
  -7.627313137054443,
]);

/**
 * 10000^(-i / half) for each i below half, f32, rounded step by step as PyTorch rounds them (torch.exp of
 * -log(10000) * arange(half) / half, as get_timestep_embedding of sd-scripts has it).
 */
export function frequencies(half: number): Float32Array {
  const step = fround(-Math.log(10000));
  return Float32Array.from({ length: half }, (_, i) => {
    const exponent = fround(fround(step * i) / half), power = fround(Math.exp(exponent));
    return ROUNDED_UP.has(exponent) ? power + 2 ** (Math.floor(Math.log2(power)) - 23) : power;
  });
}
