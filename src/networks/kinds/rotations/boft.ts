/** BOFT (arXiv 2311.06243), as LyCORIS's modules/boft.py: rotations of blocks in butterfly order, one after the other. */

import { byteSize } from "../../../base/dtype.ts";
import { UsageError } from "../../../base/errors.ts";
import { cast, elements, mul, permute, reshape, slice, sub, type Tensor } from "../../../graph/mod.ts";
import { cayley, skew } from "./cayley.ts";
import type { ModuleTensors, NetworkKind } from "../kind.ts";
import { BLOCKS, blocksNorm, constrained, RESCALE, rescale, rotated, still } from "./oft.ts";
import { through } from "../lora.ts";
import { flat, overChannels, withoutBias } from "../parts.ts";
import { readAs } from "../reading.ts";

export const boft: NetworkKind = {
  name: "BOFT",
  marks: [], // the blocks' four axes say it, see kindOf()
  tensors({ shape: [out, ...inputs], name }, { rank, settings }) {
    const size = butterflySize(out, rank);
    if (size === null) {
      throw new UsageError(
        `--network_dim ${rank}: ${name} has ${out} outputs, no even block of at most ${rank} leaves a power of two of them; give more`,
      );
    }
    const count = out / size;
    return { [BLOCKS]: [Math.log2(count) + 1, count, size, size], ...rescale(out, inputs, settings) };
  },
  read({ shape: [out, ...inputs] }, found) {
    const [stages, count, size] = found[BLOCKS];
    const fits = count * size === out && (stages === 1 || out % (2 ** (stages - 1) * size) === 0) &&
      size % 2 === 0;
    if (!fits) return { misfit: BLOCKS, wanted: [stages, out / size, size, size] };
    const wanted = { [BLOCKS]: [stages, count, size, size] };
    return readAs({ ...wanted, ...rescale(out, inputs, { rescaled: RESCALE in found }) }, found, size);
  },
  initial: still,
  scale: () => 1,
  alphaLimits: true,
  output(plain, t, strength) {
    const z = withoutBias(plain), [out, ...inputs] = t.module.shape, rows = elements(z.shape) / out;
    // every stage goes over all that it turns, and keeps it: over the weight, in float32, where that is the smaller
    if (byteSize("f32") * elements(inputs) < byteSize(z.dtype) * rows) {
      const { x, layer } = plain, float = { ...t, at: (suffix: string) => cast(t.at(suffix), "f32") };
      const change = boft.delta(float, () => cast(flat(plain.weight()), "f32"));
      return strength(through(x, reshape(cast(change, x.dtype), t.module.shape), layer));
    }
    let turned = z;
    stages(t).forEach((r, i) => {
      const apart = butterfly(reshape(turned, [rows, out]), i, r);
      turned = reshape(together(rotated(apart, r, true), i, r), z.shape);
    });
    if (t.has(RESCALE)) turned = mul(turned, overChannels(t.at(RESCALE), z));
    return strength(sub(turned, z));
  },
  delta(t, base) {
    const weight = base();
    let turned = permute(weight, [1, 0]); // outputs last, as the layer's own output has them
    stages(t).forEach((r, i) => turned = together(rotated(butterfly(turned, i, r), r, true), i, r));
    turned = permute(turned, [1, 0]);
    if (t.has(RESCALE)) turned = mul(turned, flat(t.at(RESCALE)));
    return sub(turned, weight);
  },
  norm: blocksNorm,
};

/** The largest even divisor of at most `most` that leaves a power of two of blocks (LyCORIS's power2factorization). */
export function butterflySize(out: number, most: number): number | null {
  let found: number | null = null;
  for (let size = 2; size <= most; size += 2) {
    if (out % size === 0 && Number.isInteger(Math.log2(out / size))) found = size;
  }
  return found;
}

/** R of each stage, (blocks, n, n) float32. */
function stages(t: ModuleTensors): Tensor[] {
  const [count, blocks, size] = t.module.tensors[BLOCKS];
  const q = skew(reshape(cast(t.at(BLOCKS), "f32"), [count * blocks, size, size]));
  const r = cayley(constrained(q, t.module));
  return Array.from({ length: count }, (_, i) => slice(r, 0, i * blocks, blocks));
}

/** (rows, out) with outputs in the order of stage i: of each run of 2 k the two halves interleaved, k = 2^i n / 2. */
function butterfly(z: Tensor, stage: number, { shape: [, size] }: Tensor): Tensor {
  const [rows, out] = z.shape, k = 2 ** stage * size / 2;
  return reshape(permute(reshape(z, [rows, out / (2 * k), 2, k]), [0, 1, 3, 2]), [rows, out]);
}

function together(z: Tensor, stage: number, { shape: [, size] }: Tensor): Tensor {
  const [rows, out] = z.shape, k = 2 ** stage * size / 2;
  return reshape(permute(reshape(z, [rows, out / (2 * k), k, 2]), [0, 1, 3, 2]), [rows, out]);
}
