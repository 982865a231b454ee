/** The U-Net of SD1, SD2 and SDXL: what differs is in the weights and in the number of heads. */

import { add, cast, checkpoint, concat, silu, type Tensor } from "../../graph/mod.ts";
import { conv2d, toCompute } from "../layers.ts";
import type { Weights } from "../weights.ts";
import { downsample, head, resnet, upsample } from "./blocks.ts";
import { embeddingNetwork, timestepEmbedding } from "./embedding.ts";
import { type Shrink, shrinkBlock, shrunk, sizedLike } from "./shrink.ts";
import { transformer } from "./transformer.ts";

export interface UnetOptions {
  /** The number of attention heads at a width: always 8 in SD1, width / 64 in SD2 and SDXL. */
  heads: (channels: number) => number;
  /** (N, vector width): SDXL's pooled text and sizes. Required where the weights have label_emb. */
  vector?: Tensor;
  /** Deep Shrink; `shrinkBy` says what its depth counts. */
  shrink?: Shrink;
  shrinkBy?: "level" | "block";
  /** What a ControlNet adds to the skips and the middle. */
  control?: Residuals;
}

/** Activations (N, H, W, C) of every input block, and of the middle. */
export interface Residuals {
  readonly skips: readonly Tensor[];
  readonly middle: Tensor;
  /** Whether the middle is given the last skip with its residual: sd-scripts 0.9.1 trains SD1 and SD2 so, by mistake. */
  readonly reachesMiddle?: boolean;
}

/** The context of each numbered block by its place, such as "input_blocks.1" or "middle_block". */
export type BlockContext = (block: string) => Tensor;

export interface UnetSurroundings {
  time: Tensor;
  context: BlockContext;
  heads: (channels: number) => number;
}

/**
 * Predicts noise (or v). latents (N, H, W, 4), timesteps (N) f32, context (N, L, context width) -> (N, H, W, 4) f32.
 * Any H and W: where halving rounded up, the way back goes to the size of the skip. `w` is the scope
 * `model.diffusion_model`. Computes in the weights' dtype, the timestep's sinusoids in float32.
 */
export function unet(
  latents: Tensor,
  timesteps: Tensor,
  context: Tensor | BlockContext,
  w: Weights,
  options: UnetOptions,
): Tensor {
  const { shrink, shrinkBy = "level", control } = options;
  const around = unetSurroundings(timesteps, context, w, options);
  const { middle, ...down } = wayDown(toCompute(latents, w), w, around, {
    ...options,
    beforeMiddle: control?.reachesMiddle ? control.skips.at(-1) : undefined,
  });
  const skips = control ? down.skips.map((skip, i) => add(skip, control.skips[i])) : [...down.skips];
  let h = control ? add(middle, control.middle) : middle;
  // upsampling goes to the next skip's size; a shrunk one is doubled first where sizes allow
  const halvings = w.list("input_blocks").filter((block) => block.has("0.op")).length;
  const even = latents.shape.slice(1, 3).every((side) => side % 2 ** halvings === 0);
  const doubles = shrink !== undefined && (shrinkBy === "block" || even);
  for (const block of w.list("output_blocks")) {
    const skip = skips.pop()!, next = skips.at(-1);
    if (shrink) h = sizedLike(h, skip, w.graph);
    h = layers(
      concat([h, skip], 3),
      block,
      around,
      doubles || !next ? undefined : [next.shape[1], next.shape[2]],
    );
  }
  if (shrink) h = sizedLike(h, latents, w.graph);
  return cast(head(h, w.at("out")), "f32");
}

/** What all blocks see beside their input. */
export function unetSurroundings(
  timesteps: Tensor,
  context: Tensor | BlockContext,
  w: Weights,
  options: Pick<UnetOptions, "vector" | "heads">,
): UnetSurroundings {
  let embedding = embeddingNetwork(
    timestepEmbedding(timesteps, w.shape("time_embed.0.weight")[1]),
    w.at("time_embed"),
  );
  if (w.has("label_emb")) {
    if (!options.vector) throw new TypeError("this U-Net has label_emb and needs the vector input");
    embedding = add(embedding, embeddingNetwork(options.vector, w.at("label_emb.0")));
  }
  const same = typeof context === "function" ? null : toCompute(context, w);
  const contextOf: BlockContext = (block) =>
    same ?? toCompute((context as BlockContext)(block.slice(w.path.length + 1)), w);
  return { time: silu(embedding), context: contextOf, heads: options.heads };
}

interface WayDown extends Pick<UnetOptions, "shrink" | "shrinkBy"> {
  /** Added to what the first block makes of the latents. */
  hint?: Tensor;
  /** Added to what the middle is given. */
  beforeMiddle?: Tensor;
}

/** The input blocks and the middle. */
export function wayDown(
  latents: Tensor,
  w: Weights,
  around: UnetSurroundings,
  { shrink, shrinkBy = "level", hint, beforeMiddle }: WayDown = {},
): Residuals {
  let h = latents;
  const skips: Tensor[] = [], inputs = w.list("input_blocks");
  const shrinksAt = shrink ? shrinkBlock(shrink, inputs, shrinkBy) : -1;
  inputs.forEach((block, i) => {
    if (shrink && i === shrinksAt) h = shrunk(h, shrink, w.graph);
    h = layers(h, block, around);
    if (i === 0 && hint) h = add(h, sizedLike(hint, h, w.graph));
    skips.push(h);
  });
  if (beforeMiddle) h = add(h, beforeMiddle);
  return { skips, middle: layers(h, w.at("middle_block"), around) };
}

/** The layers of one numbered block in turn; what each is, its keys say. `size` is where an upsampling ends. */
function layers(x: Tensor, block: Weights, around: UnetSurroundings, size?: [number, number]): Tensor {
  let h = x;
  for (let i = 0; block.has(i); i++) {
    const w = block.at(i), input = h;
    if (w.has("in_layers")) h = checkpoint(w.graph, () => resnet(input, around.time, w));
    else if (w.has("transformer_blocks")) {
      h = transformer(input, around.context(block.path), w, around.heads(input.shape[3]));
    } else if (w.has("op")) h = downsample(input, w);
    else if (w.has("conv")) h = upsample(input, w, ...(size ?? [2 * input.shape[1], 2 * input.shape[2]]));
    else h = conv2d(input, w);
  }
  return h;
}
