/** The whole difference of a layer, as LyCORIS's modules/full.py writes it, and of a norm (modules/norms.py). */

import { add, affine, elements, reshape, type Tensor } from "../../graph/mod.ts";
import { wholeAlpha } from "../sites/values.ts";
import type { ModuleTensors, NetworkKind, PlainLayer, Strength } from "./kind.ts";
import { through } from "./lora.ts";
import { flat, overChannels, squareOf } from "./parts.ts";
import { readAs } from "./reading.ts";

const DIFF = "diff", DIFF_B = "diff_b", W_NORM = "w_norm", B_NORM = "b_norm";

export const full: NetworkKind = {
  name: "full difference",
  marks: [DIFF, DIFF_B],
  tensors: ({ shape, bias }) => ({ [DIFF]: shape, ...bias ? { [DIFF_B]: [shape[0]] } : {} }),
  read(target, found) {
    const all = { [DIFF]: target.shape, [DIFF_B]: [target.shape[0]] };
    return readAs(Object.fromEntries(Object.entries(all).filter(([s]) => s in found)), found, 1);
  },
  initial: zeros,
  scale: () => 1,
  constants: () => ({}),
  output({ x, layer, y }: PlainLayer, t: ModuleTensors, strength: Strength) {
    if (!t.has(DIFF)) return strength(broadcastLike(t.at(DIFF_B), y));
    const h = through(x, reshape(t.at(DIFF), t.module.shape), layer);
    return strength(t.has(DIFF_B) ? add(h, overChannels(t.at(DIFF_B), h)) : h);
  },
  delta: (t, base) => t.has(DIFF) ? flat(reshape(t.at(DIFF), t.module.shape)) : zerosLike(base()),
  biases: [DIFF_B],
  biasDelta: (t) => t.has(DIFF_B) ? t.at(DIFF_B) : null,
  norm: { square: (t) => squareOf(t.at(DIFF)), factors: [DIFF] },
};

/** A norm's gain and shift, which the adapter changes before the layer is recorded. */
export const norm: NetworkKind = {
  name: "norm difference",
  marks: [W_NORM, B_NORM],
  tensors: ({ shape: [channels] }) => ({ [W_NORM]: [channels], [B_NORM]: [channels] }),
  read(target, found) {
    if (target.shape.length !== 1) return { misfit: Object.keys(found)[0], wanted: target.shape };
    const all = norm.tensors(target, { rank: 1, alpha: wholeAlpha(1) });
    return readAs(Object.fromEntries(Object.entries(all).filter(([s]) => s in found)), found, 1);
  },
  initial: zeros,
  scale: () => 1,
  constants: () => ({}),
  output({ y }) {
    throw new TypeError(`a norm joins its layer by weight and bias, not by its output (${y.shape})`);
  },
  delta: (t, base) => t.has(W_NORM) ? reshape(t.at(W_NORM), base().shape) : zerosLike(base()),
  biases: [B_NORM],
  biasDelta: (t) => t.has(B_NORM) ? t.at(B_NORM) : null,
};

function zeros({ tensors }: { readonly tensors: Readonly<Record<string, readonly number[]>> }) {
  return Object.fromEntries(
    Object.entries(tensors).map(([s, shape]) => [s, new Float32Array(elements(shape))]),
  );
}

function zerosLike(x: Tensor): Tensor {
  return x.graph.constant(new Float32Array(elements(x.shape)), x.shape);
}

function broadcastLike(bias: Tensor, y: Tensor): Tensor {
  return add(affine(y, 0, 0), overChannels(bias, y));
}
