/** Twelve numbers, their gradients in every step by the rule in torch.json, and a step that only updates them. */
import { readOptimizer, type Rule } from "../../../src/training/optimizers/mod.ts";
import { TrainingStep } from "../../../src/training/step/step.ts";
import {
  allocateGroups,
  flat,
  gradientOf,
  type ParameterGroup,
} from "../../../src/training/step/trainable.ts";
import { type Device, ParameterStore } from "../../../src/runtime/mod.ts";
import { relL2 } from "../../golden/compare.ts";

export const N = 12;

export function u(k: number, i: number): number {
  let x = (k * 7919 + i * 104729 + 12345) >>> 0;
  x = Math.imul(x ^ x >>> 16, 0x7feb352d) >>> 0;
  x = Math.imul(x ^ x >>> 15, 0x846ca68b) >>> 0;
  return ((x ^ x >>> 16) >>> 0) / 2 ** 31 - 1;
}

export const numbers = (of: (i: number) => number, count = N) =>
  Float32Array.from({ length: count }, (_, i) => of(i));

export interface RecordedRun extends Disposable {
  readonly step: TrainingStep<Record<string, never>>;
  readonly store: ParameterStore;
  /** One update with the gradients of step k. */
  update(
    k: number,
    rates: readonly number[],
    reached?: readonly boolean[],
  ): ReturnType<TrainingStep<object>["update"]>;
  weights(): Float32Array;
  /** How far the change since the start is from the recorded one. */
  changeError(wanted: readonly number[]): number;
}

/** `shapes` of the groups that the numbers are split into, each of one parameter; a number is a size. */
export function recordedRun(
  on: Device,
  optimizer: string | Rule,
  args: readonly string[] | null,
  shapes: readonly (number | readonly number[])[] = [N],
): RecordedRun {
  const parts = shapes.map((shape) => typeof shape === "number" ? [shape] : shape);
  const sizes = parts.map((shape) => shape.reduce((a, b) => a * b));
  const store = new ParameterStore(on);
  const groups: ParameterGroup[] = parts.map((shape, i) => ({
    name: `part ${i}`,
    learningRate: 0.01,
    parameters: [{ name: `w${i}`, shape }],
  }));
  allocateGroups(store, groups);
  const spread = (values: Float32Array, to: (index: number) => string) => {
    let at = 0;
    sizes.forEach((size, i) => store.set(to(i), values.slice(at, at += size)));
  };
  const count = sizes.reduce((a, b) => a + b), start = numbers((i) => u(1, i), count);
  spread(start, flat.weights);
  const step = new TrainingStep<Record<string, never>>(store, {
    ...{ groups, optimizer: typeof optimizer === "string" ? readOptimizer(optimizer, args) : optimizer },
    ...{ maxGradNorm: 0, gradientAccumulationSteps: 1, scaleLoss: false },
    record: () => {
      throw new Error("only update is run");
    },
  });
  const weights = () => Float32Array.from(sizes.flatMap((_, i) => [...store.download(flat.weights(i))]));
  return {
    step,
    store,
    weights,
    update(k, rates, reached) {
      spread(numbers((i) => 0.5 * u(2, i) + u(100 + k, i), count), (i) => gradientOf(`w${i}`));
      return step.update(rates, 0, reached);
    },
    changeError(wanted) {
      const moved = (x: ArrayLike<number>) => start.map((s, i) => x[i] - s);
      return relL2(moved(weights()), moved(wanted));
    },
    [Symbol.dispose]() {
      step.destroy();
      store.destroy();
    },
  };
}
