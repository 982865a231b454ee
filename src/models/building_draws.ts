/**
 * How many 32-bit numbers sd-scripts 0.9.1 takes from torch's generator while it builds a model: every layer draws its
 * first weights, which the file's then replace. What is drawn afterwards (latents, a new LoRA, the order of batches,
 * noise) depends on it.
 */
import { clipConfig } from "./clip/mod.ts";
import { type Family, UNET, VAE } from "./families/mod.ts";
import type { TokenTable } from "./embeddings/mod.ts";
import { below } from "./keys/mod.ts";
import type { Shapes } from "./weights.ts";

/** A family that is built without memory draws nothing. With `ownVae`, for --vae, one more autoencoder is built. */
export function buildingDraws(
  { family, shapes }: { family: Family; shapes: Shapes },
  ownVae: boolean,
): number {
  const vae = layerDraws(below(shapes, `${VAE}.`));
  const extra = ownVae ? vae : 0;
  if (!family.drawsWhenBuilt) return extra;
  return unetDraws(shapes) + vae + textDraws(family, shapes) + extra;
}

/** The same for one more U-Net that is built with memory. */
export const unetDraws = (shapes: Shapes): number => layerDraws(below(shapes, `${UNET}.`));

/**
 * The same for a text encoder whose table of tokens grows: all rows are drawn anew, then the new ones once more around
 * the mean of the old.
 */
export const addedTokenDraws = ({ vocabulary, width }: TokenTable, added: number): number =>
  normalDraws((vocabulary + added) * width) + normalDraws(added * width);

/** Linear layers and convolutions: uniform, one number for each element of weight and bias. */
export function layerDraws(shapes: Shapes): number {
  let draws = 0;
  for (const [key, shape] of shapes) {
    if (!key.endsWith(".weight") || shape.length < 2) continue;
    draws += size(shape) + size(shapes.get(key.replace(/weight$/, "bias")) ?? [0]);
  }
  return draws;
}

/** CLIP as transformers makes it: PyTorch's layers draw first, then embeddings and matrices are drawn anew as normals. */
function textDraws(family: Family, shapes: Shapes): number {
  let draws = 0;
  for (const { scope, usedLayers } of family.textEncoders) {
    const { width, inner, layers, vocabulary, positions } = clipConfig(below(shapes, `${scope}.`))!;
    const embeddings = normalDraws(vocabulary * width) + normalDraws(positions * width);
    const matrices = [...Array(4).fill(width * width), width * inner, width * inner];
    const biases = 4 * width + inner + width;
    const layer = matrices.reduce((sum, n) => sum + n + normalDraws(n), biases);
    draws += 2 * embeddings + usedLayers(layers) * layer;
  }
  return draws;
}

/** normal_() of 16 and more values draws the last 16 again where they are no whole block. */
const normalDraws = (n: number) => n % 16 === 0 ? n : n + 16;

const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
