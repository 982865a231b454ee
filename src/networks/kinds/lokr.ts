/**
 * LoKr (arXiv 2309.14859, section 3.3): the Kronecker product of a small matrix and a larger one, which may be of low
 * rank; as LyCORIS's modules/lokr.py and sd-scripts' networks/lokr.py.
 */

import {
  broadcastTo,
  elements,
  linear,
  matmul,
  mul,
  permute,
  reshape,
  type Shape,
  type Tensor,
} from "../../graph/mod.ts";
import type { Layer } from "../../models/mod.ts";
import { kaimingUniform } from "./first_weights.ts";
import type { Found, ModuleTensors, NetworkKind, NetworkModule, Reading } from "./kind.ts";
import { cored, through } from "./lora.ts";
import { squareOf } from "./parts.ts";

const W1 = "lokr_w1", W2 = "lokr_w2", T2 = "lokr_t2";
const W1A = "lokr_w1_a", W1B = "lokr_w1_b", W2A = "lokr_w2_a", W2B = "lokr_w2_b";

export const lokr: NetworkKind = {
  name: "LoKr",
  marks: [W1, W1A, W2, W2A],
  others: [W1B, W2B, T2],
  tensors({ shape: [out, inputs, ...kernel] }, { rank, settings = {} }) {
    const { factor = -1, decomposeBoth, fullMatrix, unbalanced, useTucker } = settings;
    const [c, d] = factorization(inputs, factor), [small, large] = factorization(out, factor);
    const [a, b] = unbalanced ? [large, small] : [small, large];
    const pixels = elements(kernel), convolution = pixels > 1;
    const first: Record<string, Shape> = decomposeBoth && !fullMatrix && rank < Math.max(a, c) / 2
      ? { [W1A]: [a, rank], [W1B]: [rank, c] }
      : { [W1]: [a, c] };
    if (fullMatrix || rank >= Math.max(b, d) / 2) {
      return { ...first, [W2]: convolution ? [b, d, ...kernel] : [b, d] };
    }
    if (useTucker && convolution) {
      return { ...first, [T2]: [rank, rank, ...kernel], [W2A]: [rank, b], [W2B]: [rank, d] };
    }
    return { ...first, [W2A]: [b, rank], [W2B]: [rank, d * pixels] };
  },
  read: readLokr,
  initial({ tensors, settings = {} }, generator) {
    const { sdScripts, useScalar } = settings, second = [W2, T2, W2A, W2B], first = [W1, W1A, W1B];
    const zero = W2 in tensors ? W2 : W2B;
    const order = (sdScripts ? [...first, ...second] : [...second, ...first]).filter((s) => s in tensors);
    return Object.fromEntries(order.map((suffix) => [
      suffix,
      suffix === zero && !useScalar
        ? new Float32Array(elements(tensors[suffix]))
        : kaimingUniform(tensors[suffix], generator),
    ]));
  },
  // with both factors whole there is no rank, and alpha has no meaning
  scale: ({ tensors, alpha, rank, computedAlpha = alpha }) =>
    W1 in tensors && W2 in tensors ? 1 : computedAlpha.value / rank,
  output({ x, layer }, t, strength) {
    const { a, b, c, d } = sides(t.module);
    return strength(kronecker(x, layer, first(t), { a, b, c, d }, (group, of) => second(group, t, of)));
  },
  delta(t) {
    const { a, b, c, d, kernel } = sides(t.module), pixels = elements(kernel);
    const w2 = reshape(secondMatrix(t), [1, b, 1, d * pixels]);
    const product = mul(broadcastTo(reshape(first(t), [a, 1, c, 1]), [a, b, c, d * pixels]), w2);
    return reshape(product, [a * b, c * d * pixels]);
  },
  scaled: [W1, W1A],
  plus: [W1, W1A, W1B],
  norm: { square: (t) => squareOf(lokr.delta(t, never)), factors: [W1, W1A, W1B, W2, T2, W2A, W2B] },
};

/**
 * The two divisors of a dimension nearest to each other, the smaller first, of which it is at most `factor` (LyCORIS's
 * functional/general.py).
 */
export function factorization(dimension: number, factor = -1): [small: number, large: number] {
  if (factor > 0 && dimension % factor === 0) {
    const other = dimension / factor;
    return factor > other ? [other, factor] : [factor, other];
  }
  const most = factor < 0 ? dimension : factor;
  let [m, n] = [1, dimension];
  const length = m + n;
  while (m < n) {
    let next = m + 1;
    while (dimension % next !== 0) next++;
    const other = dimension / next;
    if (next + other > length || next > most) break;
    [m, n] = [next, other];
  }
  return m > n ? [n, m] : [m, n];
}

/** Sides of the factors, (a, c) and (b, d), and the layer's kernel. */
function sides({ tensors, shape: [out, inputs, ...kernel] }: Pick<NetworkModule, "tensors" | "shape">) {
  const a = (tensors[W1] ?? tensors[W1A])[0], c = tensors[W1]?.[1] ?? tensors[W1B][1];
  return { a, b: out / a, c, d: inputs / c, kernel };
}

/** w1 (a, c) */
function first(t: ModuleTensors): Tensor {
  return t.has(W1) ? t.at(W1) : matmul(t.at(W1A), t.at(W1B));
}

/** w2 (b, d * height * width) */
function secondMatrix(t: ModuleTensors): Tensor {
  if (t.has(W2)) {
    const w2 = t.at(W2);
    return reshape(w2, [w2.shape[0], elements(w2.shape) / w2.shape[0]]);
  }
  if (t.has(T2)) return matmul(t.at(W2A), cored(t.at(T2), t.at(W2B)), { transA: true });
  return matmul(t.at(W2A), t.at(W2B));
}

/** x (..., d) or (N, H, W, d) through w2, whose factors need not be multiplied. */
function second(x: Tensor, t: ModuleTensors, layer: Layer): Tensor {
  const { b, d, kernel } = sides(t.module), one: Layer = { ...layer, stride: 1, pad: [0, 0, 0, 0] };
  if (t.has(W2)) return through(x, reshape(t.at(W2), [b, d, ...kernel]), layer);
  const down = t.at(W2B), [rank] = down.shape;
  if (t.has(T2)) {
    return linear(
      through(through(x, reshape(down, [rank, d, 1, 1]), one), t.at(T2), layer),
      permute(t.at(W2A), [1, 0]),
    );
  }
  return linear(through(x, reshape(down, [rank, d, ...kernel]), layer), t.at(W2A));
}

/** x's channels are c groups of d: each group through w2, then the groups through w1, without their product. */
function kronecker(
  x: Tensor,
  layer: Layer,
  w1: Tensor,
  { a, b, c, d }: { a: number; b: number; c: number; d: number },
  w2: (group: Tensor, layer: Layer) => Tensor,
): Tensor {
  if (elements(layer.shape.slice(2)) === 1) {
    const rows = elements(x.shape) / (c * d);
    const z = permute(reshape(w2(reshape(x, [rows, c, d]), layer), [rows, c, b]), [0, 2, 1]); // (rows, b, c)
    return reshape(permute(linear(z, w1), [0, 2, 1]), [...x.shape.slice(0, -1), a * b]);
  }
  const [n, h, w] = x.shape;
  const groups = permute(reshape(x, [n, h * w, c, d]), [0, 2, 1, 3]);
  const z = w2(reshape(groups, [n * c, h, w, d]), layer), [, height, width] = z.shape;
  const mixed = linear(permute(reshape(z, [n, c, height * width, b]), [0, 2, 3, 1]), w1); // (n, pixels, b, a)
  return reshape(permute(mixed, [0, 1, 3, 2]), [n, height, width, a * b]);
}

/** The factors say the sides; a rank there is only where one is a product. */
function readLokr({ shape: [out, inputs, ...kernel] }: { readonly shape: Shape }, found: Found): Reading {
  for (const [whole, one, other] of [[W1, W1A, W1B], [W2, W2A, W2B]]) {
    if (!found[whole] && !found[one]) return { missing: whole };
    if (!found[whole] && !found[other]) return { missing: other };
  }
  const a = (found[W1] ?? found[W1A])[0], c = found[W1]?.[1] ?? found[W1B][1];
  const [b, d] = [out / a, inputs / c], pixels = elements(kernel);
  const rank = found[W2] ? found[W1] ? 1 : found[W1B][0] : found[W2B][0];
  const wanted: Record<string, Shape> = {
    ...found[W1] ? { [W1]: [a, c] } : { [W1A]: [a, found[W1B][0]], [W1B]: [found[W1B][0], c] },
    ...found[W2]
      ? { [W2]: pixels > 1 ? [b, d, ...kernel] : [b, d] }
      : found[T2]
      ? { [T2]: [rank, rank, ...kernel], [W2A]: [rank, b], [W2B]: [rank, d] }
      : { [W2A]: [b, rank], [W2B]: [rank, d * pixels] },
  };
  const whole = Number.isInteger(b) && Number.isInteger(d) && rank > 0;
  for (const [suffix, shape] of Object.entries(wanted)) {
    if (!whole || elements(shape) !== elements(found[suffix]) || shape[0] !== found[suffix][0]) {
      return { misfit: suffix, wanted: shape };
    }
  }
  return { rank, tensors: wanted };
}

function never(): never {
  throw new TypeError("LoKr does not read the layer's weight");
}
