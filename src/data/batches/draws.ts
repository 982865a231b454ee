/**
 * Everything random about a batch, drawn before any pixel is touched: flips, random crops, colours, captions, in the
 * reference's order. The result is plain data, so it can be saved and made into the same batch again.
 */

import type { PythonRandom } from "../../random/mod.ts";
import { processCaption, type Progress, type Replacement } from "./captions.ts";
import type { ImageEntry } from "../dataset/entries.ts";
import type { ColorChange } from "../../images/color.ts";
import type { Order } from "./order.ts";

export interface ItemDraws {
  /** Number of the entry in its dataset. */
  readonly entry: number;
  readonly flipped: boolean;
  /** Where a random crop starts in the resized image; null is the centre. */
  readonly left: number | null;
  readonly top: number | null;
  readonly color: ColorChange | null;
  readonly caption: string;
}

export interface BatchDraws {
  readonly dataset: number;
  readonly bucket: number;
  readonly items: readonly ItemDraws[];
}

export interface ItemDrawOptions {
  readonly maxTrainSteps: number;
  readonly replacements?: readonly Replacement[];
}

/** Draws batch `index` of `order`, at its epoch and step. */
export function drawItems(
  order: Order,
  dataset: number,
  index: number,
  random: PythonRandom,
  { maxTrainSteps, replacements }: ItemDrawOptions,
): BatchDraws {
  const { bucket, entries } = order.batch(index);
  const progress: Progress = { epoch: order.epoch, step: order.step, maxTrainSteps };
  const items = entries.map((number): ItemDraws => {
    const entry = order.dataset.entries[number], { subset } = entry;
    const flipped = subset.flip_aug && random.random() < 0.5;
    const pixels = entry.latents === null && entry.latentsFile === null;
    const { left, top } = pixels && subset.random_crop ? drawCrop(order, entry, random) : CENTRE;
    const color = pixels && subset.color_aug ? drawColor(random) : null;
    const caption = processCaption(subset, entry.caption, progress, random, replacements);
    return { entry: number, flipped, left, top, color, caption };
  });
  return { dataset, bucket, items };
}

const CENTRE = { left: null, top: null };

/** With buckets the width is drawn first, without them the height; only where there is something to cut. */
function drawCrop(order: Order, entry: ImageEntry, random: PythonRandom): Pick<ItemDraws, "left" | "top"> {
  const { enabled } = bucketing(order);
  const [width, height] = enabled ? entry.resized : entry.size!;
  const draw = (extra: number) => extra > 0 ? random.randint(0, extra) : null;
  if (enabled) {
    const left = draw(width - entry.bucket[0]);
    return { left, top: draw(height - entry.bucket[1]) };
  }
  const top = draw(height - entry.bucket[1]);
  return { left: draw(width - entry.bucket[0]), top };
}

function bucketing({ dataset }: Order): { enabled: boolean } {
  return { enabled: dataset.bucketInfo !== null };
}

function drawColor(random: PythonRandom): ColorChange | null {
  if (random.random() > 0.33) return null;
  if (random.random() > 0.5) {
    const shift = random.uniform(-8, 8);
    return { hue: shift < 0 ? 180 + shift : shift };
  }
  return { gamma: random.uniform(0.95, 1.05) };
}
