/** Operands of a chain that repeat, such as factors of rows and of columns. */

import { elements, type Shape } from "../graph.ts";

/**
 * Broadcasting a tensor of shape `x` to `shape` reads element k / (R B) * B + k % B for element k, where it repeats R times
 * along neighbouring axes and B elements are behind these: this is B. Null where it repeats along others too.
 */
export function elementsBehind(x: Shape, shape: Shape): number | null {
  const side = (i: number) => x[i - shape.length + x.length] ?? 1;
  const repeated = shape.map((_, i) => i).filter((i) => side(i) !== shape[i]);
  const [first, last] = [repeated[0], repeated.at(-1)!];
  if (first === undefined) return null;
  for (let i = first; i <= last; i++) if (side(i) !== 1) return null;
  return elements(shape.slice(last + 1));
}
