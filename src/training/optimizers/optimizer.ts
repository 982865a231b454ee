/**
 * What an optimizer is to the rest of the program: names, arguments, what it keeps for each weight, the numbers that
 * change from step to step, and the update as graph ops. Chains (graph/passes/chains.ts) make one instruction of the
 * update, so that it goes over weights, gradients and states once however long the formula is.
 */
import type { Tensor } from "../../graph/mod.ts";
import type { Arguments, Rows } from "./arguments.ts";

/** When an update happens. */
export interface Moment {
  readonly lr: number;
  /** Optimizer steps of the group, this one included: 1 at first. */
  readonly step: number;
}

/** One group as an update sees it: flat arrays of its size, and numbers of one element. */
export interface Group<States extends string, Hyper extends string> {
  readonly weight: Tensor;
  /** Unscaled and clipped. */
  readonly grad: Tensor;
  readonly state: Readonly<Record<States, Tensor>>;
  readonly hyper: Readonly<Record<Hyper, Tensor>>;
}

/** The weight and the states after the step; what is not named stays. */
export type Next<States extends string> =
  & { readonly weight: Tensor }
  & Readonly<Partial<Record<States, Tensor>>>;

/** An optimizer with its arguments. States are float32, one number a weight, and begin at `states[name]`. */
export interface Rule<States extends string = string, Hyper extends string = string> {
  readonly states: Readonly<Record<States, number>>;
  /** The numbers of one step, in the order in which they are uploaded. */
  hyper(moment: Moment): Readonly<Record<Hyper, number>>;
  update(group: Group<States, Hyper>): Next<States>;
  /** An instruction that does what `update` does, faster than the chain that is made of it. */
  readonly instruction?: Instruction;
  /** What may help where the update gives no finite weights, beside a lower rate. */
  readonly remedy?: string;
}

/** Flat arrays in place of a Group; nothing is written where `scale`, which the gradients are multiplied by, is not finite. */
export interface Operands {
  readonly weight: Tensor;
  readonly grad: Tensor;
  readonly states: readonly Tensor[];
  /** All numbers of the step. */
  readonly hyper: Tensor;
  readonly scale: Tensor;
}

export interface Instruction {
  /** Sums of squares of the weights that `step` would leave. */
  outcome(operands: Operands): Tensor;
  step(operands: Operands): void;
}

export interface Optimizer {
  /** As --optimizer_type has it, without regard to case; the first one is shown. */
  readonly names: readonly string[];
  /** The class that sd-scripts records in metadata. */
  readonly recorded: string;
  /** --optimizer_args. */
  readonly args: Rows;
  /** What sd-scripts adds to the arguments that it records, where they are not given. */
  readonly implied?: Readonly<Record<string, string>>;
  rule(args: Arguments): Rule;
}

/** Keeps the types of a rule's states and numbers together while it is written. */
export function rule<States extends string, Hyper extends string>(r: Rule<States, Hyper>): Rule {
  return r as unknown as Rule;
}
