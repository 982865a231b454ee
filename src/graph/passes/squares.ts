/**
 * Sums of squares over some axes read what is squared, and its squares are never in memory: those of a gradient's rows and
 * of its columns (Adafactor) are two reads in place of three and a write.
 */

import { elements, type Node, type Tensor } from "../graph.ts";
import { affineOp } from "../ops/affine.ts";
import { BINARY, binaryOp } from "../ops/binary.ts";
import { sumOp } from "../ops/sum.ts";
import { UNARY, unaryOp } from "../ops/unary.ts";

/** Changes the sums in place; what was squared for nothing else is dead then. Sums over all axes are left to chains. */
export function sumSquares(nodes: readonly Node[], wanted: (node: Node) => boolean): void {
  const readers = new Map<Tensor, Node[]>(), changes = new Map<Node, number>();
  let count = 0;
  for (const node of nodes) {
    for (const t of node.inputs) readers.set(t, [...readers.get(t) ?? [], node]);
    changes.set(node, count);
    if (node.op?.effect) count++;
  }
  const sums = (node: Node) => node.op === sumOp && elements(node.outputs[0].shape) > 1 && wanted(node);
  for (const node of nodes.filter(sums)) {
    const found = squared(node.inputs[0]);
    if (!found || found.values.dtype !== "f32") continue;
    const same = changes.get(node) === changes.get(found.first);
    if (!same || !readers.get(node.inputs[0])!.every(sums)) continue;
    node.inputs = [found.values, ...found.scale ? [found.scale] : []];
    node.attrs = { ...node.attrs, squares: 1, shift: found.shift };
  }
}

/** (values scale)^2 + shift, and the first node of it. */
function squared(t: Tensor): { values: Tensor; scale?: Tensor; shift: number; first: Node } | null {
  const shifted = t.node.op === affineOp && t.node.attrs.scale === 1;
  const square = shifted ? t.node.inputs[0] : t, shift = shifted ? t.node.attrs.shift : 0;
  if (square.node.op !== unaryOp || UNARY[square.node.attrs.fn] !== "square") return null;
  const [x] = square.node.inputs, [a, b] = x.node.inputs;
  // a scale of more axes than the values would give the sum's operand others than its axes count
  const scaled = x.node.op === binaryOp && BINARY[x.node.attrs.fn] === "mul" && elements(b.shape) === 1 &&
    a.shape.length === x.shape.length;
  return scaled ? { values: a, scale: b, shift, first: x.node } : { values: x, shift, first: square.node };
}
