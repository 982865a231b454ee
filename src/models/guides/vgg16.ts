/** VGG16 (K. Simonyan, A. Zisserman, arXiv 1409.1556) as far as a layer of its features, in torchvision's layout. */

import { UserError } from "../../base/errors.ts";
import { cast, conv2d, maximum, reshape, slice, type Tensor } from "../../graph/mod.ts";
import { openOnePart } from "../layouts/mod.ts";
import type { Place } from "../open.ts";
import type { Weights } from "../weights.ts";
import { VGG_LAYERS } from "./vgg_layers.ts";

export interface VggFile {
  readonly path: string;
  readonly places: ReadonlyMap<string, Place>;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  close(): void;
}

/** Opens a file, or a folder with one. Throws UserError for what is no VGG16. */
export function openVgg16(given: string): VggFile {
  const file = openOnePart(given, "features");
  const shapes = new Map(file.keys().map((key) => [key, file.info(key).shape]));
  const lacks = VGG_LAYERS.map((kind, i) => kind === "conv" ? `features.${i}.weight` : null).find((key) =>
    key !== null && shapes.get(key)?.length !== 4
  );
  if (lacks) {
    file.close();
    throw new UserError(
      `${file.path}: is no VGG16 (it has no convolution ${lacks}); give torchvision's, such as vgg16-397923af.pth`,
    );
  }
  const places = new Map(file.keys().map((key) => [key, { file, key, shape: shapes.get(key)! }]));
  return { path: file.path, places, shapes, close: () => file.close() };
}

/** pixels (N, H, W, 3), normalized as for ImageNet -> what layer `last` gives, (N, h, w, C). `w` is the model's top. */
export function vggFeatures(pixels: Tensor, w: Weights, last: number): Tensor {
  let h = pixels;
  for (const [i, kind] of VGG_LAYERS.slice(0, last + 1).entries()) {
    if (kind === "pool") h = pool(h);
    else if (kind === "relu") {
      h = maximum(h, cast(w.graph.constant(new Float32Array(1), [1, 1, 1, 1]), h.dtype));
    } else {
      const layer = w.at(`features.${i}`);
      h = conv2d(h, layer.tensor("weight"), layer.tensor("bias"), { stride: 1, pad: [1, 1, 1, 1] });
    }
  }
  return h;
}

/** The largest of each 2x2; an odd last row or column is left out. */
function pool(x: Tensor): Tensor {
  const [n, height, width, c] = x.shape, [rows, columns] = [height >> 1, width >> 1];
  const even = slice(slice(x, 1, 0, 2 * rows), 2, 0, 2 * columns);
  const larger = (pairs: Tensor, axis: number) => maximum(slice(pairs, axis, 0, 1), slice(pairs, axis, 1, 1));
  const across = larger(reshape(even, [n * 2 * rows * columns, 2, c]), 1);
  return reshape(larger(reshape(across, [n * rows, 2, columns * c]), 1), [n, rows, columns, c]);
}
