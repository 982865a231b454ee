/** What a batch is conditioned on: its prompts, encoded, and sizes. */

import { sizedVector } from "../../models/mod.ts";
import type { PictureRequest, Settings, SizeSettings } from "../prompts/requests.ts";
import type { Conditioning, PromptText, TextConditioner } from "../prompts/text_conditioner.ts";
import { AND } from "../prompts/requests.ts";
import type { DrawnNetworks } from "./networks.ts";
import type { Guidance } from "./pipeline.ts";

/**
 * Prompts and negative prompts of a batch; negative ones only where the scale is above 1. `seen` takes the place of the
 * prompts' pooled text.
 */
export async function conditionBatch(
  conditioner: TextConditioner,
  requests: readonly PictureRequest[],
  settings: Settings,
  networks: DrawnNetworks | undefined,
  seen: readonly Float32Array[] | null = null,
): Promise<Guidance> {
  const { scale, negativeScale, deepShrink } = settings, guided = scale > 1, count = requests.length;
  const empty = guided && negativeScale !== null;
  const { regionParts } = settings,
    regional = regionParts === null ? null : networks?.regionTexts?.(regionParts);
  const negativeInputs = regional?.negative ?? networks?.text;
  const texts = [
    ...requests.flatMap(({ words, secondWords }): PromptText[] =>
      regional
        ? words.split(AND).map((prompt, i) => ({ prompt, networks: regional.parts[i] }))
        : [{ prompt: words, second: secondWords, networks: networks?.text }]
    ),
    ...(guided ? requests.map((r) => ({ prompt: r.negativePrompt, networks: negativeInputs })) : []),
    ...(empty ? requests.map(() => ({ prompt: "", networks: negativeInputs })) : []),
  ];
  const encoded = await conditioner.encodeEach(texts), prompts = count * (regionParts ?? 1);
  const positive = encoded.slice(0, prompts);
  const negative = guided ? encoded.slice(prompts, prompts + count) : null;
  const empties = empty ? encoded.slice(prompts + count) : null;
  // of a prompt in parts the last one's pooled text counts
  const last = regionParts === null
    ? positive
    : positive.filter((_, i) => i % regionParts === regionParts - 1);
  const pooled = seen ? last.map((text, i) => ({ ...text, pooled: seen[i] })) : last;
  return {
    positive,
    negative,
    scale,
    empty: empties && {
      conditioning: empties,
      vectors: sizeVectors(pooled, empties, settings).negativeVectors,
      negativeScale: negativeScale!,
    },
    deepShrink,
    networks: networks?.unet,
    regionParts,
    ...sizeVectors(pooled, negative, settings),
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
