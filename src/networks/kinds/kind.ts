/** What a kind of network is: the tensors of a module, what they start from, and what they do to a layer. */

import type { Shape, Tensor } from "../../graph/mod.ts";
import type { Layer } from "../../models/mod.ts";
import type { Target } from "../sites/targets.ts";
import type { Alpha } from "../sites/values.ts";

/** What of a torch generator is needed. */
export interface UniformSource {
  /** n float32 values in [low, high). */
  uniform(low: number, high: number, n: number): Float32Array;
  /** n float32 values of a normal distribution. */
  normal(mean: number, deviation: number, n: number): Float32Array;
}

/** A module of a network: a layer of the model, the kind of what joins it, and the sizes of its tensors. */
export interface NetworkModule extends Target {
  readonly kind: NetworkKind;
  readonly rank: number;
  /** As in the module's file. */
  readonly alpha: Alpha;
  /** What is computed with where that is another alpha, see loadInto(). */
  readonly computedAlpha?: Alpha;
  readonly settings?: KindSettings;
  /** Suffix of the key -> shape of each tensor but alpha, in the order of PyTorch's parameters. */
  readonly tensors: Readonly<Record<string, Shape>>;
}

/** What a new module is asked for beside the layer. */
export interface ModuleSize {
  readonly rank: number;
  readonly alpha: Alpha;
  readonly settings?: KindSettings;
}

/** Options of single kinds, see the kinds that read them. */
export interface KindSettings {
  /** DyLoRA: how many ranks are trained together. */
  readonly unit?: number;
  /** DyLoRA: ranks above those that are trained are left out, as the paper has it; sd-scripts computes with all. */
  readonly cut?: boolean;
  /** One trained factor of the whole starts at 0 in place of one of the matrices. */
  readonly useScalar?: boolean;
  /** LoKr: sides of the first factor; -1 is as near to the square root as divisors allow. */
  readonly factor?: number;
  /** LoKr: the first factor too is a product of two. */
  readonly decomposeBoth?: boolean;
  /** LoKr: neither factor is. */
  readonly fullMatrix?: boolean;
  /** LoKr: the first factor's rows take the larger divisor. */
  readonly unbalanced?: boolean;
  /** First values in sd-scripts' order; LyCORIS's where absent. */
  readonly sdScripts?: boolean;
  /** OFT, BOFT: a trained factor for each output. */
  readonly rescaled?: boolean;
  /** IA3: the layer's inputs are scaled, not its outputs. */
  readonly onInput?: boolean;
  /** DoRA: each output of the weight has a norm of its own; false: each input. */
  readonly onOutput?: boolean;
  /** Convolutions over more than one pixel get a core of rank x rank kernels between two matrices. */
  readonly useTucker?: boolean;
}

/** A module's tensors in a graph. */
export interface ModuleTensors {
  readonly module: NetworkModule;
  has(suffix: string): boolean;
  /** In the dtype of what it meets; float32 where nothing else is said. */
  at(suffix: string): Tensor;
}

/** A plain layer while it is recorded. */
export interface PlainLayer {
  readonly x: Tensor;
  /** What the layer gives: (..., out). */
  readonly y: Tensor;
  readonly layer: Layer;
  /** The layer's own bias, where it has one. */
  bias(): Tensor | undefined;
  /** The layer's weight, [out, in] or OIHW, in the dtype of x. */
  weight(): Tensor;
  /** For kinds that drop rows: the factor of each output of the change, (out) in float32. */
  readonly rows?: Tensor;
  /** Where a training draws for each run; absent while pictures are drawn. The name of an input for it. */
  draw?(what: string, values: (generators: RunGenerators) => Float32Array): string;
}

/** What a run draws from. */
export interface RunGenerators {
  readonly torch: MaskSource;
  readonly python: { randint(a: number, b: number): number };
}

/** What of a torch generator is needed for masks. */
export interface MaskSource {
  rand(n: number): Float32Array;
  /** 0 or 1 / (1 - p) for each of n values. */
  dropoutMask(p: number, n: number): Float32Array;
}

/**
 * Multiplies by alpha / rank, the network's multiplier and the masks of dropouts. A kind calls it once, on whatever the
 * result is linear in and narrowest: (N, ..., channels).
 */
export type Strength = (h: Tensor) => Tensor;

/** Suffix -> shape of what a file holds for a module, without alpha. */
export type Found = Readonly<Record<string, Shape>>;

/** What a kind makes of it: a module, or what is wrong with it. */
export type Reading =
  | {
    readonly rank: number;
    readonly tensors: Readonly<Record<string, Shape>>;
    readonly settings?: KindSettings;
  }
  | { readonly missing: string }
  | { readonly misfit: string; readonly wanted: Shape };

type Values = Readonly<Record<string, Float32Array>>;

/** How a module lies in a file that is not as it is trained: both ways, by suffix. */
export interface Filed {
  readonly kind: NetworkKind;
  pack(module: NetworkModule, values: Values): Values;
  unpack(module: NetworkModule, values: Values): Values;
}

export interface NetworkKind {
  /** How notes and errors call it: "LoRA". */
  readonly name: string;
  /** Suffixes of keys, one of which says that a module of a file is of this kind. */
  readonly marks: readonly string[];
  /** Further suffixes that a module may have in a file, but alpha. */
  readonly others?: readonly string[];
  /** Suffix -> shape for a new module, in the order of PyTorch's parameters. */
  tensors(target: Target, size: ModuleSize): Record<string, Shape>;
  /** A module of a file on a layer, from the shapes of its tensors. */
  read(target: Target, found: Found, values: (suffix: string) => Float32Array): Reading;
  /**
   * First values by suffix, drawn from the generator as PyTorch's constructor draws them; `base` gives the layer's own
   * weight.
   */
  initial(
    module: NetworkModule,
    generator: UniformSource,
    base: () => Float32Array,
  ): Record<string, Float32Array>;
  /** alpha / rank where absent: what output and delta are still to be multiplied by. */
  scale?(module: NetworkModule): number;
  /** alpha is a limit, 0 being none, and no numerator of a scale. */
  readonly alphaLimits?: boolean;
  /** What joins the layer's output, (..., out) like it. */
  output(plain: PlainLayer, tensors: ModuleTensors, strength: Strength): Tensor;
  /** Not linear in the change whose outputs rank_dropout drops: output() sees to PlainLayer.rows itself. */
  readonly dropsRows?: boolean;
  /** The change of the weight, (out, in * height * width) in float32 like `base`, before scale and multiplier. */
  delta(tensors: ModuleTensors, base: () => Tensor): Tensor;
  /** (out, r) and (r, in * height * width) whose product is delta(), where there are such for the module. */
  factors?(tensors: ModuleTensors): [up: Tensor, down: Tensor] | null;
  /** Tensors that change the layer's bias. */
  readonly biases?: readonly string[];
  /** The change of the bias, (out) in float32. */
  biasDelta?(tensors: ModuleTensors): Tensor | null;
  /** What a file has beside the tensors; where absent that is alpha. */
  constants?(module: NetworkModule): Readonly<Record<string, Alpha>>;
  /** Tensors that a factor of the whole may be multiplied into, each linear in the result. */
  readonly scaled?: readonly string[];
  /** Tensors that are trained; all where absent. */
  trains?(suffix: string): boolean;
  /**
   * What sd-scripts does with gradients of tensors that do not step, trained at a rate of 0 or not at all: the optimizer
   * clears them, or they add up for ever. Where absent, those that are trained add up, and others have none.
   */
  rests?(suffix: string): "cleared" | "gathered";
  /** Where a batch gives gradients to some of a module's tensors only: the optimizer passes over the others. */
  readonly reaches?: {
    /** Tensors with one answer are reached together. */
    part(suffix: string): string;
    /** `drawn` gives what a run drew under a name of the kind's. */
    reached(module: NetworkModule, suffix: string, drawn: (what: string) => Float32Array): boolean;
  };
  /** Values from those of PEFT's file, where what they mean is said by its adapter_config.json alone. */
  fromPeft?(module: NetworkModule, values: Values, config: Readonly<Record<string, unknown>>): Values;
  /** Drawn with and merged, neither trained nor written. */
  readonly readOnly?: boolean;
  /** The file's form of a module that is trained in another. */
  readonly filed?: Filed;
  /** Tensors that LoRA+ gives a rate of their own (arXiv 2402.12354). */
  readonly plus?: readonly string[];
  /** For --scale_weight_norms, where the reference has it for this kind, and this module. */
  readonly norm?: {
    of?(module: NetworkModule): boolean;
    /** The sum of the squares of delta(), or of what the reference measures in its place, shape (1). */
    square(tensors: ModuleTensors): Tensor;
    /** That is linear in each of these, of which a module has some. */
    readonly factors: readonly string[];
  };
}
