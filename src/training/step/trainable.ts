/**
 * What is trained: float32 parameters in groups of one learning rate. The parameters of a group lie one behind the other
 * in one flat parameter, and so do their gradients and moments, so that an optimizer step is one instruction a group.
 */
import type { Graph, Tensor } from "../../graph/mod.ts";
import type { ParameterStore } from "../../runtime/mod.ts";

export interface Trainable {
  /** Name in the ParameterStore. */
  readonly name: string;
  readonly shape: readonly number[];
  /** So many tensors of sd-scripts lie in it, one behind the other along the first axis. Absent: one. */
  readonly parts?: number;
}

/** What an optimizer that goes over each tensor alone goes over. */
export function tensorsOf({ name, shape, parts = 1 }: Trainable): Trainable[] {
  if (parts === 1) return [{ name, shape }];
  return Array.from(
    { length: parts },
    (_, k) => ({ name: `${name}/${k}`, shape: shape.with(0, shape[0] / parts) }),
  );
}

export interface ParameterGroup {
  /** "unet", "textencoder" or a finer name: how logs call the group. */
  readonly name: string;
  readonly learningRate: number;
  readonly parameters: readonly Trainable[];
  /** What the weights are held in; float32 where nothing is said. Gradients are float32 always. */
  readonly dtype?: TrainedDtype;
}

/**
 * Weights that have gradients and do not step. sd-scripts leaves a network's part whose rate is 0 out of the optimizer: its
 * gradients count in the norm that the others are clipped by.
 */
export interface Resting extends Omit<ParameterGroup, "learningRate"> {
  /** The optimizer, which clears gradients, does not know them: those of all batches add up, clipped like the others. */
  readonly gathers: boolean;
}

export type TrainedDtype = "f32" | "f16" | "bf16";

/** A trainable parameter of a group in a graph. */
export const weightOf = (
  graph: Graph,
  { dtype = "f32" }: Pick<ParameterGroup, "dtype">,
  { name, shape }: Trainable,
): Tensor => graph.parameter(name, shape, dtype);

/** The gradient of one trainable parameter: float32, its shape. */
export const gradientOf = (name: string) => `grad/${name}`;

/**
 * Flat parameters of group `index`: all its weights, gradients, states of the optimizer and averages in the group's
 * order.
 */
export const flat = {
  weights: (index: number) => `train/${index}`,
  gradients: (index: number) => `train/${index}/grad`,
  state: (index: number, name: string) => `train/${index}/${name}`,
  averages: (index: number) => `train/${index}/ema`,
  /** The gradients of what rests. */
  resting: (index: number) => `train/resting/${index}/grad`,
};

export const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
export const groupSize = (group: Pick<ParameterGroup, "parameters">) =>
  group.parameters.reduce((n, p) => n + sizeOf(p.shape), 0);

/** What of each group is made beside its weights. */
export interface Beside {
  /** Running averages. */
  readonly averaging?: boolean;
  /** Gradients; not wanted where weights step within the backward program. Default true. */
  readonly gradients?: boolean;
}

/** Makes weights and what is wanted beside them of every group; all zero. */
export function allocateGroups(
  store: ParameterStore,
  groups: readonly ParameterGroup[],
  { averaging = false, gradients = true }: Beside = {},
): void {
  groups.forEach((group, i) => {
    store.allocateFlat(flat.weights(i), group.parameters, group.dtype);
    if (gradients) store.allocateFlat(flat.gradients(i), gradientsOf(group));
    if (averaging) store.allocate(flat.averages(i), [groupSize(group)], "f32");
  });
}

/** Makes the gradients of what rests; zero. */
export function allocateResting(store: ParameterStore, resting: readonly Resting[]): void {
  resting.forEach((each, i) => store.allocateFlat(flat.resting(i), gradientsOf(each)));
}

const gradientsOf = ({ parameters }: Pick<ParameterGroup, "parameters">) =>
  parameters.map(({ name, shape }) => ({ name: gradientOf(name), shape }));

/** Cuts a flat array of a group into its parameters' values. */
export function splitGroup(group: ParameterGroup, values: Float32Array): Map<string, Float32Array> {
  let at = 0;
  return new Map(group.parameters.map(({ name, shape }) => [name, values.subarray(at, at += sizeOf(shape))]));
}
