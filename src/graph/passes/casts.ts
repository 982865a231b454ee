import type { ParameterPlace } from "../encode.ts";
import { elements, type Graph, type Node, type Tensor } from "../graph.ts";
import { cast, castOp } from "../ops/cast.ts";
import { part } from "../ops/part.ts";

/** Larger weights are worth an instruction each, and should not be held in both dtypes for the whole program. */
const SMALL = 1 << 18;

/**
 * Casts of many small parameters that lie in one flat parameter, as a LoRA's do, become parts of one cast of all of it.
 * A flat parameter that the program changes is left alone.
 */
export function castTogether(
  graph: Graph,
  nodes: readonly Node[],
  placeOf: (name: string, t: Tensor) => ParameterPlace,
): Node[] {
  const flatOf = (t: Tensor) => {
    const { source } = t.node;
    return source?.kind === "parameter" ? placeOf(source.name, t).flat : undefined;
  };
  const groups = new Map<string, Node[]>();
  const changed = new Set<string | undefined>();
  for (const node of nodes) {
    const flat = node.op === castOp ? flatOf(node.inputs[0]) : undefined;
    if (flat) {
      const group = groups.get(keyOf(flat, node)) ?? [];
      groups.set(keyOf(flat, node), group);
      group.push(node);
    }
    if (!node.op?.effect) continue;
    for (const t of node.inputs) {
      changed.add(flatOf(t)?.name);
      if (t.node.source?.kind === "parameter") changed.add(t.node.source.name);
    }
  }
  const together = new Set<string>();
  for (const [key, group] of groups) if (worthIt(group, flatOf(group[0].inputs[0])!.size)) together.add(key);
  const wholes = new Map<string, Tensor>(), replaced = new Map<Tensor, Tensor>(), out: Node[] = [];
  const known = new Set(nodes);
  for (const node of nodes) {
    node.inputs = node.inputs.map((t) => replaced.get(t) ?? t);
    const flat = node.op === castOp ? flatOf(node.inputs[0]) : undefined, key = flat && keyOf(flat, node);
    if (!flat || !key || changed.has(flat.name) || !together.has(key)) {
      out.push(node);
      continue;
    }
    const [x] = node.inputs, [y] = node.outputs, from = graph.nodes.length;
    const whole = wholes.get(key) ?? cast(graph.parameter(flat.name, [flat.size], x.dtype), y.dtype);
    wholes.set(key, whole);
    replaced.set(y, part(whole, flat.at, y.shape));
    out.push(...graph.nodes.splice(from).filter((made) => !known.has(made)));
  }
  for (const [name, t] of graph.outputs) graph.outputs.set(name, replaced.get(t) ?? t);
  return out;
}

const keyOf = (flat: { name: string }, node: Node) => `${flat.name} ${node.outputs[0].dtype}`;

/** Several, small, and most of what the flat parameter holds. */
function worthIt(casts: readonly Node[], size: number): boolean {
  const parameters = new Set(casts.map((node) => node.inputs[0]));
  const read = [...parameters].reduce((sum, t) => sum + elements(t.shape), 0);
  return parameters.size > 1 && read / parameters.size < SMALL && 2 * read >= size;
}
