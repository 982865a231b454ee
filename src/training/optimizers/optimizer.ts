/**
 * What an optimizer is to the rest of the program: names, arguments, what it keeps for each weight, the numbers that
 * change from step to step, and the update as graph ops. Chains (graph/passes/chains.ts) make one instruction of the
 * update, so that it goes over weights, gradients and states once however long the formula is.
 */
import type { Tensor } from "../../graph/mod.ts";
import type { Arguments, Rows } from "./arguments.ts";

/** When an update happens. */
export interface Moment {
  /** The group's rate; with `shared` the rate of all groups. */
  readonly lr: number;
  /** Optimizer steps of the group, this one included: 1 at first. */
  readonly step: number;
  /** In place of the optimizer's momentum or first beta, where a schedule moves it. */
  readonly momentum?: number;
  /** Rule.running with this step. */
  readonly running: Readonly<Record<string, number>>;
}

/** Values of one element by name. */
export type Numbers<Names extends string = string> = Readonly<Record<Names, Tensor>>;

/** One group as an update sees it: flat arrays of its size, and numbers of one element. */
export interface Group<
  States extends string = string,
  Hyper extends string = string,
  Shared extends string = string,
> {
  readonly weight: Tensor;
  /** Unscaled and clipped. */
  readonly grad: Tensor;
  readonly state: Readonly<Record<States, Tensor>>;
  readonly hyper: Numbers<Hyper>;
  /** The numbers over all groups before this step, and as this step makes them. */
  readonly numbers: Numbers<Shared>;
  readonly next: Numbers<Shared>;
  /**
   * Gives the state after the step, `value`, to what goes on with it: where the step is made it is written now, and read
   * from where it is kept. What it was before is gone then.
   */
  keep?(name: States, value: Tensor): Tensor;
}

/** The weight and the states after the step; what is not named stays. */
export type Next<States extends string> =
  & { readonly weight: Tensor }
  & Readonly<Partial<Record<States, Tensor>>>;

/**
 * Numbers that belong to all groups together, such as an estimate of the right rate, and so one rate for all groups; with
 * `each` every group has its own numbers and rate. They begin at `numbers[name]`; the one called d is what rates are
 * multiplied by.
 */
export interface Shared<
  States extends string = string,
  Hyper extends string = string,
  Names extends string = string,
  Sums extends string = string,
> {
  readonly numbers: Readonly<Record<Names, number>>;
  readonly each?: boolean;
  /** What is added up over all weights that take part in the step, of each weight. */
  sums(group: Omit<Group<States, Hyper, Names>, "next">): Readonly<Record<Sums, Tensor>>;
  /** The numbers after the step. */
  advance(
    step: { readonly numbers: Numbers<Names>; readonly sums: Numbers<Sums>; readonly hyper: Numbers<Hyper> },
  ): Numbers<Names>;
  /** Numbers that all groups have in common with `each`, made of those of each after a step. */
  joined?(numbers: Readonly<Record<Names, readonly number[]>>): Readonly<Record<string, number>>;
  /** At a rate of 0 the states go on, as the reference's do; else nothing does. */
  readonly goesOnAtZero?: boolean;
}

/** An optimizer with its arguments. States are float32, one number a weight, and begin at `states[name]`. */
export interface Rule<
  States extends string = string,
  Hyper extends string = string,
  Names extends string = string,
  Sums extends string = string,
> {
  readonly states: Readonly<Record<States, number>>;
  /** The numbers of one step, in the order in which they are uploaded. */
  hyper(moment: Moment): Readonly<Record<Hyper, number>>;
  /**
   * With it `update` goes over each parameter alone, in its own shape, and this is the shape of one of its states; null
   * where it has none of that name.
   */
  stateShape?(name: States, parameter: readonly number[]): readonly number[] | null;
  /** Numbers of each group that a step makes of those before it. */
  readonly running?: {
    readonly start: Readonly<Record<string, number>>;
    next(
      before: Readonly<Record<string, number>>,
      moment: Pick<Moment, "lr" | "step" | "momentum">,
    ): Readonly<Record<string, number>>;
  };
  /** What is saved and drawn with is not the weights w, but w + by (s - w) of this state s. */
  readonly settled?: { readonly state: NoInfer<States>; readonly by: number };
  /** States of 8 bits, of parameters that have as many weights as `smallest` or more. `update` goes over each alone. */
  readonly eightBit?: {
    readonly smallest: number;
    readonly maps: Readonly<Record<States, "signed" | "unsigned">>;
  };
  /** Moment.momentum is obeyed. */
  readonly momentum?: true;
  /** The rate of step 1, 2, ... where the schedule has no part in it. */
  ownRate?(step: number): number;
  readonly shared?: Shared<States, Hyper, Names, Sums>;
  update(group: Group<States, Hyper, Names>): Next<States>;
  /** An instruction that does what `update` does, faster than the chain that is made of it; on GPUs only. */
  readonly instruction?: Instruction;
  /** What may help where the update gives no finite weights, beside a lower rate. */
  readonly remedy?: string;
}

/**
 * Flat arrays in place of a Group; nothing is written where `scale`, which the gradients are multiplied by, is not
 * finite.
 */
export interface Operands {
  readonly weight: Tensor;
  readonly grad: Tensor;
  readonly state: Readonly<Record<string, Tensor>>;
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
  /** `compat` repeats mistakes of the library that the optimizer is of. */
  rule(args: Arguments, compat?: boolean): Rule;
}

/** Keeps the types of a rule's states and numbers together while it is written. */
export function rule<States extends string, Hyper extends string, Names extends string, Sums extends string>(
  r: Rule<States, Hyper, Names, Sums>,
): Rule {
  return r as unknown as Rule;
}
