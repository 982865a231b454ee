/** What the optimizers share that estimate the rate while they go (D-Adaptation, Prodigy): one rate for all weights. */
import {
  add,
  affine,
  concat,
  div,
  elements,
  maximum,
  minimum,
  mul,
  reshape,
  select,
  slice,
  sqrt,
  sub,
  type Tensor,
} from "../../../graph/mod.ts";
import { computing, number, positive } from "../arguments.ts";
import type { Numbers, Rule, Shared } from "../optimizer.ts";

/** The one rate that counts for all groups: the first that is not 0. */
export const leadingRate = (rates: readonly number[]): number => rates.find((rate) => rate > 0) ?? 0;

/** Whether group `index` takes part in a step: one that alone has a rate of 0 is not trained. */
export function takesPart({ goesOnAtZero }: Shared, rates: readonly number[], index: number): boolean {
  return rates[index] > 0 || goesOnAtZero === true && leadingRate(rates) === 0;
}

/** What sd-scripts warns of. */
export function rateNotes(
  { shared, ownRate }: Rule,
  groups: readonly { readonly name: string; readonly learningRate: number }[],
): string[] {
  if (ownRate) {
    return ["relative_step=True has rates of its own: learning rates and --lr_scheduler have no effect"];
  }
  if (!shared) return [];
  const rates = groups.map(({ learningRate }) => learningRate), first = leadingRate(rates);
  const other = groups.find(({ learningRate }) => learningRate > 0 && learningRate !== first);
  return [
    ...first <= 0.1
      ? [`the learning rate ${first} multiplies the optimizer's own estimate and holds it down; give 1`]
      : [],
    ...other && !shared.each
      ? [
        `the optimizer has one learning rate for everything, the first one: ${first}; ` +
        `that of ${other.name}, ${other.learningRate}, has no effect`,
      ]
      : [],
  ];
}

/** The estimate's start, and by how much it may grow in one step. */
export const estimateRows = {
  d0: positive(1e-6),
  growth_rate: number(Infinity, 1),
  ...computing("fsdp_in_use"),
};
/** The same of D-Adaptation. */
export const dAdaptationRows = { ...estimateRows, ...computing("log_every") };

/** Elements 0, `every`, 2 `every`, ... of a tensor, one axis: what an estimate may look at in place of all. */
export function sampleOf(x: Tensor, every: number): Tensor {
  const count = elements(x.shape), rows = Math.floor(count / every), flat = reshape(x, [count]);
  const whole = rows > 0
    ? [reshape(slice(reshape(slice(flat, 0, 0, rows * every), [rows, every]), 1, 0, 1), [rows])]
    : [];
  const last = count > rows * every ? [slice(flat, 0, rows * every, 1)] : [];
  return concat([...whole, ...last], 0);
}

/** The shape of sampleOf(). */
export const sampleShape = (shape: readonly number[], every: number): number[] => [
  Math.ceil(elements(shape) / every),
];

/** The estimate does not fall, nor rise faster than it may. */
export function grown(d: Tensor, estimate: Tensor, growth: number): Tensor {
  return maximum(d, limited(estimate, d, growth));
}

/** At most `growth` times d. */
export function limited(x: Tensor, d: Tensor, growth: number): Tensor {
  return growth === Infinity ? x : minimum(x, affine(d, growth, 0));
}

/** The numbers after a step; where the sum `length` is 0 nothing has a gradient yet, and they stay. */
export function where<Names extends string>(
  length: Tensor,
  next: Numbers<Names>,
  numbers: Numbers<Names>,
): Numbers<Names> {
  const names = Object.keys(next) as Names[];
  return Object.fromEntries(
    names.map((name) => [name, select(length, next[name], numbers[name])]),
  ) as typeof next;
}

/** 1 - beta^k of Adam's bias correction, counted in the steps that all groups together have made. */
export interface Biases {
  readonly bias1: number;
  readonly bias2: number;
}

/** The numbers that use_bias_correction needs. */
export const biasNumbers = (wanted: boolean): Biases => (wanted ? { bias1: 0, bias2: 0 } : {}) as Biases;

/** The same after one more step: exact where 1 - beta^k in float32 would not be. */
export function nextBiases({ bias1, bias2 }: Numbers<keyof Biases>, beta1: number, beta2: number) {
  const next = (bias: Tensor, beta: number) => affine(bias, beta, 1 - beta);
  return (bias1 ? { bias1: next(bias1, beta1), bias2: next(bias2, beta2) } : {}) as Numbers<keyof Biases>;
}

/** d times the rate, corrected for young averages where that is wanted. */
export function scaledRate(
  { d, ...biases }: Numbers<"d" | keyof Biases>,
  lr: Tensor,
  [beta1, beta2]: readonly number[],
): Tensor {
  const { bias1, bias2 } = nextBiases(biases, beta1, beta2), rate = mul(d, lr);
  return bias1 ? mul(rate, div(sqrt(bias2), bias1)) : rate;
}

/** decay x + share y, both fixed. */
export const blend = (x: Tensor, decay: number, y: Tensor, share: Tensor): Tensor =>
  add(affine(x, decay, 0), mul(y, share));

/** sqrt(x) + eps. */
export const rooted = (x: Tensor, eps: number): Tensor => affine(sqrt(x), 1, eps);

/** AdamW's decay: the weight less decay times the rate of it. */
export const decayed = (weight: Tensor, rate: Tensor, decay: number): Tensor =>
  decay === 0 ? weight : sub(weight, mul(weight, affine(rate, decay, 0)));
