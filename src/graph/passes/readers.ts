import type { Graph, Node, Tensor } from "../graph.ts";

/** How many operands of the nodes each value is; being an output counts once. */
export function countReaders(graph: Graph, nodes: readonly Node[]): Map<Tensor, number> {
  const readers = new Map<Tensor, number>();
  for (const t of graph.outputs.values()) readers.set(t, 1);
  for (const node of nodes) for (const t of node.inputs) readers.set(t, (readers.get(t) ?? 0) + 1);
  return readers;
}
