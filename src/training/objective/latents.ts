/** The autoencoder's encoder as training uses it: pictures to sampled latents, not multiplied by the scale factor. */
import type { Encoded } from "../../data/mod.ts";
import { Graph, memoryNeeded, Programs } from "../../graph/mod.ts";
import type { DrawingModel } from "../../generation/pipeline/model.ts";
import {
  below,
  encode,
  latentShape,
  type LatentSides,
  sampleLatents,
  VAE,
  vaeLatent,
  Weights,
} from "../../models/mod.ts";
import type { TorchGenerator } from "../../random/mod.ts";
import { toChannelsLast } from "../../base/layout.ts";
import type { Need } from "../step/fit.ts";
import type { PictureShape } from "../step/largest_shapes.ts";

/** A model as far as its autoencoder goes. */
export type EncodingModel = Pick<
  DrawingModel,
  "shapes" | "store" | "source" | "vaeDtype" | "storage" | "load"
>;

/** Pictures may have many sizes, each of which is encoded once. */
const KEPT = 6;

export class LatentEncoder {
  readonly latent: LatentSides;
  readonly #programs: Programs<readonly number[]>;
  /** Pixels of the largest program so far. */
  #largest = 0;

  constructor(private readonly model: EncodingModel) {
    this.latent = vaeLatent(below(model.shapes, `${VAE}.`))!;
    this.#programs = new Programs(model.store, { load: model.load, kept: KEPT });
  }

  /** pixels (N, H, W, 3) in [-1, 1] -> (N, h, w, C); draws the sample's noise from `torch`, or takes the mean. */
  async encode(
    pixels: Float32Array,
    count: number,
    height: number,
    width: number,
    torch: TorchGenerator | null,
  ): Promise<Encoded> {
    const shape = latentShape(this.latent, count, { width, height }), { channels } = shape;
    const values = count * channels * shape.height * shape.width;
    const noise = torch ? toChannelsLast(torch.randn(values), count, channels) : new Float32Array(values);
    const sides = [count, height, width] as const, inputs = { pixels, noise };
    this.#makeRoom(sides);
    const { latents } = await this.#programs.run(sides, (graph) => this.#record(graph, sides), inputs);
    return { latents, channels, height: shape.height, width: shape.width };
  }

  /** What encoding the largest of these takes. */
  need(pictures: readonly PictureShape[]): Need {
    const needs = pictures.map(({ batch, height, width }) => {
      const graph = new Graph();
      this.#record(graph, [batch, height, width]);
      return memoryNeeded(graph, this.model.store);
    });
    return needs.reduce((a, b) => b.arenaBytes > a.arenaBytes ? b : a);
  }

  /** Makes the programs that encode such pictures, the largest first, so that all that come later run in its memory. */
  async prepare(pictures: readonly PictureShape[]): Promise<void> {
    const pixels = ({ batch, height, width }: PictureShape) => batch * height * width;
    for (const { batch, height, width } of pictures.toSorted((a, b) => pixels(b) - pixels(a))) {
      const sides = [batch, height, width] as const;
      this.#makeRoom(sides);
      await this.#programs.get(sides, (graph) => this.#record(graph, sides));
    }
  }

  /** What comes runs in the memory of the largest: where that is to be larger, it would lie beside the one before. */
  #makeRoom([count, height, width]: readonly [number, number, number]): void {
    if (count * height * width <= this.#largest) return;
    this.#largest = count * height * width;
    this.#programs.destroy();
  }

  #record(graph: Graph, [count, height, width]: readonly [number, number, number]): void {
    const pictures = graph.input("pixels", [count, height, width, 3]);
    const distribution = encode(pictures, this.#weights(graph).at(VAE));
    graph.output("latents", sampleLatents(distribution, graph.input("noise", distribution.mean.shape)));
  }

  #weights(graph: Graph): Weights {
    const { shapes, vaeDtype: dtype, storage, source } = this.model;
    return Weights.over(graph, shapes, { dtype, storage, source });
  }

  /** Frees the programs and, since nothing else uses them then, the encoder's weights. */
  destroy(): void {
    this.#programs.destroy();
    const { store } = this.model;
    for (const name of store.names()) {
      if (name.startsWith(`${VAE}.encoder.`) || name.startsWith(`${VAE}.quant_conv.`)) store.free(name);
    }
  }
}
