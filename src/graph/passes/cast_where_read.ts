import { byteSize } from "../../base/dtype.ts";
import { elements, type Graph, type Node, type Tensor } from "../graph.ts";
import { castOp } from "../ops/cast.ts";

/** Smaller ones are worth no second instruction. */
const LARGE = 1 << 18;

/**
 * Weights of 8 bits, and large float32 ones that are computed with in 16, are cast anew right before each node that reads
 * them, so that no copy is kept from the forward to the backward pass: where all of SD1.5's U-Net is trained, 1.6 GiB.
 * Reshapes of such casts go along. Nodes that change weights must not have been put in between yet.
 */
export function castWhereRead(graph: Graph, nodes: readonly Node[]): Node[] {
  const brief = new Set<Node>(),
    wanted = new Set<Tensor>(graph.outputs.values()),
    changed = written(graph, nodes);
  for (const node of nodes) {
    const [x] = node.inputs;
    if (node.outputs.some((t) => wanted.has(t))) continue;
    const weight = node.op === castOp && x.node.source?.kind === "parameter" && !changed.has(x);
    if ((weight && copies(x, node.outputs[0])) || (node.op?.alias && brief.has(x.node))) brief.add(node);
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

const copies = (x: Tensor, y: Tensor) =>
  x.dtype === "f8" || (x.dtype === "f32" && byteSize(y.dtype) === 2 && elements(x.shape) >= LARGE);

/** Parameters that are changed where they stand in `nodes`; pieces are put where nothing reads them any more. */
function written(graph: Graph, nodes: readonly Node[]): Set<Tensor> {
  const pieces = new Set(graph.pieces.flatMap((piece) => [...piece]));
  return new Set(nodes.flatMap((node) => node.op?.effect && !pieces.has(node) ? node.inputs : []));
}
