/** Pictures to latents and back, as a whole or in bands. */

import { byteSize } from "../../base/dtype.ts";
import { joined } from "../../base/joined.ts";
import { affine, cast, Graph, Programs } from "../../graph/mod.ts";
import {
  decode,
  decoderPieces,
  decodeSmall,
  encode,
  encoderPieces,
  encodeSmall,
  type LatentShape,
  sampleLatents,
  VAE,
  type Weights,
} from "../../models/mod.ts";
import { type DrawingModel, weightsIn } from "./model.ts";
import { BandRunner, type Bands } from "./parts/bands.ts";
import { HostRows } from "./parts/host_rows.ts";

export class Autoencoder {
  readonly #model: DrawingModel;
  readonly #programs: Programs<string>;
  readonly #bands: Bands | null;

  /** `bands` says in what parts pictures go through it; null: as a whole. */
  constructor(model: DrawingModel, programs: Programs<string>, bands: Bands | null) {
    this.#model = model;
    this.#programs = programs;
    this.#bands = bands;
  }

  get #scale(): number {
    return this.#model.family.latent.scale;
  }

  /** Latents (N, h, w, C) as the U-Net knows them -> pictures (N, H, W, 3) around [-1, 1]. */
  async decode(latents: Float32Array, shape: LatentShape): Promise<Float32Array> {
    const factor = Math.fround(1 / this.#scale), scaled = latents.map((x) => factor * x);
    const bands = this.#bands, { batch, height, width } = shape;
    if (bands) return this.#decodeInBands(scaled, shape, bands);
    const out = await this.#programs.run(`decode ${batch} ${height} ${width}`, (graph) => {
      recordDecode(graph, this.#model, shape);
    }, { latents: scaled });
    return out.image;
  }

  /** Pictures (N, H, W, 3) in [-1, 1] and noise (N, h, w, C) -> latents as the U-Net knows them. */
  async encode(
    images: Float32Array,
    noise: Float32Array,
    shape: LatentShape,
  ): Promise<Float32Array> {
    const bands = this.#bands, { batch, channels, height, width } = shape;
    if (bands) return this.#encodeInBands(images, noise, shape, bands);
    const { factor } = this.#model.family.latent;
    const out = await this.#programs.run(`encode ${batch} ${height} ${width}`, (graph) => {
      const x = graph.input("images", [batch, factor * height, factor * width, 3]);
      const weights = weightsIn(graph, this.#model, "vae").at(VAE);
      const distribution = encode(x, weights, { attention: this.#model.vaeAttention });
      const sampled = sampleLatents(distribution, graph.input("noise", [batch, height, width, channels]));
      graph.output("latents", affine(sampled, this.#scale, 0));
    }, { images, noise });
    return out.latents;
  }

  /** The middle as a whole, since its pixels attend to each other, then the large part of each picture in bands. */
  async #decodeInBands(latents: Float32Array, shape: LatentShape, bands: Bands): Promise<Float32Array> {
    const { batch, channels, height, width } = shape, { attention } = this.#vaeOptions();
    const { vaeDtype: dtype } = this.#model, one = height * width * channels, pictures: Float32Array[] = [];
    const pieces = decoderPieces(this.#vae(new Graph()));
    await this.#oneByOne(async (programs) => {
      for (let i = 0; i < batch; i++) {
        const { small } = await programs.runBytes("small", (graph) => {
          const x = graph.input("latents", [1, height, width, channels]);
          graph.output("small", decodeSmall(x, this.#vae(graph), { attention }));
        }, { latents: latents.subarray(i * one, (i + 1) * one) });
        const inner = small.length / byteSize(dtype) / (height * width);
        const rows = new HostRows(width, inner, dtype, this.#model.store.device);
        rows.addBytes(small);
        pictures.push(
          (await new BandRunner(this.#model, programs, bands).run(rows, pieces, true)).takeFloats(),
        );
      }
    });
    return pictures.length === 1 ? pictures[0] : joined(Float32Array, pictures);
  }

  async #encodeInBands(
    images: Float32Array,
    noise: Float32Array,
    shape: LatentShape,
    bands: Bands,
  ): Promise<Float32Array> {
    const { batch, channels, height, width } = shape, { factor } = this.#model.family.latent;
    const pieces = encoderPieces(this.#vae(new Graph())), parts: Float32Array[] = [];
    const size = images.length / batch, { vaeDtype, store } = this.#model;
    await this.#oneByOne(async (programs) => {
      for (let i = 0; i < batch; i++) {
        const rows = new HostRows(factor * width, 3, vaeDtype, store.device);
        rows.add(images.subarray(i * size, (i + 1) * size));
        parts.push(
          (await new BandRunner(this.#model, programs, bands).run(rows, pieces, false)).takeFloats(),
        );
      }
    });
    const small = joined(Float32Array, parts), inner = small.length / (batch * height * width);
    const out = await this.#programs.run(`encode small ${batch} ${height} ${width}`, (graph) => {
      const h = cast(graph.input("small", [batch, height, width, inner]), this.#model.vaeDtype);
      const distribution = encodeSmall(h, this.#vae(graph), this.#vaeOptions());
      const sampled = sampleLatents(distribution, graph.input("noise", [batch, height, width, channels]));
      graph.output("latents", affine(sampled, this.#scale, 0));
    }, { small, noise });
    return out.latents;
  }

  /** Bands' programs come one after the other: none keeps its memory while the next one needs its own. */
  async #oneByOne(work: (programs: Programs<string>) => Promise<void>): Promise<void> {
    const programs = new Programs<string>(this.#model.store, { load: this.#model.load, kept: 1 });
    await work(programs).finally(() => programs.destroy());
  }

  #vaeOptions(): { attention?: boolean } {
    return { attention: this.#model.vaeAttention };
  }

  #vae(graph: Graph): Weights {
    return weightsIn(graph, this.#model, "vae").at(VAE);
  }
}

/** The program of Autoencoder.decode(). */
export function recordDecode(
  graph: Graph,
  model: DrawingModel,
  { batch, channels, height, width }: LatentShape,
): void {
  const x = graph.input("latents", [batch, height, width, channels]);
  const weights = weightsIn(graph, model, "vae").at(VAE);
  graph.output("image", decode(x, weights, { attention: model.vaeAttention }));
}
