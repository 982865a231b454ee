/**
 * LoHa (FedPara, arXiv 2108.06098, proposition 1): the product, element by element, of two products of low rank; as
 * LyCORIS's modules/loha.py and sd-scripts' networks/loha.py.
 */

import {
  broadcastTo,
  elements,
  linear,
  matmul,
  mul,
  permute,
  reshape,
  type Tensor,
} from "../../graph/mod.ts";
import type { KindSettings, ModuleTensors, NetworkKind } from "./kind.ts";
import { cored, through } from "./lora.ts";
import { squareOf } from "./parts.ts";
import { readAs } from "./reading.ts";

const A = (side: 1 | 2) => `hada_w${side}_a`,
  B = (side: 1 | 2) => `hada_w${side}_b`,
  T = (side: 1 | 2) => `hada_t${side}`;

export const loha: NetworkKind = {
  name: "LoHa",
  marks: [A(1), B(1), A(2), B(2)],
  others: [T(1), T(2)],
  tensors({ shape: [out, inputs, ...kernel] }, { rank, settings }) {
    const pixels = elements(kernel);
    if (settings?.useTucker && pixels > 1) {
      const side = (s: 1 | 2) => ({
        [T(s)]: [rank, rank, ...kernel],
        [A(s)]: [rank, out],
        [B(s)]: [rank, inputs],
      });
      return { ...side(1), ...side(2) };
    }
    const side = (s: 1 | 2) => ({ [A(s)]: [out, rank], [B(s)]: [rank, inputs * pixels] });
    return { ...side(1), ...side(2) };
  },
  read(target, found) {
    const rank = found[B(1)]?.[0] ?? 0, settings = { useTucker: T(1) in found };
    return readAs(
      loha.tensors(target, { rank, alpha: { value: rank, integer: true }, settings }),
      found,
      rank,
    );
  },
  initial({ tensors, settings = {} }, generator) {
    const { order, zero } = drawing(T(1) in tensors, settings);
    return Object.fromEntries(order.map((suffix) => {
      const count = elements(tensors[suffix]);
      const deviation = suffix.includes("_b") ? 1 : 0.1;
      return [suffix, suffix === zero ? new Float32Array(count) : generator.normal(0, deviation, count)];
    }));
  },
  output({ x, layer }, t, strength) {
    const { shape } = t.module, [up, down] = loha.factors!(t) ?? [];
    if (up && down) {
      const [rank] = down.shape;
      return linear(strength(through(x, reshape(down, [rank, ...shape.slice(1)]), layer)), up);
    }
    return strength(through(x, reshape(loha.delta(t, never), shape), layer));
  },
  delta: (t) => mul(side(t, 1), side(t, 2)),
  // columns and rows multiplied pair by pair are factors of rank r^2: no larger than the weight for small r
  factors(t) {
    const [out, ...inputs] = t.module.shape, [r] = t.module.tensors[B(1)], width = elements(inputs);
    if (t.has(T(1)) || r * r * (out + width) >= out * width) return null;
    const up = pairs(t.at(A(1)), t.at(A(2)));
    const down = (s: 1 | 2) => permute(t.at(B(s)), [1, 0]);
    return [up, permute(pairs(down(1), down(2)), [1, 0])];
  },
  scaled: [A(1)],
  plus: [A(2)],
  norm: { square: (t) => squareOf(loha.delta(t, never)), factors: [A(1)] },
};

/** Which tensors are drawn, one after the other, and which of them is zero so that the change is. */
function drawing(
  tucker: boolean,
  { sdScripts, useScalar }: KindSettings,
): { order: string[]; zero: string | null } {
  if (sdScripts) {
    return tucker
      ? { order: [T(1), T(2), B(1), A(1), B(2), A(2)], zero: A(1) }
      : { order: [A(1), B(1), A(2), B(2)], zero: A(2) };
  }
  return {
    order: [...tucker ? [T(1), T(2)] : [], B(1), A(1), B(2), A(2)],
    zero: useScalar ? null : A(2),
  };
}

/** One of the two products, (out, in * height * width). */
function side(t: ModuleTensors, s: 1 | 2): Tensor {
  const a = t.at(A(s)), b = t.at(B(s));
  return t.has(T(s)) ? matmul(a, cored(t.at(T(s)), b), { transA: true }) : matmul(a, b);
}

/** (n, p) and (n, q) -> (n, p * q): every column times every other. */
function pairs(a: Tensor, b: Tensor): Tensor {
  const [n, p] = a.shape, [, q] = b.shape;
  const wide = broadcastTo(reshape(a, [n, p, 1]), [n, p, q]);
  return reshape(mul(wide, reshape(b, [n, 1, q])), [n, p * q]);
}

function never(): never {
  throw new TypeError("LoHa does not read the layer's weight");
}
