import { byteSize } from "../../base/dtype.ts";
import { elements, type Graph, type Node, type Tensor } from "../graph.ts";
import { castOp, roundedAsRead } from "../ops/cast.ts";
import { conv2dBackwardInputOp, conv2dOp } from "../ops/conv2d.ts";
import { matmulOp } from "../ops/matmul.ts";

/** Smaller ones are worth no second instruction. */
const LARGE = 1 << 18;

/**
 * Weights of 8 bits, and large float32 ones that are computed with in 16, are cast anew right before each node that reads
 * them, so that no copy is kept from the forward to the backward pass: where all of SD1.5's U-Net is trained, 1.6 GiB.
 * Reshapes of such casts go along. Nodes that change weights must not have been put in between yet. With `wide` large
 * products and convolutions round float32 themselves as they pack it, to the same numbers, and nothing is cast.
 */
export function castWhereRead(graph: Graph, nodes: readonly Node[], wide = false): Node[] {
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
  const uncast = (t: Tensor): Tensor => {
    if (t.node.op === castOp) return t.node.inputs[0];
    const node = graph.clone(t.node, t.node.inputs.map(uncast));
    out.push(node);
    return node.outputs[t.index];
  };
  const anew = (t: Tensor): Tensor => {
    if (!brief.has(t.node)) return t;
    const node = graph.clone(t.node, t.node.inputs.map(anew));
    out.push(node);
    return node.outputs[t.index];
  };
  for (const node of nodes) {
    if (brief.has(node)) continue;
    const rounds = wide && roundsAsItReads(node);
    node.inputs = node.inputs.map((t, k) =>
      rounds && k === 1 && brief.has(t.node) && roundedAsRead(origin(t), node.inputs[0]) ? uncast(t) : anew(t)
    );
    out.push(node);
  }
  return out;
}

/** The parameter that a cast, and reshapes of it, are of. */
const origin = (t: Tensor): Tensor => t.node.op ? origin(t.node.inputs[0]) : t;

/** What easel's own products and direct convolutions take; oneDNN does the rest (bf16_product.cpp, direct.cpp). */
function roundsAsItReads({ op, attrs, inputs: [x, w], outputs: [y] }: Node): boolean {
  if (op === matmulOp) {
    const [rows, depth] = attrs.transA ? [x.shape.at(-1)!, x.shape.at(-2)!] : x.shape.slice(-2);
    return rows >= 8 && depth >= 64;
  }
  if (op !== conv2dOp && op !== conv2dBackwardInputOp) return false;
  const [outputs, inputs, ...kernel] = w.shape;
  return attrs.stride === 1 && outputs % 32 === 0 && inputs % 32 === 0 && Math.min(outputs, inputs) >= 64 &&
    elements(kernel) <= 25 && elements(y.shape.slice(0, -1)) >= 8;
}

const copies = (x: Tensor, y: Tensor) =>
  x.dtype === "f8" || (x.dtype === "f32" && byteSize(y.dtype) === 2 && elements(x.shape) >= LARGE);

/** Parameters that are changed where they stand in `nodes`; pieces are put where nothing reads them any more. */
function written(graph: Graph, nodes: readonly Node[]): Set<Tensor> {
  const pieces = new Set(graph.pieces.flatMap((piece) => [...piece]));
  return new Set(nodes.flatMap((node) => node.op?.effect && !pieces.has(node) ? node.inputs : []));
}
