/** A ControlNet made for a U-Net: its tensors and their first values (diffusers 0.25, ControlNetModel.from_unet). */

import { layerDraws } from "../building_draws.ts";
import { UNET } from "../families/family.ts";
import { below } from "../keys/table.ts";
import type { Shapes } from "../weights.ts";

/** Channels between the convolutions that read the picture. */
const HINT = [16, 16, 32, 32, 96, 96, 256];

/** The parts that a ControlNet has a copy of. */
export const COPIED = /^(time_embed|label_emb|input_blocks|middle_block)\./;

const FIRST = /^input_blocks\.(\d+)\.0\.(in_layers\.2\.weight|op\.weight|weight)$/;

/** The tensors of a ControlNet for a model, by original names without prefix. */
export function controlShapes(model: Shapes): Map<string, readonly number[]> {
  const unet = below(model, `${UNET}.`), shapes = new Map<string, readonly number[]>();
  const conv = (name: string, to: number, from: number, kernel: number) => {
    shapes.set(`${name}.weight`, [to, from, kernel, kernel]);
    shapes.set(`${name}.bias`, [to]);
  };
  for (const [name, shape] of unet) if (COPIED.test(name)) shapes.set(name, shape);
  const widths: number[] = []; // files have their tensors in any order
  for (const [name, [width]] of unet) {
    const block = FIRST.exec(name);
    if (block) widths[Number(block[1])] = width;
  }
  widths.forEach((width, block) => conv(`zero_convs.${block}.0`, width, width, 1));
  const middle = widths.at(-1)!;
  conv("middle_block_out.0", middle, middle, 1);
  [...HINT, widths[0]].forEach((to, i, all) =>
    conv(`input_hint_block.${2 * i}`, to, i > 0 ? all[i - 1] : PICTURE, 3)
  );
  return shapes;
}

/** Channels of the picture. */
const PICTURE = 3;

/** What draws a convolution's weights: PyTorch's generator. */
interface UniformSource {
  uniform(low: number, high: number, n: number): Float32Array;
}

/** What diffusers makes before the convolutions that read the picture. */
const MADE_BEFORE = /^(input_blocks\.0|time_embed|label_emb)\./;

/** How many numbers diffusers draws for a ControlNet, values that the U-Net's or a file's replace among them. */
export const controlDraws = (model: Shapes): number => layerDraws(controlShapes(model));

/**
 * First values by name: the U-Net's own, read each time, zeros for what joins it, and for what reads the picture as PyTorch fills
 * convolutions: within 1 / sqrt(inputs of one output), but zeros in the last. `read` gives the U-Net's by their keys;
 * `built` is told how many numbers are drawn in diffusers for what is not drawn here, where it has come to that.
 */
export function firstControlWeights(
  shapes: ReadonlyMap<string, readonly number[]>,
  read: (key: string) => Float32Array,
  generator: UniformSource,
  built: (draws: number) => void,
): (name: string) => Float32Array {
  const sizeOf = (shape: readonly number[]) => shape.reduce((n, d) => n * d, 1);
  const last = `input_hint_block.${2 * HINT.length}.`;
  const before = new Map([...shapes].filter(([name]) => MADE_BEFORE.test(name)));
  const start = layerDraws(before);
  let drawn = 0;
  built(start);
  const own = new Map(
    [...shapes].filter(([name]) => !COPIED.test(name)).map(([name, shape]) => {
      const count = sizeOf(shape);
      if (!name.startsWith("input_hint_block.") || name.startsWith(last)) {
        return [name, new Float32Array(count)];
      }
      const weight = shapes.get(name.replace(/\.bias$/, ".weight"))!,
        bound = 1 / Math.sqrt(sizeOf(weight.slice(1)));
      drawn += count;
      return [name, generator.uniform(-bound, bound, count)];
    }),
  );
  built(layerDraws(shapes) - start - drawn);
  return (name) => own.get(name) ?? read(`${UNET}.${name}`);
}
