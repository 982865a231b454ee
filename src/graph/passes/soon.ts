/** Pieces of a graph that run as soon as they can: a weight's update, so that its gradient need not be kept. */
import type { Graph, Node, Tensor } from "../graph.ts";

/**
 * `nodes` with each piece (Graph.soon) behind the last node that makes what it reads, or reads what it changes. The rest
 * keeps its order; sources come first.
 */
export function runSoon(graph: Graph, nodes: readonly Node[]): Node[] {
  if (graph.pieces.length === 0) return [...nodes];
  const pieceOf = new Map(graph.pieces.flatMap((piece) => [...piece].map((node) => [node, piece] as const)));
  const rest = nodes.filter((node) => node.op && !pieceOf.has(node));
  const position = new Map(rest.map((node, i) => [node, i]));
  const lastRead = lastReads(rest);
  const behind = new Map<number, Node[]>();
  for (const piece of graph.pieces) {
    const members = nodes.filter((node) => piece.has(node));
    let at = -1;
    for (const node of members) {
      for (const t of node.inputs) {
        const changed = node.op!.effect && t.node.source?.kind === "parameter" ? lastRead.get(t) : undefined;
        at = Math.max(at, position.get(t.node) ?? -1, changed ?? -1);
      }
    }
    behind.set(at, [...behind.get(at) ?? [], ...members]);
  }
  return [
    ...nodes.filter((node) => !node.op),
    ...behind.get(-1) ?? [],
    ...rest.flatMap((node, i) => [node, ...behind.get(i) ?? []]),
  ];
}

/** The position of the last node that reads a value, through reshapes too. */
function lastReads(nodes: readonly Node[]): Map<Tensor, number> {
  const last = new Map<Tensor, number>();
  for (let i = nodes.length - 1; i >= 0; i--) {
    const { op, inputs, outputs } = nodes[i], use = op!.alias ? last.get(outputs[0]) ?? i : i;
    for (const t of inputs) last.set(t, Math.max(last.get(t) ?? -1, use));
  }
  return last;
}
