/**
 * Updates within the backward program (--fused_backward_pass): each parameter steps as soon as its gradient is there and
 * nothing reads its weights any more, so that gradients need no memory of their own. One that is not finite holds back
 * its own parameter alone.
 */
import { add, affine, cast, type Graph, mul, sqrt, square, type Tensor } from "../../../graph/mod.ts";
import {
  clipping,
  ditherSeeds,
  groupOf,
  hyperNames,
  makeStep,
  outcome,
  packing,
  partValues,
  total,
  type Work,
} from "./piece.ts";
import { parameterStates, recordMaps } from "../states.ts";
import { tensorsOf, weightOf } from "../trainable.ts";
import type { UpdateOptions } from "./update.ts";

/**
 * Records the updates of the parameters that `gradientOf` has a gradient for. Inputs are `unscale`, and `hyper.i` and
 * `hold.i` of each group as in recordUpdate(); outputs `grad_norm` and `weight_square`.
 */
export function recordFused(
  graph: Graph,
  { groups, optimizer, maxGradNorm, dithered }: UpdateOptions,
  gradientOf: (name: string) => Tensor | null,
): void {
  const unscale = graph.input("unscale", [1]), count = hyperNames(optimizer).length, maps = recordMaps(graph);
  const seeds = dithered ? ditherSeeds(graph) : undefined;
  const squares: Tensor[] = [], weights: Tensor[] = [];
  groups.forEach((group, i) => {
    const hyper = graph.input(`hyper.${i}`, [count]), hold = graph.input(`hold.${i}`, [1]);
    for (const p of group.parameters) {
      const gradient = gradientOf(p.name);
      if (!gradient) continue;
      const seed = seeds?.(), parts = tensorsOf(p), pack = packing(optimizer);
      const step = (each: Work) => ({ ...groupOf(optimizer, each), numbers: {}, next: {} });
      graph.soon(() => {
        const values = partValues(weightOf(graph, group, p), cast(gradient, "f32"), parts.length);
        const works = values.map((value, k): Work => {
          const gradSquare = total([square(value.grad)].values()), norm = mul(sqrt(gradSquare), unscale);
          const scale = add(maxGradNorm > 0 ? mul(unscale, clipping(norm, maxGradNorm)) : unscale, hold);
          const states = parameterStates(graph, optimizer, i, parts[k], maps);
          const work = { ...value, states, hyper, scale, seed };
          const weightSquare = total([outcome(optimizer, pack(work), step)].values());
          squares.push(gradSquare);
          weights.push(weightSquare);
          // 0 * x is NaN where x is not finite, which holds the parameter back
          return { ...work, scale: add(scale, affine(add(norm, weightSquare), 0, 0)) };
        });
        makeStep(optimizer, works.map(pack), step);
      });
    }
  });
  graph.output("grad_norm", mul(sqrt(squares.reduce((a, b) => add(a, b))), unscale));
  graph.output("weight_square", affine(weights.reduce((a, b) => add(a, b)), 1, 0));
}
