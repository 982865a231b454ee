import { type Graph, type Node, record, sameShape, type Tensor } from "../graph.ts";
import { BINARY, binaryOp } from "../ops/binary.ts";
import { conv2dOp } from "../ops/conv2d.ts";
import { matmulOp } from "../ops/matmul.ts";
import { reshapeOp } from "../ops/reshape.ts";
import { countReaders } from "./readers.ts";

/**
 * add(matmul(..), r) and add(conv2d(..), r), reshapes between allowed, become one instruction that adds r as it writes.
 * The product must have no other reader; nothing in a gradient reads it. Of the sums those that `joins` takes.
 */
export function fuseResidual(
  graph: Graph,
  nodes: readonly Node[],
  joins: (sum: Node) => boolean = () => true,
): Node[] {
  const readers = countReaders(graph, nodes);
  const replaced = new Map<Tensor, Tensor>();
  const out: Node[] = [];
  for (const node of nodes) {
    node.inputs = node.inputs.map((t) => replaced.get(t) ?? t);
    const [a, b] = node.inputs;
    const isAdd = node.op === binaryOp && BINARY[node.attrs.fn] === "add" && sameShape(a.shape, b.shape) &&
      joins(node);
    const product = isAdd ? fusable(a, readers) ?? fusable(b, readers) : null;
    if (!product) {
      out.push(node);
      continue;
    }
    const residual = product.through === a ? b : a;
    const { op, attrs, inputs } = product.node;
    const made = graph.nodes.length;
    const shaped = reshapeTo(residual, product.node.outputs[0]);
    const sum = record(op!, [...inputs, shaped], { ...attrs, hasResidual: 1 });
    const result = reshapeTo(sum, node.outputs[0]);
    out.push(...graph.nodes.splice(made));
    replaced.set(node.outputs[0], result);
  }
  for (const [name, t] of graph.outputs) {
    const other = replaced.get(t);
    if (other) graph.outputs.set(name, other);
  }
  return out;
}

/** The product behind `t` when only this add reads it. */
function fusable(t: Tensor, readers: Map<Tensor, number>): { node: Node; through: Tensor } | null {
  const through = t;
  while (t.node.op === reshapeOp && readers.get(t) === 1) t = t.node.inputs[0];
  const { op, attrs } = t.node;
  if ((op !== matmulOp && op !== conv2dOp) || attrs.hasResidual || readers.get(t) !== 1) return null;
  return { node: t.node, through };
}

function reshapeTo(t: Tensor, like: Tensor): Tensor {
  if (sameShape(t.shape, like.shape)) return t;
  const [d0 = 0, d1 = 0, d2 = 0, d3 = 0, d4 = 0] = like.shape;
  return record(reshapeOp, [t], { d0, d1, d2, d3, d4, rank: like.shape.length });
}
