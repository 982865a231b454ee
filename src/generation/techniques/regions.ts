/**
 * Regional LoRA as networks/lora.py draws it: a prompt of parts joined by AND, each with a network of its own, and a mask
 * that says where each network acts. Queries of the cross attention are asked once for each part; what comes back is
 * weighted by the masks.
 */

import {
  add,
  affine,
  cast,
  concat,
  div,
  type Graph,
  mul,
  reshape,
  slice,
  type Tensor,
} from "../../graph/mod.ts";
import type { Pixels } from "../../images/pixels.ts";
import { type Adapter, interpolatedValues, linearWeights } from "../../models/mod.ts";
import { adapterOf, type Branch } from "../../networks/mod.ts";

/** What a U-Net program with regions is made for. */
export interface RegionScene {
  readonly batch: number;
  /** Parts of each prompt. */
  readonly parts: number;
  /** Rows of negative prompts before, and of empty ones behind the parts: 0 or the batch. */
  readonly before: number;
  readonly behind: number;
  /** Of the latents. */
  readonly height: number;
  readonly width: number;
  /** Deep Shrink's. */
  readonly shrinkRatio: number | null;
}

/** Where a network acts, (height, width) in 0 to 1. */
export interface Region {
  readonly width: number;
  readonly height: number;
  readonly values: Float32Array;
}

/**
 * The regions of `count` networks: red, green and blue of the mask, all of it for those beyond; with `colours`, where a
 * pixel's channels are the bits of the network's number from 1 (1 red, 2 green, 3 yellow...), up to that many.
 */
export function regionsOf(mask: Pixels, count: number, colours: number | null): Region[] {
  const { width, height, channels, data } = mask;
  return Array.from({ length: count }, (_, i) => {
    const bits = [1, 2, 4].map((bit) => (i + 1) & bit ? 255 : 0);
    const at = (k: number) =>
      colours === null ? data[k + i] / 255 : Number(bits.every((value, c) => data[k + c] === value));
    const inside = i < (colours ?? 3);
    const values = Float32Array.from({ length: width * height }, (_, p) => inside ? at(p * channels) : 1);
    return { width, height, values: values.every((x) => x === 0) ? values.fill(1) : values };
  });
}

/** A region at the sizes that activations have, by how many positions there are. */
export function regionSizes(
  region: Region,
  { height, width, shrinkRatio }: RegionScene,
): Map<number, Float32Array> {
  const found = new Map<number, Float32Array>();
  const put = (h: number, w: number) => {
    const rows = linearWeights(region.height, h), columns = linearWeights(region.width, w);
    found.set(h * w, interpolatedValues(region.values, [1, region.height, region.width, 1], rows, columns));
  };
  for (let level = 0, h = height, w = width; level < 4; level++, h = (h + 1) >> 1, w = (w + 1) >> 1) {
    put(h, w);
    if (h % 2 || w % 2) put(h + h % 2, w + w % 2);
    if (shrinkRatio !== null) put(Math.floor(h * shrinkRatio), Math.floor(w * shrinkRatio));
  }
  return found;
}

/** Added to the sum of the masks where they divide. */
const TINY = 1e-4;

/**
 * Joins networks to a U-Net, each in its region. `masksTime`: what they add to layers over the time is divided among them;
 * the reference knows these layers by diffusers' names only, which SDXL's do not have.
 */
export function regionalAdapter(
  graph: Graph,
  branches: readonly Branch[],
  regions: readonly Region[],
  scene: RegionScene,
  masksTime: boolean,
): Adapter {
  const { batch, parts, before, behind } = scene;
  const sizes = regions.map((region) => regionSizes(region, scene));
  const made = new Map<string, Tensor>();

  /** The mask of a network for an output of this shape. */
  const maskFor = (i: number, { shape, dtype }: Tensor): Tensor => {
    const inner = shape.slice(1, -1), area = inner.reduce((a, b) => a * b, 1), key = `${i} ${inner}`;
    const values = inner.length ? sizes[i].get(area) : undefined;
    if (!made.has(key)) {
      const all = values ?? new Float32Array(area).fill(1 / parts);
      made.set(key, graph.constant(all, [1, ...inner, 1]));
    }
    return cast(made.get(key)!, dtype);
  };
  /** (N parts, ..) of the rows in the middle -> the rows of one part, (N, ..). */
  const partOf = (x: Tensor, i: number): Tensor => {
    const middle = slice(x, 0, before, batch * parts), inner = x.shape.slice(1);
    return reshape(slice(reshape(middle, [batch, parts, ...inner]), 1, i, 1), [batch, ...inner]);
  };
  /** Rows for all parts, in the place of those in the middle. */
  const around = (x: Tensor, middle: Tensor): Tensor =>
    concat([
      ...(before ? [slice(x, 0, 0, before)] : []),
      middle,
      ...(behind ? [slice(x, 0, x.shape[0] - behind, behind)] : []),
    ], 0);
  const interleaved = (rows: readonly Tensor[]): Tensor => {
    const inner = rows[0].shape.slice(1);
    const all = concat(rows.map((x) => reshape(x, [batch, 1, ...inner])), 1);
    return reshape(all, [batch * parts, ...inner]);
  };

  const masked: Adapter = (path, x, y, layer) =>
    branches.reduce((sum, branch, i) => {
      const more = branch(path, x, y, layer);
      return more ? add(sum, mul(more, maskFor(i, more))) : sum;
    }, y);
  const everywhere = adapterOf(branches);
  const ofParts: Adapter = (path, x, y, layer) => {
    const rows = Array.from({ length: parts }, (_, i) => {
      const own = partOf(y, i), more = branches[i]?.(path, partOf(x, i), own, layer);
      return more ? add(own, more) : own;
    });
    return around(y, interleaved(rows));
  };
  const asked: Adapter = (path, x, y, layer) => {
    const q = masked(path, x, y, layer), own = slice(q, 0, before, batch);
    return around(q, interleaved(Array(parts).fill(own)));
  };
  const answered: Adapter = (path, x, y, layer) => {
    let sum: Tensor | undefined, more: Tensor | undefined, masks: Tensor | undefined;
    branches.forEach((branch, i) => {
      const own = partOf(y, i), mask = maskFor(i, own), extra = branch(path, partOf(x, i), own, layer);
      const weighted = mul(own, mask);
      sum = sum ? add(sum, weighted) : weighted;
      masks = masks ? add(masks, mask) : mask;
      if (extra) more = more ? add(more, mul(extra, mask)) : mul(extra, mask);
    });
    const mean = div(sum!, affine(masks!, 1, TINY));
    return around(y, more ? add(mean, more) : mean);
  };
  return (path, x, y, layer) => {
    if (/\.attn2\.to_[kv]$/.test(path)) return ofParts(path, x, y, layer);
    if (/\.attn2\.to_q$/.test(path)) return asked(path, x, y, layer);
    if (/\.attn2\.to_out\.0$/.test(path)) return answered(path, x, y, layer);
    if (!masksTime && /\.(time_embed|emb_layers)\./.test(path)) return everywhere(path, x, y, layer);
    return masked(path, x, y, layer);
  };
}

/** What a ControlNet reads of prompts in parts: the last of each, as in gen_img.py. */
export function lastParts(context: Tensor, { batch, parts, before, behind }: RegionScene): Tensor {
  const [, tokens, width] = context.shape;
  const middle = reshape(slice(context, 0, before, batch * parts), [batch, parts, tokens, width]);
  return concat([
    ...(before ? [slice(context, 0, 0, before)] : []),
    reshape(slice(middle, 1, parts - 1, 1), [batch, tokens, width]),
    ...(behind ? [slice(context, 0, before + batch * parts, behind)] : []),
  ], 0);
}
