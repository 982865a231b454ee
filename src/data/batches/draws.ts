/**
 * Everything random about a batch, drawn before any pixel is touched: flips, random crops, colours, captions, in the
 * reference's order. The result is plain data, so it can be saved and made into the same batch again.
 */

import type { PythonRandom } from "../../random/mod.ts";
import { processCaption, type Progress, type Replacement } from "./captions.ts";
import type { ImageEntry } from "../dataset/entries.ts";
import { coversMore, drawFaceCrop, faceNamed } from "./face_crop.ts";
import type { Size } from "./buckets.ts";
import type { ColorChange } from "../../images/color.ts";
import type { Order } from "./order.ts";

export interface ItemDraws {
  /** Number of the entry in its dataset. */
  readonly entry: number;
  readonly flipped: boolean;
  /** Where a random crop starts in the resized image; null is the centre. */
  readonly left: number | null;
  readonly top: number | null;
  /** What the picture is scaled to before it is cut around a face; null without one. */
  readonly scaled: Size | null;
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
    const cut = pixels ? drawCut(order, entry, random) : CENTRE;
    const color = pixels && subset.color_aug ? drawColor(random) : null;
    const caption = processCaption(subset, entry.caption, progress, random, replacements);
    return { entry: number, flipped, ...cut, color, caption };
  });
  return { dataset, bucket, items };
}

type Cut = Pick<ItemDraws, "left" | "top" | "scaled">;

const CENTRE: Cut = { left: null, top: null, scaled: null };

/** Around the face that a name tells of, else at random; buckets know no faces. */
function drawCut(order: Order, entry: ImageEntry, random: PythonRandom): Cut {
  const { enabled } = bucketing(order), { path, size, bucket, subset } = entry;
  const face = !enabled && subset.face_crop_aug_range ? faceNamed(path) : null;
  if (face && size && coversMore(size, bucket)) return drawFaceCrop(face, size, bucket, subset, random);
  return subset.random_crop ? drawCrop(order, entry, random) : CENTRE;
}

/** With buckets the width is drawn first, without them the height; only where there is something to cut. */
function drawCrop(order: Order, entry: ImageEntry, random: PythonRandom): Cut {
  const { enabled } = bucketing(order);
  const [width, height] = enabled ? entry.resized : entry.size!;
  const draw = (extra: number) => extra > 0 ? random.randint(0, extra) : null;
  if (enabled) {
    const left = draw(width - entry.bucket[0]);
    return { ...CENTRE, left, top: draw(height - entry.bucket[1]) };
  }
  const top = draw(height - entry.bucket[1]);
  return { ...CENTRE, left: draw(width - entry.bucket[0]), top };
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
