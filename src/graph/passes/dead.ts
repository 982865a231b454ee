import type { Graph, Node } from "../graph.ts";

/** The nodes that an output or an effect needs, in order. */
export function liveNodes(graph: Graph, nodes: readonly Node[]): Node[] {
  const live = new Set<Node>([...graph.outputs.values()].map((t) => t.node));
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i];
    if (node.op?.effect) live.add(node);
    if (live.has(node)) { for (const t of node.inputs) live.add(t.node); }
  }
  return nodes.filter((n) => live.has(n));
}
