/** The backward program: the model's loss, and what becomes of each parameter's gradient. */
import { accumulate, fill, gradients, type Graph, reshape, type Tensor } from "../../../graph/mod.ts";
import { flat, gradientOf, groupSize, type ParameterGroup, type Resting, weightOf } from "../trainable.ts";
import { recordFused } from "./fused.ts";
import { gathers, type UpdateOptions } from "./update.ts";

/** What a step minimises, as recorded for one shape. */
export interface RecordedLoss {
  /** One value. */
  readonly loss: Tensor;
  /** Other values that `backward` gives back. */
  readonly outputs?: Readonly<Record<string, Tensor>>;
}

export interface BackwardOptions extends UpdateOptions {
  /** Weights step within the backward program, which then gathers no gradients: see fused.ts. */
  readonly fused?: boolean;
}

/**
 * Records the gradients of the groups that are `learning` and of what rests: into their parameters, or straight into the
 * weights' steps. Input `loss_scale`; outputs `loss`, those recorded with it and those of recordFused().
 */
export function recordBackward(
  graph: Graph,
  options: BackwardOptions,
  { loss, outputs }: RecordedLoss,
  learning: readonly boolean[],
): void {
  const { groups, resting = [] } = options, fresh = !gathers(options);
  const weightsOf = (group: Resting | ParameterGroup, fresh: boolean) =>
    group.parameters.map((p) => ({ ...p, weight: weightOf(graph, group, p), fresh }));
  const parameters = [
    ...groups.flatMap((group, i) => learning[i] ? weightsOf(group, fresh) : []),
    ...resting.flatMap((each) => weightsOf(each, false)),
  ];
  const seed = reshape(graph.input("loss_scale", [1]), loss.shape);
  const grads = gradients(loss, parameters.map(({ weight }) => weight), seed);
  if (options.fused) {
    const of = new Map(parameters.map(({ name }, i) => [name, grads[i]]));
    recordFused(graph, options, (name) => of.get(name) ?? null);
  } else {
    grads.forEach((grad, i) => {
      const { name, shape, fresh } = parameters[i], target = graph.parameter(gradientOf(name), shape);
      // where gradients gather, a part that this batch does not reach keeps what it has
      if (grad) accumulate(target, grad, fresh);
      else if (fresh) fill(target, 0);
    });
    groups.forEach((group, i) => {
      if (fresh && !learning[i]) fill(graph.parameter(flat.gradients(i), [groupSize(group)]), 0);
    });
  }
  graph.output("loss", loss);
  for (const [name, value] of Object.entries(outputs ?? {})) graph.output(name, value);
}
