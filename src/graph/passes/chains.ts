/**
 * Joins pointwise ops over equally many elements into one chain instruction, so that a formula of any length reads and
 * writes memory once. A sum over all elements of a joined value belongs to its chain; what reads the sum begins another.
 * Scalars of a chain (learning rates, scales) are computed within it, once, not once a lane. What several chains read and
 * what is soon computed from one array is computed in each of them (again.ts).
 */

import { elements, type Graph, type Node, type Tensor } from "../graph.ts";
import { affineOp } from "../ops/affine.ts";
import { binaryOp } from "../ops/binary.ts";
import { castOp } from "../ops/cast.ts";
import { chainOp } from "../ops/chain.ts";
import { chainedOp } from "../ops/chained.ts";
import { accumulateOp, copyOp, fillOp } from "../ops/fill.ts";
import { dequantizeOp, quantizeOp } from "../ops/quantized.ts";
import { reshape } from "../ops/reshape.ts";
import { sumOp } from "../ops/sum.ts";
import { unaryOp } from "../ops/unary.ts";
import { Again } from "./again.ts";
import { ChainWriter } from "./chain_writer.ts";
import { elementsBehind } from "./repeats.ts";

const WRITERS = new Set([copyOp, fillOp, accumulateOp]);
const PURE = new Set([unaryOp, binaryOp, affineOp, chainedOp]);
/** What no other instruction computes. */
const CHAINS_ALONE = new Set([chainedOp, dequantizeOp, quantizeOp]);

/**
 * `nodes` with its runs of pointwise ops that are `wanted` as chains. `nodes` is live and in order; so is the result.
 * `arrayOf` tells in which array a parameter lies, alone or with others.
 */
export function joinChains(
  graph: Graph,
  nodes: readonly Node[],
  wanted: (node: Node) => boolean,
  arrayOf: (parameter: Tensor) => string,
): Node[] {
  return new Joiner(graph, nodes, wanted, arrayOf).join();
}

class Joiner {
  readonly #out: Node[] = [];
  readonly #replaced = new Map<Tensor, Tensor>();
  readonly #readers = new Map<Tensor, Set<Node>>();
  /** Scalars that only a chain can compute, and that no instruction has asked for yet. */
  readonly #pending = new Set<Node>();
  readonly #again: Again;
  /** What chains compute. */
  readonly #chained = new Set<Node>();
  #run: Node[] = [];
  #lanes = 0;

  constructor(
    private readonly graph: Graph,
    private readonly nodes: readonly Node[],
    private readonly wanted: (node: Node) => boolean,
    arrayOf: (parameter: Tensor) => string,
  ) {
    for (const node of nodes) {
      for (const t of node.inputs) {
        if (!this.#readers.has(t)) this.#readers.set(t, new Set());
        this.#readers.get(t)!.add(node);
      }
    }
    this.#again = new Again(nodes, (node) => wanted(node) ? lanesOf(node) : null, arrayOf);
  }

  join(): Node[] {
    for (const node of this.nodes) this.#place(node);
    this.#flush();
    for (const [name, t] of this.graph.outputs) this.graph.outputs.set(name, this.#actual(t));
    return this.#out;
  }

  #place(node: Node): void {
    const lanes = this.wanted(node) ? lanesOf(node) : null,
      scalar = node.outputs.length === 1 && elements(node.outputs[0].shape) === 1;
    if (lanes !== null && lanes === this.#lanes && !this.#readsSum(node)) {
      this.#run.push(node);
    } else if (lanes !== null && lanes > 1) {
      this.#flush();
      this.#lanes = lanes;
      this.#run.push(node);
    } else if (node.source || ((scalar || node.op!.alias) && !node.op!.effect && this.#apart(node))) {
      if (node.op === chainedOp) this.#pending.add(node);
      else this.#emit(node);
    } else {
      this.#flush();
      if (node.op === chainedOp) this.#pending.add(node);
      else this.#emit(node);
    }
  }

  /** Whether nothing in the open run makes or may change what the node reads: then it may go before the run. */
  #apart(node: Node): boolean {
    const made = new Set(this.#run.flatMap((n) => n.outputs));
    return node.inputs.every((t) =>
      !made.has(t) && (node.op!.alias || this.#run.length === 0 || t.node.source?.kind !== "parameter")
    );
  }

  #readsSum(node: Node): boolean {
    const sums = new Set(this.#run.filter((n) => n.op === sumOp).flatMap((n) => n.outputs));
    return node.inputs.some((t) => sums.has(t));
  }

  #emit(node: Node): void {
    node.inputs = node.inputs.map((t) => this.#actual(t));
    this.#out.push(node);
  }

  /** What holds the value now; a scalar that waited is computed first. */
  #actual(t: Tensor): Tensor {
    if (this.#pending.delete(t.node)) this.#chain([t.node], 1);
    return this.#replaced.get(t) ?? t;
  }

  #flush(): void {
    const run = this.#run, lanes = this.#lanes;
    this.#run = [];
    this.#lanes = 0;
    if (run.length > 0) this.#chain(run, lanes);
  }

  /** One chain where the run fits into one, else the chains of its halves. */
  #chain(run: readonly Node[], lanes: number, results: readonly Tensor[] = this.#resultsOf(run)): void {
    const alone = run.length === 1 && !CHAINS_ALONE.has(run[0].op!);
    const needed = this.#needed(run, results);
    if (alone && needed.length > 0 && !run[0].inputs.some((t) => this.#unkept(t))) {
      this.#chained.delete(run[0]);
      return this.#emit(run[0]);
    }
    for (const node of run) this.#chained.add(node);
    if (needed.length === 0) return;
    const writer = new ChainWriter(lanes, (t) => this.#actual(t), (t) => this.#unkept(t));
    for (const node of needed) writer.add(node);
    const chain = writer.finish(results);
    if (!chain) {
      if (run.length === 1) return this.#lighter(run[0], lanes, results);
      const half = Math.ceil(run.length / 2);
      this.#chain(run.slice(0, half), lanes);
      return this.#chain(run.slice(half), lanes);
    }
    const made = this.graph.nodes.length;
    const code = this.graph.constant(chain.code, [chain.code.length]);
    const counts = { lanes, values: chain.values.length, sums: chain.sums.length };
    const { outputs } = this.graph.add(chainOp, [code, ...chain.operands], counts);
    [...chain.values, ...chain.sums].forEach((t, i) => this.#replaced.set(t, reshape(outputs[i], t.shape)));
    this.#out.push(...this.graph.nodes.splice(made));
  }

  /** The chain of one node that does not fit with all that it would compute again: some of that is held after all. */
  #lighter(node: Node, lanes: number, results: readonly Tensor[]): void {
    const computed = node.inputs.find((t) => this.#unkept(t));
    if (!computed) throw new TypeError(`${node.op?.name} does not fit into a chain`);
    this.#chain([computed.node], lanes, [computed]);
    this.#chain([node], lanes, results);
  }

  /** What is to be held of what a run makes. */
  #resultsOf(run: readonly Node[]): Tensor[] {
    const inRun = new Set(run), named = new Set(this.graph.outputs.values());
    return run.flatMap((n) => n.outputs).filter((t) => {
      const outside = [...this.#readers.get(t) ?? []].filter((n) => !inRun.has(n));
      return named.has(t) || !outside.every((reader) => this.#again.within(reader, t));
    });
  }

  /** Without what only later chains read, which compute it again. */
  #needed(run: readonly Node[], results: readonly Tensor[]): Node[] {
    const read = new Set(results);
    return run.toReversed().filter(({ op, inputs, outputs }) => {
      const needed = op!.effect || outputs.some((t) => read.has(t));
      if (needed) { for (const t of inputs) read.add(t); }
      return needed;
    }).reverse();
  }

  /** Whether nothing holds what a chain has made of t, because each chain that reads it computes it. */
  #unkept(t: Tensor): boolean {
    return this.#chained.has(t.node) && !this.#replaced.has(t);
  }
}

/** How many elements a node computes one by one; null where it does not, or in types that a chain does not take. */
function lanesOf({ op, inputs, outputs }: Node): number | null {
  if (op === null) return null;
  const floats = inputs.every((t) => t.dtype === "f32");
  if (op === dequantizeOp || op === quantizeOp) return elements(inputs[0].shape);
  if (op === sumOp) return floats && elements(outputs[0].shape) === 1 ? elements(inputs[0].shape) : null;
  const lanes = elements((outputs[0] ?? inputs[0]).shape);
  const fits = ({ shape }: Tensor) =>
    elements(shape) === lanes || elements(shape) === 1 ||
    op === binaryOp && elementsBehind(shape, outputs[0].shape) !== null;
  if (!inputs.every(fits)) return null;
  if (WRITERS.has(op)) return inputs.every((t) => t.dtype !== "i32" && t.dtype !== "u8") ? lanes : null;
  if (op === castOp) {
    return outputs[0].dtype === "f32" && inputs[0].dtype !== "i32" && inputs[0].node.source ? lanes : null;
  }
  return PURE.has(op) && floats ? lanes : null;
}
