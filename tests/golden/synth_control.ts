/** The tensors of ControlNets and LLLites for the synthetic models. */

import { below, llliteModules, llliteShapes, type Shapes, UNET } from "../../src/models/mod.ts";

const HINT = [16, 16, 32, 32, 96, 96, 256];

/** A ControlNet for a model, by original names without prefix. */
export function controlShapes(model: Shapes): Map<string, readonly number[]> {
  const unet = below(model, `${UNET}.`), shapes = new Map<string, readonly number[]>();
  const conv = (name: string, to: number, from: number, kernel: number) => {
    shapes.set(`${name}.weight`, [to, from, kernel, kernel]);
    shapes.set(`${name}.bias`, [to]);
  };
  let blocks = 0, width = 0;
  for (const [name, shape] of unet) {
    if (!/^(time_embed|label_emb|input_blocks|middle_block)\./.test(name)) continue;
    shapes.set(name, shape);
    if (!/^input_blocks\.\d+\.0\.(in_layers\.2\.weight|op\.weight|weight)$/.test(name)) continue;
    conv(`zero_convs.${blocks++}.0`, width = shape[0], shape[0], 1);
  }
  conv("middle_block_out.0", width, width, 1);
  [...HINT, unet.get("input_blocks.0.0.weight")![0]].forEach((to, i, all) =>
    conv(`input_hint_block.${2 * i}`, to, i ? all[i - 1] : 3, 3)
  );
  return shapes;
}

/** An LLLite for a model, by the names of files. */
export function llliteTensors(
  model: Shapes,
  sizes: { embedding: number; inner: number },
): Map<string, number[]> {
  return new Map(
    llliteModules(below(model, `${UNET}.`)).flatMap((module) =>
      llliteShapes(module, sizes).map(([name, shape]) => [`${module.name}.${name}`, shape] as const)
    ),
  );
}
