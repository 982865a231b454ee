/**
 * The recorded graph: nodes in the order they were made, which is the order they run in. Recording computes nothing;
 * shapes and dtypes are checked as each node is added, so a wrong model fails where it is written.
 */

import type { DType } from "../base/dtype.ts";
import { MAX_RANK } from "../base/records.ts";

export type Shape = readonly number[];
export type Attrs = Readonly<Record<string, number>>;

/** Shape and element type of a value. */
export interface Spec {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** One kind of instruction: its shape rule, its gradient, and its attributes in the order they are encoded. */
export interface Op {
  readonly name: string;
  readonly attrs: readonly string[];
  /** The outputs' shapes and dtypes; throws TypeError (shape, dtype) or RangeError (attribute). */
  infer(inputs: readonly Tensor[], attrs: Attrs): Spec[];
  /** One gradient per input, null where none flows; `dys` has one entry per output, null where none arrived. */
  grad?(dys: readonly (Tensor | null)[], node: Node): (Tensor | null)[];
  /** Changes its first operands in place and has no outputs: never removed, never reordered. */
  readonly effect?: boolean;
  /**
   * The output may take the memory of an input of equal size that dies here: the kernel reads an element before writing
   * it.
   */
  readonly inPlace?: boolean;
  /** The output is the input's bytes under another shape: no instruction is made. */
  readonly alias?: boolean;
  /** Floating-point operations, where these and not memory are what it takes. */
  flop?(node: Node): number;
}

/** Where a value without a producer comes from. */
export type Source =
  | { readonly kind: "input"; readonly name: string }
  | { readonly kind: "parameter"; readonly name: string }
  | { readonly kind: "constant"; readonly data: Float32Array | Int32Array };

/** A value in a graph: what `node` produces as its output `index`. Activations are channels-last: (N, H, W, C). */
export interface Tensor extends Spec {
  readonly graph: Graph;
  readonly node: Node;
  readonly index: number;
}

export interface Node {
  readonly id: number;
  readonly op: Op | null; // null: a source
  readonly source: Source | null;
  inputs: readonly Tensor[];
  attrs: Attrs;
  readonly outputs: readonly Tensor[];
  /** The recomputation segment (gradient checkpointing) this forward node was recorded in. */
  readonly segment: number | null;
}

export class Graph {
  nodes: Node[] = [];
  readonly outputs = new Map<string, Tensor>();
  readonly #sources = new Map<string, Tensor>();
  #nextId = 0;
  #segments = 0;
  /** Set while a recomputation segment is recorded. */
  segment: number | null = null;
  /** What was recorded under soon(), piece by piece. */
  readonly pieces: ReadonlySet<Node>[] = [];
  /** The position of the first gradient node, once gradients() was called. */
  backwardFrom: number | null = null;

  /** A value uploaded before each run. The same name gives the same tensor. */
  input(name: string, shape: Shape, dtype: DType = "f32"): Tensor {
    return this.#source({ kind: "input", name }, { shape, dtype });
  }

  /** A value that stays on the device between runs, found by name in the ParameterStore at compile time. */
  parameter(name: string, shape: Shape, dtype: DType = "f32"): Tensor {
    return this.#source({ kind: "parameter", name }, { shape, dtype });
  }

  /** A value known while recording, uploaded once when the program is made. */
  constant(data: Float32Array | Int32Array, shape: Shape): Tensor {
    if (elements(shape) !== data.length) {
      throw new TypeError(`constant: ${data.length} values do not fill ${showShape(shape)}`);
    }
    const dtype = data instanceof Int32Array ? "i32" : "f32";
    return this.#add(null, { kind: "constant", data }, [], {}, [{ shape, dtype }]).outputs[0];
  }

  /** Names a value that `run` gives back. */
  output(name: string, value: Tensor): void {
    if (this.outputs.has(name)) throw new RangeError(`graph: output ${name} is named twice`);
    this.outputs.set(name, value);
  }

  /** Adds a node; the ops are the only callers. */
  add(op: Op, inputs: readonly Tensor[], attrs: Attrs = {}): Node {
    for (const t of inputs) {
      if (t.graph !== this) throw new TypeError(`${op.name}: an operand belongs to another graph`);
    }
    return this.#add(op, null, inputs, attrs, op.infer(inputs, attrs));
  }

  /** Runs `body` inside a new segment, see checkpoint(). */
  inSegment<T>(body: () => T): T {
    if (this.segment !== null) return body();
    this.segment = this.#segments++;
    try {
      return body();
    } finally {
      this.segment = null;
    }
  }

  /**
   * Runs `body`, which may name no value of another piece. What it records runs together, as soon as what it reads is
   * there and nothing reads any more what it writes (passes/soon.ts), and is joined into chains.
   */
  soon<T>(body: () => T): T {
    const from = this.nodes.length, result = body();
    this.pieces.push(new Set(this.nodes.slice(from).filter((node) => node.op)));
    return result;
  }

  /** A detached copy of a node reading other inputs: how the recomputation pass repeats forward work. */
  clone(node: Node, inputs: readonly Tensor[]): Node {
    return this.#make(node.op, node.source, inputs, node.attrs, node.outputs, null);
  }

  #source(source: Source & { name: string }, spec: Spec): Tensor {
    const key = `${source.kind} ${source.name}`;
    const known = this.#sources.get(key);
    if (known) {
      if (!sameShape(known.shape, spec.shape) || known.dtype !== spec.dtype) {
        throw new TypeError(
          `${key}: recorded as ${showSpec(known)} and again as ${showSpec(spec)}`,
        );
      }
      return known;
    }
    const tensor = this.#add(null, source, [], {}, [spec]).outputs[0];
    this.#sources.set(key, tensor);
    return tensor;
  }

  #add(
    op: Op | null,
    source: Source | null,
    inputs: readonly Tensor[],
    attrs: Attrs,
    specs: readonly Spec[],
  ) {
    const node = this.#make(op, source, inputs, attrs, specs, op ? this.segment : null);
    this.nodes.push(node);
    return node;
  }

  #make(
    op: Op | null,
    source: Source | null,
    inputs: readonly Tensor[],
    attrs: Attrs,
    specs: readonly Spec[],
    segment: number | null,
  ): Node {
    const outputs: Tensor[] = [];
    const node: Node = { id: this.#nextId++, op, source, inputs, attrs, outputs, segment };
    specs.forEach(({ shape, dtype }, index) => {
      if (shape.length > MAX_RANK) {
        throw new TypeError(`${op?.name}: rank ${shape.length} is over ${MAX_RANK}`);
      }
      outputs.push({ graph: this, node, index, shape, dtype });
    });
    return node;
  }
}

/** Records one node with one output. */
export function record(op: Op, inputs: readonly Tensor[], attrs: Attrs = {}): Tensor {
  return inputs[0].graph.add(op, inputs, attrs).outputs[0];
}

export function elements(shape: Shape): number {
  let n = 1;
  for (const d of shape) n *= d;
  return n;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}

export function showShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

export function showSpec({ shape, dtype }: Spec): string {
  return `${dtype}${showShape(shape)}`;
}

/** Throws TypeError unless `condition`; the message names the op and its operands. */
export function expect(condition: boolean, op: string, inputs: readonly Tensor[], wanted: string): void {
  if (!condition) throw new TypeError(`${op}(${inputs.map(showSpec).join(", ")}): ${wanted}`);
}
