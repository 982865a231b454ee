/** --sigmas: how the noise of a run goes down. Each makes `steps` sigmas of those the model was trained with. */

type Spacing = (steps: number, known: Float32Array) => number[];

/** `count` numbers from `first` to `last`, both included. */
function linspace(first: number, last: number, count: number): number[] {
  return Array.from(
    { length: count },
    (_, i) => count === 1 ? first : first + (last - first) * i / (count - 1),
  );
}

/** Even in sigma^(1/7): arXiv 2206.00364, equation 5 (k-diffusion's get_sigmas_karras). */
const karras: Spacing = (steps, known) => {
  const root = (sigma: number) => sigma ** (1 / 7);
  return linspace(root(known[known.length - 1]), root(known[0]), steps).map((x) => x ** 7);
};

/** Even in log(sigma): k-diffusion's get_sigmas_exponential. */
const exponential: Spacing = (steps, known) =>
  linspace(Math.log(known[known.length - 1]), Math.log(known[0]), steps).map(Math.exp);

/** Even in time, the last trained timestep left to the end: "trailing" of arXiv 2305.08891, ComfyUI's sgm_uniform. */
const sgmUniform: Spacing = (steps, known) => {
  const last = known.length - 1;
  return linspace(last, 0, steps + 1).slice(0, -1).map((t) => {
    const low = Math.floor(t), high = Math.min(low + 1, last);
    return Math.exp(Math.log(known[low]) * (1 - (t - low)) + Math.log(known[high]) * (t - low));
  });
};

/** Every n-th trained sigma from the end: ComfyUI's simple_scheduler. */
const simple: Spacing = (steps, known) =>
  Array.from({ length: steps }, (_, i) => known[known.length - 1 - Math.floor(i * known.length / steps)]);

/** Dense at both ends, by quantiles of the Beta(0.6, 0.6) distribution: arXiv 2407.12173, ComfyUI's beta_scheduler. */
const beta: Spacing = (steps, known) => {
  const last = known.length - 1, chosen: number[] = [];
  for (let i = 0; i < steps; i++) {
    const at = Math.round(betaQuantile(1 - i / steps, 0.6) * last);
    // neighbours that round to the same one would be a step of no length
    if (known[at] !== chosen.at(-1)) chosen.push(known[at]);
  }
  return chosen;
};

/** Each with what the AUTOMATIC1111 web UI calls it. */
export const SPACINGS = {
  karras: { space: karras, webUi: "Karras" },
  exponential: { space: exponential, webUi: "Exponential" },
  sgm_uniform: { space: sgmUniform, webUi: "SGM Uniform" },
  beta: { space: beta, webUi: "Beta" },
  simple: { space: simple, webUi: "Simple" },
} as const;

export type SigmaSpacing = keyof typeof SPACINGS;

export const spacingNames = Object.keys(SPACINGS) as SigmaSpacing[];

export function webUiSpacing(name: SigmaSpacing): string {
  return SPACINGS[name].webUi;
}

/** The x below which the share p of Beta(a, a) lies. */
export function betaQuantile(p: number, a: number): number {
  if (p <= 0) return 0;
  if (p >= 1) return 1;
  if (p > 0.5) return 1 - betaQuantile(1 - p, a);
  const whole = betaMass(1, a) * 2;
  // x = u^(1/a) takes the pole at 0 away; the mass grows with u
  let low = 0, high = 0.5 ** a;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (betaMass(middle / 0.5 ** a, a) / whole < p) low = middle;
    else high = middle;
  }
  return low ** (1 / a);
}

/** The integral of (x (1 - x))^(a - 1) over 0 to 0.5 v^(1/a): with x = u^(1/a) that of (1 - x)^(a - 1) / a over u. */
function betaMass(v: number, a: number): number {
  const end = v * 0.5 ** a, pieces = 64;
  let sum = 0;
  for (let i = 0; i <= pieces; i++) { // Simpson's rule; what is integrated is smooth there
    const u = end * i / pieces, x = u ** (1 / a);
    sum += (i === 0 || i === pieces ? 1 : i % 2 ? 4 : 2) * (1 - x) ** (a - 1);
  }
  return sum * end / pieces / 3 / a;
}
