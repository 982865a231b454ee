/** What drawing needs of a model, whatever it comes from: a file, a training run, synthetic weights. */

import type { DType } from "../../base/dtype.ts";
import type { Graph } from "../../graph/mod.ts";
import { type Adapter, type Family, type MoreRows, type Shapes, Weights } from "../../models/mod.ts";
import type { AddedWords } from "../../text/mod.ts";
import type { Controls } from "../techniques/control/controls.ts";
import type { RegionScene } from "../techniques/regions.ts";
import type { ParameterStore } from "../../runtime/mod.ts";

export interface DrawingModel {
  readonly family: Family;
  /** Every tensor of the model under its original key. */
  readonly shapes: Shapes;
  /** Holds them under the same names. */
  readonly store: ParameterStore;
  /** Named in errors. */
  readonly source: string;
  /** The dtype that U-Net and text encoders compute in. */
  readonly dtype: DType;
  /** The dtype that the autoencoder computes in. */
  readonly vaeDtype: DType;
  /** The dtype a key is stored in where it is not the one it is computed in. */
  readonly storage?: (key: string) => DType;
  /** Live networks: joins U-Net and text encoders of the program being recorded. */
  readonly adapter?: (graph: Graph, scene?: RegionScene) => Adapter;
  /** Gives the store the parameters that a recorded program needs; without it they are all there. */
  readonly load?: (graph: Graph) => Promise<void>;
  /** Words that the tokenizers do not have, one map for each text encoder: textual inversion. */
  readonly words?: readonly AddedWords[];
  /** Of the only text encoder, words that some blocks of the U-Net read in their own way: XTI (arXiv 2303.09522). */
  readonly blockWords?: readonly BlockWords[] | null;
  /** Further rows of tensors, see WeightsOptions. */
  readonly more?: MoreRows;
  /** False leaves the autoencoder's attention away, as gen_img.py 0.9.1 does by mistake. Default true. */
  readonly vaeAttention?: boolean;
  /** What sample pictures with a picture to follow are steered by: what is being trained. */
  readonly controls?: Controls;
}

/** The tokenizer's words for one block of the U-Net, such as input_blocks.1. */
export interface BlockWords {
  readonly block: string;
  readonly words: AddedWords;
}

/** Values that the live networks' inputs take in the runs to come: multipliers. */
export type NetworkInputs = Readonly<Record<string, Float32Array>>;

/** The model's weights in a graph: of U-Net and text encoders with the networks on them, or of the autoencoder. */
export function weightsIn(
  graph: Graph,
  model: DrawingModel,
  part: "model" | "vae",
  scene?: RegionScene,
  around: (graph: Graph, inner: Adapter | undefined) => Adapter = (_, inner) => inner!,
): Weights {
  const { shapes, storage, source } = model;
  return part === "vae"
    ? Weights.over(graph, shapes, { dtype: model.vaeDtype, storage, source })
    : Weights.over(graph, shapes, {
      dtype: model.dtype,
      storage,
      source,
      adapter: around(graph, model.adapter?.(graph, scene)),
      more: model.more,
    });
}
