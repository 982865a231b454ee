import type { Graph, Node, Tensor } from "../graph.ts";

/**
 * Gradient checkpointing (arXiv 1604.06174): inner values of a segment that only the backward pass still wants are
 * computed again, right before the first gradient node that reads them, so they need not be kept from the forward pass.
 * Values that cross a segment's border are kept. Of the segments that are not `chosen` everything is.
 */
export function recompute(graph: Graph, nodes: readonly Node[], chosen: ReadonlySet<number> | "all"): Node[] {
  if (graph.backwardFrom === null || !nodes.some((n) => n.segment !== null)) return [...nodes];
  const backward = new Set(graph.nodes.slice(graph.backwardFrom));
  const kept = borders(graph, nodes, backward);
  const out: Node[] = [];
  const again = new Map<Node, Node>();
  const repeat = (t: Tensor): Tensor => {
    const { segment, op } = t.node;
    if (segment === null || kept.has(t) || !op || (chosen !== "all" && !chosen.has(segment))) return t;
    let node = again.get(t.node);
    if (!node) {
      node = graph.clone(t.node, t.node.inputs.map(repeat));
      again.set(t.node, node);
      out.push(node);
    }
    return node.outputs[t.index];
  };
  for (const node of nodes) {
    if (!backward.has(node)) {
      out.push(node);
      continue;
    }
    const inputs = node.inputs.map(repeat);
    out.push(node);
    node.inputs = inputs;
  }
  return out;
}

/** What leaves its segment in the forward pass, and the graph's outputs. */
export function borders(graph: Graph, nodes: readonly Node[], backward: ReadonlySet<Node>): Set<Tensor> {
  const crossing = new Set<Tensor>(graph.outputs.values());
  for (const node of nodes) {
    if (backward.has(node)) continue;
    for (const t of node.inputs) if (t.node.segment !== node.segment) crossing.add(t);
  }
  return crossing;
}
