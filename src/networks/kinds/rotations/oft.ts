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
  type Shape,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
} from "../../../graph/mod.ts";
import { cayley, identity, skew } from "./cayley.ts";
import type { KindSettings, ModuleTensors, NetworkKind, NetworkModule } from "../kind.ts";
import { factorization } from "../lokr.ts";
import { flat, overChannels, squareOf, withoutBias } from "../parts.ts";
import { readAs } from "../reading.ts";

export const BLOCKS = "oft_blocks";

/** Names of sd-scripts' modules begin so. */
export const OFT_PREFIX = "oft_unet_";

/** A factor for each output (LyCORIS's rescaled). */
export const RESCALE = "rescale";

/** LyCORIS measures and limits the blocks themselves. */
export const blocksNorm: NonNullable<NetworkKind["norm"]> = {
  square: (t) => squareOf(t.at(BLOCKS)),
  factors: [BLOCKS],
};

export const oft: NetworkKind = {
  name: "OFT",
  marks: [BLOCKS],
  others: [RESCALE],
  tensors({ shape: [out, ...inputs], name }, { rank, settings }) {
    // sd-scripts gives the number of blocks; LyCORIS a divisor near the blocks' size
    const [size, count] = name.startsWith(OFT_PREFIX) ? [out / rank, rank] : factorization(out, rank);
    return { [BLOCKS]: [count, size, size], ...rescale(out, inputs, settings) };
  },
  read({ shape: [out, ...inputs] }, found) {
    const [count] = found[BLOCKS] ?? [0];
    const wanted = { [BLOCKS]: [count, out / count, out / count] };
    return readAs({ ...wanted, ...rescale(out, inputs, { rescaled: RESCALE in found }) }, found, count);
  },
  initial: still,
  scale: () => 1,
  alphaLimits: true,
  output(plain, t, strength) {
    const z = withoutBias(plain), turned = rotated(z, rotation(t, !t.has(RESCALE)));
    return strength(t.has(RESCALE) ? sub(mul(turned, overChannels(t.at(RESCALE), z)), z) : turned);
  },
  delta(t, base) {
    const weight = base(), [blocks, size] = t.module.tensors[BLOCKS];
    const rows = reshape(weight, [blocks, size, weight.shape[1]]);
    const turned = reshape(matmul(rotation(t, !t.has(RESCALE)), rows, { transA: true }), weight.shape);
    return t.has(RESCALE) ? sub(mul(turned, flat(t.at(RESCALE))), weight) : turned;
  },
  norm: { of: ({ name }) => !name.startsWith(OFT_PREFIX), ...blocksNorm },
};

/** No rotation, every factor 1. */
export function still({ tensors }: NetworkModule): Record<string, Float32Array> {
  return Object.fromEntries(
    Object.entries(tensors).map((
      [suffix, shape],
    ) => [suffix, new Float32Array(elements(shape)).fill(suffix === RESCALE ? 1 : 0)]),
  );
}

export function rescale(out: number, inputs: Shape, settings?: KindSettings): Record<string, Shape> {
  return settings?.rescaled ? { [RESCALE]: [out, ...inputs.map(() => 1)] } : {};
}

/** R, or R - I, (blocks, n, n), which acts on outputs as row vectors; float32. */
function rotation(t: ModuleTensors, less: boolean): Tensor {
  const r = cayley(constrained(skew(cast(t.at(BLOCKS), "f32")), t.module));
  return less ? sub(r, identity(r.graph, r.shape[2])) : r;
}

/** Q (B, n, n), its norm over all blocks kept below alpha * out. */
export function constrained(q: Tensor, { name, alpha, shape: [out] }: NetworkModule): Tensor {
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

/** z (..., out) with its blocks of outputs times `r` (blocks, n, n), or times their transposes. */
export function rotated(z: Tensor, r: Tensor, transB = false): Tensor {
  const [blocks, size] = r.shape, rows = elements(z.shape) / (blocks * size);
  const apart = permute(reshape(z, [rows, blocks, size]), [1, 0, 2]);
  return reshape(permute(matmul(apart, cast(r, z.dtype), { transB }), [1, 0, 2]), z.shape);
}
