/** A model ready to draw: text encoders, U-Net and autoencoder as programs that are compiled once for each shape. */

import { byteSize } from "../../base/dtype.ts";
import { joined } from "../../base/joined.ts";
import {
  add,
  affine,
  cast,
  concat,
  Graph,
  mul,
  Programs,
  reshape,
  slice,
  sub,
  type Tensor,
} from "../../graph/mod.ts";
import {
  decode,
  decoderPieces,
  decodeSmall,
  encode,
  encoderPieces,
  encodeSmall,
  isInpainting,
  type LatentShape,
  sampleLatents,
  VAE,
  type Weights,
} from "../../models/mod.ts";
import { type DeepShrink, depthAt } from "../techniques/deep_shrink.ts";
import type { ControlStep } from "../techniques/control/step.ts";
import { lastParts, type RegionScene } from "../techniques/regions.ts";
import { type DrawingModel, type NetworkInputs, weightsIn } from "./model.ts";
import { BandRunner, type Bands } from "./parts/bands.ts";
import { HostRows } from "./parts/host_rows.ts";
import { type Conditioning, TextConditioner, type TextSettings } from "../prompts/text_conditioner.ts";

/** What does not change from step to step. */
export interface Guidance {
  /** One for each picture. */
  readonly positive: readonly Conditioning[];
  /** One for each picture where the scale is above 1, else null: then the negative prompt is not looked at. */
  readonly negative: readonly Conditioning[] | null;
  readonly scale: number;
  /** SDXL: one vector for each picture, as sizedVector() makes them. */
  readonly positiveVectors: readonly Float32Array[] | null;
  readonly negativeVectors: readonly Float32Array[] | null;
  /** --negative_scale: the empty prompt, from which prompt and negative prompt are counted, each with its scale. */
  readonly empty?: Third | null;
  readonly deepShrink?: DeepShrink | null;
  /** Regional networks: `positive` holds this many for each picture; see regions.ts. */
  readonly regionParts?: number | null;
  readonly networks?: NetworkInputs;
  /** Inpainting models: mask and kept latents, (N, h, w, 1 + C). */
  readonly painted?: Float32Array | null;
}

interface Third {
  readonly conditioning: readonly Conditioning[];
  readonly vectors: readonly Float32Array[] | null;
  readonly negativeScale: number;
}

/** A list of prompts in many sizes must not keep the programs of all. */
const KEPT = 6;

export class Pipeline {
  readonly programs: Programs<string>;

  /** `bands` says in what parts pictures go through the autoencoder; null: as a whole. */
  constructor(
    readonly model: DrawingModel,
    private readonly bands: Bands | null = null,
  ) {
    this.programs = new Programs(model.store, { load: model.load, kept: KEPT });
  }

  conditioner(settings: TextSettings, warn?: (text: string) => void): Promise<TextConditioner> {
    return TextConditioner.load(this.model, this.programs, settings, warn);
  }

  /** Whether the U-Net takes a mask and what is kept. */
  get inpaints(): boolean {
    return isInpainting(this.model.shapes, this.model.family);
  }

  /** The scale of latents to what the U-Net sees. */
  get latentScale(): number {
    return this.model.family.latent.scale;
  }

  /**
   * The guided answer of the U-Net to latents (N, h, w, C), already divided by the sampler's inputDivisor. Negative and
   * positive go through it as one batch of 2 N, negatives first; the empty prompt comes last. `controlled` says what a
   * ControlNet or LLLites change.
   */
  async predict(
    latents: Float32Array,
    timestep: number,
    shape: LatentShape,
    guidance: Guidance,
    controlled: ControlStep | null = null,
  ): Promise<Float32Array> {
    const { batch, height, width, channels } = shape;
    const { model } = this, guided = guidance.negative !== null;
    const { empty, deepShrink, painted } = guidance, parts = empty ? 3 : guided ? 2 : 1;
    const rows = parts * batch, { tokens } = guidance.positive[0], { regionParts = null } = guidance;
    const conditions = [...guidance.negative ?? [], ...guidance.positive, ...empty?.conditioning ?? []];
    const contexts = conditions.map((c) => c.context);
    const blocks = conditions.some((c) => c.blocks) ? model.blockWords!.map(({ block }) => block) : [];
    const vectors = [
      ...guidance.negativeVectors ?? [],
      ...guidance.positiveVectors ?? [],
      ...empty?.vectors ?? [],
    ];
    const depth = deepShrink && !controlled?.keepsSize ? depthAt(deepShrink, timestep) : null;
    const shrinkRatio = depth === null ? null : deepShrink!.ratio;
    const contextWidth = contexts[0].length / tokens;
    const inputs: Record<string, Float32Array> = {
      ...guidance.networks,
      ...controlled?.inputs,
      latents,
      timesteps: new Float32Array(rows).fill(timestep),
      context: joined(Float32Array, contexts),
      scale: Float32Array.of(guidance.scale),
      negativeScale: Float32Array.of(empty?.negativeScale ?? 0),
    };
    if (painted) inputs.painted = painted;
    if (vectors.length) inputs.vector = joined(Float32Array, vectors);
    blocks.forEach((block, i) => {
      inputs[block] = joined(Float32Array, conditions.map((c) => c.blocks?.[i] ?? c.context));
    });
    const shrinks = depth === null ? "" : ` ${depth} ${shrinkRatio}`;
    const scene: RegionScene | undefined = regionParts === null ? undefined : {
      ...{ batch, height, width, parts: regionParts },
      before: guided ? batch : 0,
      behind: empty ? batch : 0,
      shrinkRatio: deepShrink?.ratio ?? null,
    };
    const key = `unet ${batch} ${height} ${width} ${tokens} ${parts}${shrinks} ${regionParts ?? ""} ${
      controlled?.key ?? ""
    } ${blocks.length}`;
    const out = await this.programs.run(key, (graph) => {
      const noisy = graph.input("latents", [batch, height, width, channels]);
      const x = painted
        ? concat([noisy, graph.input("painted", [batch, height, width, 1 + channels])], 3)
        : noisy;
      const text = (name: string) => graph.input(name, [contexts.length, tokens, contextWidth]);
      const context = text("context");
      const steering = controlled?.control?.(graph, rows);
      const around = controlled?.adapter;
      const answer = model.family.denoise(
        parts === 1 ? x : concat(Array(parts).fill(x), 0),
        graph.input("timesteps", [rows]),
        {
          context,
          blocks: blocks.length ? text : undefined,
          vector: vectors.length ? graph.input("vector", [rows, vectors[0].length]) : undefined,
        },
        weightsIn(
          graph,
          model,
          "model",
          scene,
          around && ((graph, inner) => around(graph, inner, shrinkRatio)),
        ),
        {
          shrink: depth === null ? undefined : { depth, ratio: shrinkRatio! },
          control: steering && scene
            ? {
              ...steering,
              context: blocks.length ? (block) => lastParts(text(block), scene) : lastParts(context, scene),
            }
            : steering,
        },
      );
      if (!guided) return graph.output("prediction", answer);
      const part = (i: number) => slice(answer, 0, i * batch, batch);
      const scale = (name: string) => reshape(graph.input(name, [1]), [1, 1, 1, 1]);
      const away = (from: Tensor, to: Tensor, name: string) => mul(sub(to, from), scale(name));
      const [negative, positive] = [part(0), part(1)], base = empty ? part(2) : negative;
      const guidedAnswer = add(base, away(base, positive, "scale"));
      graph.output(
        "prediction",
        empty ? sub(guidedAnswer, away(base, negative, "negativeScale")) : guidedAnswer,
      );
    }, inputs);
    return out.prediction;
  }

  /** Latents (N, h, w, C) as the U-Net knows them -> pictures (N, H, W, 3) around [-1, 1]. */
  async decode(latents: Float32Array, shape: LatentShape): Promise<Float32Array> {
    const factor = Math.fround(1 / this.latentScale), scaled = latents.map((x) => factor * x);
    const { bands } = this, { batch, height, width } = shape;
    if (bands) return this.#decodeInBands(scaled, shape, bands);
    const out = await this.programs.run(`decode ${batch} ${height} ${width}`, (graph) => {
      recordDecode(graph, this.model, shape);
    }, { latents: scaled });
    return out.image;
  }

  /** Pictures (N, H, W, 3) in [-1, 1] and noise (N, h, w, C) -> latents as the U-Net knows them. */
  async encode(
    images: Float32Array,
    noise: Float32Array,
    shape: LatentShape,
  ): Promise<Float32Array> {
    const { bands } = this, { batch, channels, height, width } = shape;
    if (bands) return this.#encodeInBands(images, noise, shape, bands);
    const { factor } = this.model.family.latent;
    const out = await this.programs.run(`encode ${batch} ${height} ${width}`, (graph) => {
      const x = graph.input("images", [batch, factor * height, factor * width, 3]);
      const weights = weightsIn(graph, this.model, "vae").at(VAE);
      const distribution = encode(x, weights, { attention: this.model.vaeAttention });
      const sampled = sampleLatents(distribution, graph.input("noise", [batch, height, width, channels]));
      graph.output("latents", affine(sampled, this.latentScale, 0));
    }, { images, noise });
    return out.latents;
  }

  /** The middle as a whole, since its pixels attend to each other, then the large part of each picture in bands. */
  async #decodeInBands(latents: Float32Array, shape: LatentShape, bands: Bands): Promise<Float32Array> {
    const { batch, channels, height, width } = shape, { attention } = this.#vaeOptions();
    const { vaeDtype: dtype } = this.model, one = height * width * channels, pictures: Float32Array[] = [];
    const pieces = decoderPieces(this.#vae(new Graph()));
    await this.#oneByOne(async (programs) => {
      for (let i = 0; i < batch; i++) {
        const { small } = await programs.runBytes("small", (graph) => {
          const x = graph.input("latents", [1, height, width, channels]);
          graph.output("small", decodeSmall(x, this.#vae(graph), { attention }));
        }, { latents: latents.subarray(i * one, (i + 1) * one) });
        const inner = small.length / byteSize(dtype) / (height * width);
        const rows = new HostRows(width, inner, dtype, this.model.store.device);
        rows.addBytes(small);
        pictures.push(
          (await new BandRunner(this.model, programs, bands).run(rows, pieces, true)).takeFloats(),
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
    const { batch, channels, height, width } = shape, { factor } = this.model.family.latent;
    const pieces = encoderPieces(this.#vae(new Graph())), parts: Float32Array[] = [];
    const size = images.length / batch, { vaeDtype, store } = this.model;
    await this.#oneByOne(async (programs) => {
      for (let i = 0; i < batch; i++) {
        const rows = new HostRows(factor * width, 3, vaeDtype, store.device);
        rows.add(images.subarray(i * size, (i + 1) * size));
        parts.push((await new BandRunner(this.model, programs, bands).run(rows, pieces, false)).takeFloats());
      }
    });
    const small = joined(Float32Array, parts), inner = small.length / (batch * height * width);
    const out = await this.programs.run(`encode small ${batch} ${height} ${width}`, (graph) => {
      const h = cast(graph.input("small", [batch, height, width, inner]), this.model.vaeDtype);
      const distribution = encodeSmall(h, this.#vae(graph), this.#vaeOptions());
      const sampled = sampleLatents(distribution, graph.input("noise", [batch, height, width, channels]));
      graph.output("latents", affine(sampled, this.latentScale, 0));
    }, { small, noise });
    return out.latents;
  }

  /** Bands' programs come one after the other: none keeps its memory while the next one needs its own. */
  async #oneByOne(work: (programs: Programs<string>) => Promise<void>): Promise<void> {
    const programs = new Programs<string>(this.model.store, { load: this.model.load, kept: 1 });
    await work(programs).finally(() => programs.destroy());
  }

  #vaeOptions(): { attention?: boolean } {
    return { attention: this.model.vaeAttention };
  }

  #vae(graph: Graph): Weights {
    return weightsIn(graph, this.model, "vae").at(VAE);
  }

  /** Frees the programs; the model's parameters stay. */
  destroy(): void {
    this.programs.destroy();
  }
}

/** The program of Pipeline.decode(). */
export function recordDecode(
  graph: Graph,
  model: DrawingModel,
  { batch, channels, height, width }: LatentShape,
): void {
  const x = graph.input("latents", [batch, height, width, channels]);
  const weights = weightsIn(graph, model, "vae").at(VAE);
  graph.output("image", decode(x, weights, { attention: model.vaeAttention }));
}
