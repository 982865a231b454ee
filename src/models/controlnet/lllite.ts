/**
 * ControlNet-LLLite (kohya-ss, networks/control_net_lllite.py): small networks at the attention's projections of SDXL's
 * input blocks and middle, which change what a projection is given by a picture.
 */

import {
  add,
  cast,
  concat,
  linear as product,
  maximum,
  mul,
  reshape,
  slice,
  type Tensor,
} from "../../graph/mod.ts";
import { UNET } from "../families/family.ts";
import { conv2d, linear, toCompute } from "../layers.ts";
import type { Adapter, Shapes, Weights } from "../weights.ts";

const PLACES = /^(input_blocks|middle_block)\..*\.(attn1\.to_[qkv]|attn2\.to_q)\.weight$/;

export interface LLLiteModule {
  /** Of its tensors in files, before a dot. */
  readonly name: string;
  /** How often the picture is halved for it, beyond latents: 1 keeps their size. */
  readonly depth: number;
  /** Values that the projection takes. */
  readonly width: number;
}

/** The modules that a U-Net has, from its keys without prefix, in their order. */
export function llliteModules(unet: Shapes): LLLiteModule[] {
  return [...unet].filter(([key]) => PLACES.test(key)).map(([key, shape]) => ({
    name: llliteName(key.slice(0, -".weight".length)),
    depth: depthOf(key),
    width: shape[1],
  }));
}

/** The tensors of a module, with their shapes. */
export function llliteShapes(
  { depth, width }: LLLiteModule,
  { embedding, inner }: { embedding: number; inner: number },
): [string, number[]][] {
  const half = embedding / 2;
  const convolutions = {
    1: [[half, 3, 4, 4], [embedding, half, 2, 2]],
    2: [[half, 3, 4, 4], [embedding, half, 4, 4]],
    3: [[half, 3, 4, 4], [half, half, 4, 4], [embedding, half, 2, 2]],
  }[depth]!;
  const layer = (name: string, shape: number[]): [string, number[]][] => [
    [`${name}.weight`, shape],
    [`${name}.bias`, [shape[0]]],
  ];
  return [
    ...convolutions.flatMap((shape, i) => layer(`conditioning1.${2 * i}`, shape)),
    ...layer("down.0", [inner, width]),
    ...layer("mid.0", [inner, inner + embedding]),
    ...layer("up.0", [width, inner]),
  ];
}

/** The name of a module at a projection, by its path below the U-Net. */
const llliteName = (path: string): string => `lllite_unet_${path.replaceAll(".", "_")}`;

function depthOf(key: string): number {
  if (key.startsWith("middle_block")) return 3;
  const block = Number(/^input_blocks\.(\d+)/.exec(key)![1]);
  return block <= 2 ? 1 : block <= 5 ? 2 : 3;
}

const relu = (x: Tensor): Tensor => maximum(x, cast(x.graph.constant(Float32Array.of(0), [1]), x.dtype));

/** The picture (N, H, W, 3) in [-1, 1] as a module knows it: (N, h, w, embedding). */
export function llliteEmbedding(picture: Tensor, w: Weights): Tensor {
  let h = toCompute(picture, w);
  const convolutions = w.at("conditioning1");
  for (let i = 0; convolutions.has(2 * i); i++) {
    if (i > 0) h = relu(h);
    const layer = convolutions.at(2 * i);
    h = conv2d(h, layer, { stride: layer.shape("weight")[2], pad: [0, 0, 0, 0] });
  }
  return h;
}

export interface LLLite {
  /** Where its tensors lie, by the names of files. */
  readonly weights: Weights;
  /** (N, H, W, 3) in [-1, 1]; sides are multiples of 32 that cover the latents. */
  readonly picture: Tensor;
  /** (1) f32. */
  readonly multiplier: Tensor;
  /** Of the latents. */
  readonly height: number;
  readonly width: number;
}

/** Joins an LLLite to a U-Net, around whatever adapter is there. Rows of a batch are the pictures, repeated. */
export function llliteAdapter(
  { weights, picture, multiplier, height, width }: LLLite,
  inner?: Adapter,
): Adapter {
  const below = `${UNET}.`;
  const own: Adapter = (path, x, y, layer) => {
    const name = path.startsWith(below) ? llliteName(path.slice(below.length)) : "";
    if (!name || !weights.has(name)) return inner ? inner(path, x, y, layer) : y;
    const w = weights.at(name), embedding = embedded(w, depthOf(path.slice(below.length)), x);
    const down = relu(linear(x, w.at("down.0")));
    const up = linear(relu(linear(concat([embedding, down], 2), w.at("mid.0"))), w.at("up.0"));
    const more = mul(up, cast(reshape(multiplier, [1, 1, 1]), up.dtype));
    const changed = add(y, product(more, layer.weights.tensor("weight")));
    return inner ? inner(path, add(x, more), changed, layer) : changed;
  };
  /** (N, positions, embedding) for the projection's input. */
  const embedded = (w: Weights, depth: number, x: Tensor): Tensor => {
    let h = llliteEmbedding(picture, w), rows = height, columns = width;
    for (let i = 1; i < depth; i++) [rows, columns] = [(rows + 1) >> 1, (columns + 1) >> 1];
    if (h.shape[1] !== rows) h = slice(h, 1, 0, rows);
    if (h.shape[2] !== columns) h = slice(h, 2, 0, columns);
    const flat = reshape(h, [h.shape[0], rows * columns, h.shape[3]]), times = x.shape[0] / h.shape[0];
    return times === 1 ? flat : concat(Array(times).fill(flat), 0);
  };
  return inner?.norms ? Object.assign(own, { norms: inner.norms }) : own;
}
