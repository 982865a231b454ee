import {
  elements,
  type Graph,
  type Node,
  type Op,
  record,
  sameShape,
  type Shape,
  type Tensor,
} from "../graph.ts";
import { BINARY, binaryOp } from "../ops/binary.ts";
import { conv2dOp } from "../ops/conv2d.ts";
import { groupNormBackwardOp } from "../ops/group_norm.ts";
import { layerNormBackwardOp } from "../ops/layer_norm.ts";
import { matmulOp } from "../ops/matmul.ts";
import { reshapeOp } from "../ops/reshape.ts";
import { countReaders } from "./readers.ts";
import { oneProduct, residualAt } from "./second.ts";

/** What can add as it writes: the place of what is added among its inputs, null where it adds something already. */
const ADDING = new Map<Op, (node: Node) => number | null>([
  [matmulOp, productPlace],
  [conv2dOp, productPlace],
  [layerNormBackwardOp, ({ inputs }) => inputs.length === 5 ? 5 : null],
  [groupNormBackwardOp, ({ inputs }) => inputs.length === 6 ? 6 : null],
]);

function productPlace(node: Node): number | null {
  return node.attrs.hasResidual ? null : residualAt(node);
}

/**
 * add(matmul(..), r), reshapes between allowed, becomes one instruction that adds r as it writes; so do convolutions and
 * the gradients of norms. Where r is a product too, and one of them is short (what a LoRA adds to its layer's output, and
 * to the gradient of its input), both become one instruction. Where r is one row for all, as a time embedding's for one
 * picture, it becomes part of a product's bias. What is joined must have no other reader; nothing in a
 * gradient reads it. Of the sums those that `joins` takes.
 */
export function fuseResidual(
  graph: Graph,
  nodes: readonly Node[],
  joins: (sum: Node) => boolean = () => true,
): Node[] {
  const readers = countReaders(graph, nodes);
  const replaced = new Map<Tensor, Tensor>(), order = new Map<Node, number>();
  const out: Node[] = [];
  const push = (node: Node) => order.set(node, out.push(node));
  for (const node of nodes) {
    node.inputs = node.inputs.map((t) => replaced.get(t) ?? t);
    const [a, b] = node.inputs;
    const isAdd = node.op === binaryOp && BINARY[node.attrs.fn] === "add" && joins(node);
    const made = graph.nodes.length;
    const sum = !isAdd
      ? null
      : sameShape(a.shape, b.shape)
      ? joined(a, b, readers, order)
      : withBias(a, b, readers, order);
    if (!sum) {
      push(node);
      continue;
    }
    const result = reshapeTo(sum, node.outputs[0].shape);
    for (const part of graph.nodes.splice(made)) {
      push(part);
      for (const t of part.outputs) readers.set(t, 1);
    }
    readers.set(result, readers.get(node.outputs[0]) ?? 0);
    replaced.set(node.outputs[0], result);
  }
  for (const [name, t] of graph.outputs) {
    const other = replaced.get(t);
    if (other) graph.outputs.set(name, other);
  }
  return out;
}

/**
 * The instruction that computes one operand and adds the other; null where neither is one that only this sum reads. Of
 * two the later one adds: the operands of the other need not live so long.
 */
function joined(
  a: Tensor,
  b: Tensor,
  readers: ReadonlyMap<Tensor, number>,
  order: ReadonlyMap<Node, number>,
): Tensor | null {
  const makers = [{ node: makerOf(a, readers), other: b }, { node: makerOf(b, readers), other: a }]
    .flatMap(({ node, other }) => node ? [{ node, other }] : [])
    .sort((x, y) => order.get(y.node)! - order.get(x.node)!);
  if (makers.length === 2) {
    const both = oneProduct(makers[0].node, makers[1].node);
    if (both) return both;
  }
  for (const { node: { op, attrs, inputs, outputs }, node, other } of makers) {
    const at = ADDING.get(op!)!(node);
    if (at === null) continue;
    const residual = reshapeTo(other, outputs[0].shape);
    const more = "hasResidual" in attrs ? { ...attrs, hasResidual: 1 } : attrs;
    return record(op!, [...inputs.slice(0, at), residual, ...inputs.slice(at)], more);
  }
  return null;
}

/** A product with a row (1, .., 1, C) in its bias; null where it is none, or the row more than one. */
function withBias(
  a: Tensor,
  row: Tensor,
  readers: ReadonlyMap<Tensor, number>,
  order: ReadonlyMap<Node, number>,
): Tensor | null {
  const node = makerOf(a, readers), channels = a.shape.at(-1)!;
  if (!node || !("hasBias" in node.attrs)) return null;
  if (row.shape.at(-1) !== channels || elements(row.shape) !== channels) return null;
  const { op, attrs, inputs } = node, [, , known] = inputs;
  const sum = !attrs.hasBias ? row : joined(row, known, readers, order) ??
    record(binaryOp, [reshapeTo(row, known.shape), known], { fn: BINARY.indexOf("add") });
  const bias = reshapeTo(sum, [channels]);
  return record(op!, [...inputs.slice(0, 2), bias, ...inputs.slice(2 + attrs.hasBias)], {
    ...attrs,
    hasBias: 1,
  });
}

/** What computes `t`, if it can add and nothing else reads it. */
function makerOf(t: Tensor, readers: ReadonlyMap<Tensor, number>): Node | null {
  while (t.node.op === reshapeOp && readers.get(t) === 1) t = t.node.inputs[0];
  return t.node.op && ADDING.has(t.node.op) && readers.get(t) === 1 ? t.node : null;
}

function reshapeTo(t: Tensor, shape: Shape): Tensor {
  if (sameShape(t.shape, shape)) return t;
  const [d0 = 0, d1 = 0, d2 = 0, d3 = 0, d4 = 0] = shape;
  return record(reshapeOp, [t], { d0, d1, d2, d3, d4, rank: shape.length });
}
