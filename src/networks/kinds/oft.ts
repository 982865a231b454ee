/**
 * OFT (arXiv 2306.07280): blocks of a layer's outputs are rotated by (I + Q)(I - Q)^-1, Q = B - B^T. Two forms of the
 * constraint on Q: sd-scripts' networks/oft.py (modules called oft_unet_...), LyCORIS's diag-oft (all others).
 */

import {
  affine,
  cast,
  div,
  elements,
  matmul,
  minimum,
  mul,
  permute,
  reshape,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
} from "../../graph/mod.ts";
import { cayley, identity, skew } from "./cayley.ts";
import type { LoraModule, ModuleTensors, NetworkKind, PlainLayer } from "./kind.ts";
import { readAs } from "./reading.ts";

export const BLOCKS = "oft_blocks";

/** Names of sd-scripts' modules begin so. */
export const OFT_PREFIX = "oft_unet_";

export const oft: NetworkKind = {
  name: "OFT",
  marks: [BLOCKS],
  tensors: ({ shape: [out] }, { rank }) => ({ [BLOCKS]: [rank, out / rank, out / rank] }),
  read(target, found) {
    const [blocks] = found[BLOCKS];
    return readAs(oft.tensors(target, { rank: blocks, alpha: { value: 0, integer: false } }), found, blocks);
  },
  initial: ({ tensors: { [BLOCKS]: shape } }) => ({ [BLOCKS]: new Float32Array(elements(shape)) }),
  scale: () => 1, // alpha is the constraint
  output(plain, t, strength) {
    return strength(rotated(withoutBias(plain), rotation(t)));
  },
  delta(t, base) {
    const weight = base(), [blocks, size] = t.module.tensors[BLOCKS];
    const rows = reshape(weight, [blocks, size, weight.shape[1]]);
    return reshape(matmul(rotation(t), rows, { transA: true }), weight.shape);
  },
};

/** R - I, (blocks, n, n), which acts on outputs as row vectors; float32. */
function rotation(t: ModuleTensors): Tensor {
  const q = constrained(skew(cast(t.at(BLOCKS), "f32")), t.module);
  return sub(cayley(q), identity(q.graph, q.shape[2]));
}

/** Q, its norm over all blocks kept below alpha * out. */
function constrained(q: Tensor, { name, alpha, shape: [out] }: LoraModule): Tensor {
  const own = name.startsWith(OFT_PREFIX), most = alpha.value * out;
  if (!own && most <= 0) return q;
  const norm = sqrt(affine(sum(square(q)), 1, NORM_FLOOR));
  const limit = q.graph.constant(Float32Array.of(most), [1, 1, 1]);
  // LyCORIS leaves a norm below the limit alone, sd-scripts multiplies by (limited + 1e-8) / (norm + 1e-8), about 1
  const ratio = own
    ? div(affine(minimum(norm, limit), 1, 1e-8), affine(norm, 1, 1e-8))
    : minimum(div(limit, affine(norm, 1, 1e-8)), q.graph.constant(Float32Array.of(1), [1, 1, 1]));
  return mul(q, ratio);
}

/** Keeps the gradient of a norm of 0 finite. */
const NORM_FLOOR = 1e-30;

/** z (..., out) with its blocks of outputs times `r` (blocks, n, n). */
export function rotated(z: Tensor, r: Tensor): Tensor {
  const [blocks, size] = r.shape, rows = elements(z.shape) / (blocks * size);
  const apart = permute(reshape(z, [rows, blocks, size]), [1, 0, 2]);
  return reshape(permute(matmul(apart, cast(r, z.dtype)), [1, 0, 2]), z.shape);
}

/** What the weight alone gives: y less the layer's bias. */
export function withoutBias({ y, bias }: PlainLayer): Tensor {
  const b = bias();
  return b ? sub(y, reshape(cast(b, y.dtype), [...y.shape.slice(1).map(() => 1), b.shape[0]])) : y;
}
