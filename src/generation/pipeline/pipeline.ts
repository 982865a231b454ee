/** A model ready to draw: text encoders, U-Net and autoencoder as programs that are compiled once for each shape. */

import { joined } from "../../base/joined.ts";
import { add, concat, mul, Programs, reshape, slice, sub, type Tensor } from "../../graph/mod.ts";
import { isInpainting, type LatentShape } from "../../models/mod.ts";
import { type DeepShrink, depthAt } from "../techniques/deep_shrink.ts";
import type { ControlStep } from "../techniques/control/step.ts";
import { lastParts, type RegionScene } from "../techniques/regions.ts";
import { type DrawingModel, type NetworkInputs, weightsIn } from "./model.ts";
import { Autoencoder } from "./autoencoder.ts";
import type { Bands } from "./parts/bands.ts";
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
  readonly #autoencoder: Autoencoder;

  /** `bands` says in what parts pictures go through the autoencoder; null: as a whole. */
  constructor(readonly model: DrawingModel, bands: Bands | null = null) {
    this.programs = new Programs(model.store, { load: model.load, kept: KEPT });
    this.#autoencoder = new Autoencoder(model, this.programs, bands);
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
  decode(latents: Float32Array, shape: LatentShape): Promise<Float32Array> {
    return this.#autoencoder.decode(latents, shape);
  }

  /** Pictures (N, H, W, 3) in [-1, 1] and noise (N, h, w, C) -> latents as the U-Net knows them. */
  encode(images: Float32Array, noise: Float32Array, shape: LatentShape): Promise<Float32Array> {
    return this.#autoencoder.encode(images, noise, shape);
  }

  /** Frees the programs; the model's parameters stay. */
  destroy(): void {
    this.programs.destroy();
  }
}
