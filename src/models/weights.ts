/** Weights as a model reads them: a place in a checkpoint's key tree, whose leaves are parameters of a graph. */

import { UserError } from "../base/errors.ts";
import type { DType } from "../base/dtype.ts";
import { cast, concat, detach, type Graph, type Tensor } from "../graph/mod.ts";

/** What is known of a checkpoint without reading its data: key -> shape, original Stable Diffusion names. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** What an adapter must know of the layer that it joins. */
export interface Layer {
  readonly kind: "linear" | "conv2d";
  /** The layer's weight: [out, in] or OIHW; for one part of a fused projection, that part's rows. */
  readonly shape: readonly number[];
  /** conv2d only. */
  readonly stride?: number;
  /** conv2d only: [top, bottom, left, right]. */
  readonly pad?: readonly [number, number, number, number];
  /** The layer's own place, so that an adapter can read the base weight. */
  readonly weights: Weights;
}

/**
 * Joins a network (LoRA and its relatives) to a model: given the plain layer's input x and output y it returns the
 * new output, y itself where it has nothing to add. `path` is the layer's key without ".weight"; the three parts
 * of an open_clip `attn.in_proj_weight` are called `attn.q_proj`, `attn.k_proj` and `attn.v_proj`.
 */
export interface Adapter {
  (path: string, x: Tensor, y: Tensor, layer: Layer): Tensor;
  /** Weight or bias of a norm, `key` being the checkpoint's: a changed one, or itself. */
  readonly norms?: (key: string, value: Tensor) => Tensor;
}

/** For a tensor's key the float32 parameter that lies behind its last row, and how many rows that has. */
export type MoreRows = ReadonlyMap<string, { readonly name: string; readonly rows: number }>;

export interface WeightsOptions {
  /** The dtype that activations and, unless `storage` says otherwise, weights have. Default "f32". */
  dtype?: DType;
  /** The dtype in which one key is stored, e.g. "f32" for trainable weights of a bf16 model. */
  storage?: (key: string) => DType;
  adapter?: Adapter;
  /** Further rows of some tensors, by key: vectors of tokens that the checkpoint does not know. */
  more?: MoreRows;
  /** A parameter of another name that lies in a key's place; no gradient reaches it from there. */
  borrowed?: (key: string) => string | undefined;
  /** Named in errors: the file that the weights come from. */
  source?: string;
}

interface Root extends WeightsOptions {
  readonly graph: Graph;
  readonly dtype: DType;
  readonly shapes: Shapes;
  /** Every key and every prefix of one that ends before a dot. */
  readonly places: ReadonlySet<string>;
}

/** A place in the key tree; `at` descends, `tensor` takes a leaf. */
export class Weights {
  private constructor(private readonly root: Root, readonly path: string) {}

  /** The top of a checkpoint's tree: each key of `shapes` may become a parameter of `graph`. */
  static over(graph: Graph, shapes: Shapes, options: WeightsOptions = {}): Weights {
    const root = {
      ...options,
      graph,
      shapes,
      dtype: options.dtype ?? "f32",
      places: placesOf(shapes),
    };
    return new Weights(root, "");
  }

  get graph(): Graph {
    return this.root.graph;
  }

  /** The compute dtype. */
  get dtype(): DType {
    return this.root.dtype;
  }

  at(name: string | number): Weights {
    return new Weights(this.root, this.key(name));
  }

  /** This place's name seen from `above`: above.at(name) is this place. */
  below(above: Weights): string {
    return above.path === "" ? this.path : this.path.slice(above.path.length + 1);
  }

  /** Whether a tensor or a subtree of that name is there. */
  has(name: string | number): boolean {
    return this.root.places.has(this.key(name));
  }

  /** The numbered children of `name`: name.0, name.1 and so on, as far as they go without a gap. */
  list(name: string): Weights[] {
    const found: Weights[] = [];
    for (const parent = this.at(name); parent.has(found.length);) found.push(parent.at(found.length));
    return found;
  }

  shape(name: string): readonly number[] {
    const key = this.key(name);
    const shape = this.root.shapes.get(key);
    if (!shape) throw new UserError(`${this.root.source ?? "the checkpoint"}: ${key} is missing`);
    return shape;
  }

  /** The parameter in the compute dtype, cast where it is stored in another. UserError when it is missing. */
  tensor(name: string): Tensor {
    const own = cast(this.parameter(name), this.dtype), more = this.root.more?.get(this.key(name));
    if (!more) return own;
    const shape = [more.rows, ...this.shape(name).slice(1)];
    return concat([own, cast(this.graph.parameter(more.name, shape, "f32"), this.dtype)], 0);
  }

  /** The parameter as it is stored: what gradients are taken of. */
  parameter(name: string): Tensor {
    const key = this.key(name), other = this.root.borrowed?.(key), shape = this.shape(name);
    if (other) return detach(this.graph.parameter(other, shape, this.root.storage?.(other) ?? this.dtype));
    return this.graph.parameter(key, shape, this.root.storage?.(key) ?? this.dtype);
  }

  /** Like `tensor`, undefined when it is missing: biases. */
  maybe(name: string): Tensor | undefined {
    return this.has(name) ? this.tensor(name) : undefined;
  }

  /** A norm's gain and shift, which the adapter may change. */
  norm(): { weight: Tensor; bias: Tensor } {
    const { adapter } = this.root;
    const read = (name: string) => {
      const value = this.tensor(name);
      return adapter?.norms ? adapter.norms(this.key(name), value) : value;
    };
    return { weight: read("weight"), bias: read("bias") };
  }

  /** Lets the adapter, if there is one, change the output of the layer called `path` (by default this place). */
  adapt(x: Tensor, y: Tensor, layer: Omit<Layer, "weights">, path = this.path): Tensor {
    return this.root.adapter ? this.root.adapter(path, x, y, { ...layer, weights: this }) : y;
  }

  private key(name: string | number): string {
    return this.path === "" ? String(name) : `${this.path}.${name}`;
  }
}

/** Shapes are shared by all programs of a model, so the tree is built once for each. */
const placesCache = new WeakMap<Shapes, ReadonlySet<string>>();

function placesOf(shapes: Shapes): ReadonlySet<string> {
  const cached = placesCache.get(shapes);
  if (cached) return cached;
  const places = new Set<string>();
  for (const key of shapes.keys()) {
    for (let end = key.length; end > 0; end = key.lastIndexOf(".", end - 1)) places.add(key.slice(0, end));
  }
  placesCache.set(shapes, places);
  return places;
}
