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
import { below } from "../keys/table.ts";
import { conv2d, linear, toCompute } from "../layers.ts";
import { bicubicWeights, interpolated } from "../interpolate.ts";
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

/** Blocks as they follow each other, queries before keys before values: a file may have its keys in any order. */
const order = (key: string): string =>
  key.replace(/\d+/g, (digits) => digits.padStart(4, "0")).replace(/to_q\./, "to_0.");

/** The modules that a U-Net has, from its keys without prefix, in the order in which they act. */
export function llliteModules(unet: Shapes): LLLiteModule[] {
  const inOrder = ([a]: [string, unknown], [b]: [string, unknown]) => order(a) < order(b) ? -1 : 1;
  return [...unet].filter(([key]) => PLACES.test(key)).sort(inOrder).map(([key, shape]) => ({
    name: llliteName(key.slice(0, -".weight".length)),
    depth: depthOf(key, unet),
    width: shape[1],
  }));
}

export interface LLLiteSizes {
  /** Values of a picture's position: --cond_emb_dim. */
  readonly embedding: number;
  /** Values between down and up: --network_dim. */
  readonly inner: number;
}

/** All tensors of an LLLite for a model, by the names of files. */
export function llliteTensors(model: Shapes, sizes: LLLiteSizes): Map<string, readonly number[]> {
  const modules = llliteModules(below(model, `${UNET}.`));
  return new Map(
    modules.flatMap((module) =>
      llliteShapes(module, sizes).map(([name, shape]): [string, readonly number[]] => [
        `${module.name}.${name}`,
        shape,
      ])
    ),
  );
}

/** The tensors of a module, with their shapes. */
export function llliteShapes(
  { depth, width }: LLLiteModule,
  { embedding, inner }: LLLiteSizes,
): [string, number[]][] {
  const half = Math.floor(embedding / 2);
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

/** One more than the halvings before a key's block, of which no model with LLLites has more than two. */
function depthOf(key: string, unet: Shapes): number {
  const block = Number(/^input_blocks\.(\d+)/.exec(key)?.[1] ?? Infinity);
  const halvings = [...unet.keys()].map((other) => /^input_blocks\.(\d+)\.0\.op\.weight$/.exec(other))
    .filter((found) => found && Number(found[1]) <= block);
  return Math.min(3, 1 + halvings.length);
}

/** The same of a module whose tensors are there: what its strides come to, beyond a latent's 8 pixels. */
function depthIn(w: Weights): number {
  const convolutions = w.at("conditioning1");
  let side = 1;
  for (let i = 0; convolutions.has(2 * i); i++) side *= convolutions.at(2 * i).shape("weight")[2];
  return Math.log2(side) - 2;
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
  /** (1) f32; as it is without. */
  readonly multiplier?: Tensor;
  /** Of the latents. */
  readonly height: number;
  readonly width: number;
  /** Deep Shrink's, while it acts. */
  readonly shrinkRatio?: number | null;
  /** Dropout of a module's inner values (N, positions, inner). */
  readonly drop?: (module: string, x: Tensor) => Tensor;
}

/** Joins an LLLite to a U-Net, around whatever adapter is there. Rows of a batch are the pictures, repeated. */
export function llliteAdapter(
  { weights, picture, multiplier, height, width, shrinkRatio = null, drop }: LLLite,
  inner?: Adapter,
): Adapter {
  const prefix = `${UNET}.`;
  const own: Adapter = (path, x, y, layer) => {
    const name = path.startsWith(prefix) ? llliteName(path.slice(prefix.length)) : "";
    if (!name || !weights.has(name)) return inner ? inner(path, x, y, layer) : y;
    const w = weights.at(name), embedding = embedded(w, depthIn(w), x);
    const down = relu(linear(x, w.at("down.0")));
    const mid = relu(linear(concat([embedding, down], 2), w.at("mid.0")));
    const up = linear(drop ? drop(name, mid) : mid, w.at("up.0"));
    const scale = multiplier && cast(reshape(multiplier, [1, 1, 1]), up.dtype);
    const given = add(x, scale ? mul(up, scale) : up);
    // in the place of y, which then is not computed
    const changed = product(given, layer.weights.tensor("weight"), layer.weights.maybe("bias"));
    return inner ? inner(path, given, changed, layer) : changed;
  };
  /** (N, positions, embedding) for the projection's input. */
  const embedded = (w: Weights, depth: number, x: Tensor): Tensor => {
    let h = llliteEmbedding(picture, w), rows = height, columns = width;
    for (let i = 1; i < depth; i++) [rows, columns] = [(rows + 1) >> 1, (columns + 1) >> 1];
    if (h.shape[1] !== rows) h = slice(h, 1, 0, rows);
    if (h.shape[2] !== columns) h = slice(h, 2, 0, columns);
    if (shrinkRatio !== null && x.shape[1] !== rows * columns) {
      h = resized(h, shrunkSize(depth, { height, width }, shrinkRatio, x.shape[1]));
    }
    const flat = reshape(h, [h.shape[0], h.shape[1] * h.shape[2], h.shape[3]]);
    const times = x.shape[0] / h.shape[0];
    return times === 1 ? flat : concat(Array(times).fill(flat), 0);
  };
  return inner?.norms ? Object.assign(own, { norms: inner.norms }) : own;
}

/** The size of so many positions at a depth, when activations were made smaller there or on the way to it. */
function shrunkSize(
  depth: number,
  { height, width }: { height: number; width: number },
  ratio: number,
  positions: number,
): [number, number] {
  const half = (side: number) => (side + 1) >> 1;
  // before the first halving, after it, ...
  for (let before = 0; before < depth; before++) {
    const side = (full: number) => {
      let now = full;
      for (let i = 0; i < before; i++) now = half(now);
      now = Math.floor(now * ratio);
      for (let i = before + 1; i < depth; i++) now = half(now);
      return now;
    };
    if (side(height) * side(width) === positions) return [side(height), side(width)];
  }
  throw new TypeError(`${positions} positions at depth ${depth} of ${width}x${height} latents`);
}

function resized(x: Tensor, [height, width]: readonly [number, number]): Tensor {
  const side = (from: number, to: number) => x.graph.constant(bicubicWeights(from, to), [to, from]);
  return interpolated(x, side(x.shape[1], height), side(x.shape[2], width));
}
