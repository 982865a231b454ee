/** Linear multistep of fourth order (Adams-Bashforth on uneven sigmas): k-diffusion's sample_lms. */

import { combine, type Sampler, type SamplerOptions } from "../sampler.ts";
import { overSigmas, sigmaSteps } from "./sigmas.ts";

const ORDER = 4;

export function lms(options: SamplerOptions): Sampler {
  const levels = sigmaSteps(options), { sigmas } = levels;
  const { compat } = options;
  let slopes: Float32Array[] = []; // the newest first
  return overSigmas(options, levels, (i, denoised, latents) => {
    slopes = [combine([1 / sigmas[i], latents], [-1 / sigmas[i], denoised]), ...slopes].slice(0, ORDER);
    // diffusers weighs by how many steps there would be, also where a run begins late and has fewer
    const count = compat ? Math.min(i + 1, ORDER) : slopes.length;
    const nodes = Array.from({ length: count }, (_, k) => sigmas[i - k]);
    const terms = slopes.map((slope, k) => [weight(nodes, k, sigmas[i + 1]), slope] as const);
    return combine([1, latents], ...terms);
  });
}

/** The integral, from the newest node to `end`, of the polynomial that is 1 at node k and 0 at the others. */
function weight(nodes: readonly number[], k: number, end: number): number {
  const basis = (x: number) =>
    nodes.reduce((product, node, j) => j === k ? product : product * (x - node) / (nodes[k] - node), 1);
  // Gauss-Legendre with two points is exact up to the third degree
  const middle = (nodes[0] + end) / 2, half = (end - nodes[0]) / 2, reach = half / Math.sqrt(3);
  return half * (basis(middle - reach) + basis(middle + reach));
}
