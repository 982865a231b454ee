import type { Graph, Node, Tensor } from "../graph.ts";
import { castOp } from "../ops/cast.ts";

/**
 * Weights of 8 bits are cast anew right before each node that reads them, so that no wide copy is kept from the forward to
 * the backward pass. Reshapes of such casts go along.
 */
export function widenWhereRead(graph: Graph, nodes: readonly Node[]): Node[] {
  const brief = new Set<Node>(), wanted = new Set<Tensor>(graph.outputs.values());
  for (const node of nodes) {
    const [x] = node.inputs;
    if (node.outputs.some((t) => wanted.has(t))) continue;
    const narrow = node.op === castOp && x.dtype === "f8" && x.node.source !== null;
    if (narrow || (node.op?.alias && brief.has(x.node))) brief.add(node);
  }
  if (brief.size === 0) return [...nodes];
  const out: Node[] = [];
  const anew = (t: Tensor): Tensor => {
    if (!brief.has(t.node)) return t;
    const node = graph.clone(t.node, t.node.inputs.map(anew));
    out.push(node);
    return node.outputs[t.index];
  };
  for (const node of nodes) {
    if (brief.has(node)) continue;
    node.inputs = node.inputs.map(anew);
    out.push(node);
  }
  return out;
}
