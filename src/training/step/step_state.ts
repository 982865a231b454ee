/** What goes on from step to step, what an update is told, and what it came to. */
import type { Moment } from "../optimizers/mod.ts";
import { leadingRate, takesPart } from "../optimizers/adaptive_rate/shared_rate.ts";
import type { UpdateOptions } from "./recorded/update.ts";

export type Inputs = Record<string, Float32Array | Int32Array>;

/** What of the step must be saved to go on from it. */
export interface StepState {
  /** Optimizer steps made. */
  optimizerSteps: number;
  lossScale: number;
  /** Optimizer steps that each group took part in: fewer where module dropout left it out. */
  groupSteps: readonly number[];
  /** Updates since the loss scale last changed. */
  stepsAtScale: number;
  /** The optimizer's numbers over all groups (Rule.shared). */
  numbers: Readonly<Record<string, number>>;
  /** The numbers of each group (Rule.running, and Rule.shared with `each`). */
  running: readonly Readonly<Record<string, number>>[];
}

/** What an update is told: its inputs, and which groups move. */
export interface Due {
  readonly inputs: Inputs;
  readonly moments: readonly Moment[];
  readonly moved: readonly boolean[];
}

export interface UpdateResult {
  /** Norm of all gradients before clipping. */
  readonly gradNorm: number;
  /**
   * What was not finite, so that weights and moments were left as they were: the gradients, or what the weights would
   * be.
   */
  readonly heldBack: "gradients" | "weights" | null;
  /** What `afterUpdate` gave. */
  readonly outputs: Readonly<Record<string, Float32Array>>;
}

/** torch.amp.GradScaler's constants. */
const FIRST_SCALE = 65536, GROWTH_INTERVAL = 2000;

interface Options extends UpdateOptions {
  readonly scaleLoss: boolean;
  /** What the schedule makes of the optimizer's momentum at step `step`, counted from 0; absent: it stays. */
  readonly momentum?: (step: number) => number;
}

export function firstState(options: Options): StepState {
  const { shared, running } = options.optimizer;
  return {
    optimizerSteps: 0,
    lossScale: options.scaleLoss ? FIRST_SCALE : 1,
    groupSteps: options.groups.map(() => 0),
    stepsAtScale: 0,
    numbers: shared && !shared.each ? shared.numbers : {},
    running: options.groups.map(() => running?.start ?? (shared?.each ? shared.numbers : {})),
  };
}

/** What the update that comes next is told. */
export function dueOf(
  options: Options,
  state: StepState,
  learningRates: readonly number[],
  reached: readonly boolean[],
): Due {
  const { shared, hyper, running } = options.optimizer, { optimizerSteps } = state;
  const names = Object.keys(shared?.numbers ?? {});
  const inputs: Inputs = { unscale: Float32Array.of(1 / state.lossScale) };
  if (options.dithered) inputs.dither_seed = Float32Array.of((optimizerSteps * 2053) % 2 ** 20);
  const together = shared && !shared.each ? shared : null;
  const values = (numbers: Readonly<Record<string, number>>) =>
    Float32Array.from(names, (name) => numbers[name]);
  if (together) inputs.numbers = values(state.numbers);
  if (shared?.each) state.running.forEach((own, i) => inputs[`numbers.${i}`] = values(own));
  const rates = together ? learningRates.map(() => leadingRate(learningRates)) : learningRates;
  const moved = reached.map((r, i) => r && (!together || takesPart(together, learningRates, i)));
  const moments = rates.map((lr, i): Moment => {
    const step = state.groupSteps[i] + 1, before = state.running[i];
    const momentum = options.momentum?.(optimizerSteps);
    return { lr, step, momentum, running: running?.next(before, { lr, step, momentum }) ?? before };
  });
  moments.forEach((moment, i) => {
    const numbers = hyper(moment);
    inputs[`hyper.${i}`] = Float32Array.from(Object.values(numbers));
    inputs[`hold.${i}`] = Float32Array.of(moved[i] ? 0 : NaN);
  });
  return { inputs, moments, moved };
}

/** Takes what the update came to into the state. */
export function takeIn(
  options: Options,
  state: StepState,
  { moments, moved }: Due,
  results: Record<string, Float32Array>,
): UpdateResult {
  const { grad_norm: [gradNorm], weight_square: [square], numbers, ...outputs } = results;
  const { shared } = options.optimizer, names = Object.keys(shared?.numbers ?? {});
  const named = (values: Float32Array) => Object.fromEntries(names.map((name, k) => [name, values[k]]));
  const heldBack = !Number.isFinite(gradNorm) ? "gradients" : !Number.isFinite(square) ? "weights" : null;
  if (heldBack === null) {
    state.optimizerSteps++;
    state.groupSteps = state.groupSteps.map((steps, i) => steps + (moved[i] ? 1 : 0));
    const each = moments.map(({ running }, i) =>
      !moved[i] ? state.running[i] : shared?.each ? named(results[`numbers.${i}`]) : running
    );
    const joined = shared?.joined?.(
      Object.fromEntries(names.map((name) => [name, each.map((own) => own[name])])),
    );
    state.running = joined ? each.map((own) => ({ ...own, ...joined })) : each;
    state.numbers = numbers ? named(numbers) : {};
  }
  if (options.scaleLoss) adjustScale(state, heldBack === "gradients");
  return { gradNorm, heldBack, outputs };
}

/** Doubles the scale after 2000 good steps in a row, halves it after a bad one. */
function adjustScale(state: StepState, skipped: boolean): void {
  if (skipped) {
    state.lossScale /= 2;
    state.stepsAtScale = 0;
  } else if (++state.stepsAtScale === GROWTH_INTERVAL) {
    state.lossScale *= 2;
    state.stepsAtScale = 0;
  }
}
