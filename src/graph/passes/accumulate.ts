import type { Graph, Node, Tensor } from "../graph.ts";
import { castOp } from "../ops/cast.ts";
import { accumulateOp } from "../ops/fill.ts";
import { matmulOp } from "../ops/matmul.ts";
import { matmulAccumulate } from "../ops/matmul_accumulate.ts";
import { reshape, reshapeOp } from "../ops/reshape.ts";
import { countReaders } from "./readers.ts";

/**
 * accumulate(target, cast(matmul(..))), reshapes between allowed, becomes one instruction that adds the product to its
 * float32 target: a weight's gradient is neither rounded nor written on its way. A LoRA has two of them for each layer.
 * It runs where the product did, as other gradients are accumulated where they are made: recorded at a program's end, all
 * of them would live until there. What is accumulated need not be cast before.
 */
export function accumulateEarly(graph: Graph, nodes: readonly Node[]): Node[] {
  const readers = countReaders(graph, nodes), gone = new Set<Node>(), made = new Map<Node, Node[]>();
  for (const node of nodes) {
    const [target, value] = node.inputs;
    if (node.op !== accumulateOp || readers.get(target) !== 1) continue;
    const way = wayTo(value, readers), from = way.at(-1)?.inputs[0].node ?? value.node;
    if (!from.op) continue;
    for (const part of [node, target.node, ...way]) gone.add(part);
    const after = made.get(from) ?? [from];
    made.set(from, after);
    if (isProduct(way.at(-1)?.inputs[0] ?? value, readers)) {
      const { inputs: [a, b], attrs: { transA, transB }, outputs: [product] } = from,
        length = graph.nodes.length;
      matmulAccumulate(reshape(target, product.shape), a, b, { transA, transB });
      after.splice(0, 1, target.node, ...graph.nodes.splice(length));
      continue;
    }
    if (way[0]?.op === castOp) node.inputs = [target, way.shift()!.inputs[0]]; // widened as it is added
    after.push(target.node, ...way.toReversed(), node);
  }
  return nodes.flatMap((node) => gone.has(node) ? [] : made.get(node) ?? [node]);
}

/** Reshapes and casts behind a value that nothing else reads, the last first. */
function wayTo(t: Tensor, readers: ReadonlyMap<Tensor, number>): Node[] {
  const way: Node[] = [];
  for (; (t.node.op === reshapeOp || t.node.op === castOp) && readers.get(t) === 1; t = t.node.inputs[0]) {
    way.push(t.node);
  }
  return way;
}

/** Whether a value is the plain product of two matrices and read once. */
function isProduct(t: Tensor, readers: ReadonlyMap<Tensor, number>): boolean {
  const { op, attrs } = t.node;
  if (op !== matmulOp || readers.get(t) !== 1) return false;
  return !attrs.hasBias && !attrs.hasResidual && t.shape.length === 2;
}
