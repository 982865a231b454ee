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
 * It runs where the product did: gradients are accumulated at a program's end, and what they are made of need not live
 * so long.
 */
export function accumulateProducts(graph: Graph, nodes: readonly Node[]): Node[] {
  const readers = countReaders(graph, nodes), gone = new Set<Node>(), made = new Map<Node, Node[]>();
  for (const node of nodes) {
    const [target, value] = node.inputs;
    if (node.op !== accumulateOp || readers.get(target) !== 1) continue;
    const chain = productBehind(value, readers);
    if (!chain) continue;
    const product = chain.at(-1)!, [a, b] = product.inputs, { transA, transB } = product.attrs;
    const from = graph.nodes.length;
    matmulAccumulate(reshape(target, product.outputs[0].shape), a, b, { transA, transB });
    made.set(product, [target.node, ...graph.nodes.splice(from)]);
    for (const part of [node, target.node, ...chain]) gone.add(part);
  }
  return nodes.flatMap((node) => made.get(node) ?? (gone.has(node) ? [] : [node]));
}

/** The plain product of two matrices behind reshapes and casts that nothing else reads, and these. */
function productBehind(t: Tensor, readers: ReadonlyMap<Tensor, number>): Node[] | null {
  const chain: Node[] = [];
  for (;;) {
    const { node } = t;
    if (readers.get(t) !== 1) return null;
    chain.push(node);
    if (node.op === matmulOp) break;
    if (node.op !== reshapeOp && node.op !== castOp) return null;
    t = node.inputs[0];
  }
  const { attrs, outputs } = chain.at(-1)!;
  return attrs.hasBias || attrs.hasResidual || outputs[0].shape.length !== 2 ? null : chain;
}
