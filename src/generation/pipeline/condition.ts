/** What a batch is conditioned on: its prompts, encoded, and sizes. */

import { sizedVector } from "../../models/mod.ts";
import type { PictureRequest, Settings, SizeSettings } from "../prompts/requests.ts";
import type { Conditioning, TextConditioner } from "../prompts/text_conditioner.ts";
import type { NetworkInputs } from "./model.ts";
import type { Guidance } from "./pipeline.ts";

/** Prompts and negative prompts of a batch; negative ones only where the scale is above 1. */
export async function conditionBatch(
  conditioner: TextConditioner,
  requests: readonly PictureRequest[],
  settings: Settings,
  networks: { readonly text: NetworkInputs; readonly unet: NetworkInputs } | undefined,
): Promise<Guidance> {
  const { scale, negativeScale, deepShrink } = settings, guided = scale > 1, count = requests.length;
  const empty = guided && negativeScale !== null;
  const texts = [
    ...requests.map((r) => r.words),
    ...(guided ? requests.map((r) => r.negativePrompt) : []),
    ...(empty ? requests.map(() => "") : []),
  ];
  const encoded = await conditioner.encode(texts, networks?.text);
  const positive = encoded.slice(0, count);
  const negative = guided ? encoded.slice(count, 2 * count) : null;
  const empties = empty ? encoded.slice(2 * count) : null;
  return {
    positive,
    negative,
    scale,
    empty: empties && {
      conditioning: empties,
      vectors: sizeVectors(positive, empties, settings).negativeVectors,
      negativeScale: negativeScale!,
    },
    deepShrink,
    networks: networks?.unet,
    ...sizeVectors(positive, negative, settings),
  };
}

/** SDXL's vectors; null for models without a pooled text. */
export function sizeVectors(
  positive: readonly Conditioning[],
  negative: readonly Conditioning[] | null,
  settings: SizeSettings,
): Pick<Guidance, "positiveVectors" | "negativeVectors"> {
  const { width, height } = settings;
  const originalHeight = settings.originalHeight ?? height, originalWidth = settings.originalWidth ?? width;
  const sizes = {
    originalHeight,
    originalWidth,
    cropTop: settings.cropTop ?? 0,
    cropLeft: settings.cropLeft ?? 0,
  };
  const negativeSizes = {
    ...sizes,
    originalHeight: settings.originalHeightNegative ?? originalHeight,
    originalWidth: settings.originalWidthNegative ?? originalWidth,
  };
  const vectors = (list: readonly Conditioning[] | null, own: typeof sizes) =>
    list?.every((c) => c.pooled) ? list.map((c) => sizedVector(c.pooled!, { ...own, height, width })) : null;
  return { positiveVectors: vectors(positive, sizes), negativeVectors: vectors(negative, negativeSizes) };
}
