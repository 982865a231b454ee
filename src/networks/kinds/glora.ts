/**
 * GLoRA (arXiv 2306.07967), as LyCORIS's modules/glora.py: W A x + B x, where A = a1 a2 and B = b1 b2 are of low rank; B of a
 * convolution may have Tucker's core bm between its factors.
 */

import { add, elements, linear, matmul, permute, reshape, type Shape, type Tensor } from "../../graph/mod.ts";
import { wholeAlpha } from "../sites/values.ts";
import { kaimingUniform } from "./first_weights.ts";
import type { ModuleTensors, NetworkKind } from "./kind.ts";
import { cored, through } from "./lora.ts";
import { flat } from "./parts.ts";
import { readAs } from "./reading.ts";

const A1 = "a1.weight", A2 = "a2.weight", B1 = "b1.weight", B2 = "b2.weight", BM = "bm.weight";

export const glora: NetworkKind = {
  name: "GLoRA",
  marks: [A1, A2, B1, B2],
  others: [BM],
  tensors({ shape: [out, inputs, ...kernel] }, { rank, settings }) {
    const one = kernel.map(() => 1), tucker = settings?.useTucker && elements(kernel) > 1;
    return {
      [A1]: [inputs, rank, ...one],
      [A2]: [rank, inputs, ...one],
      [B1]: [out, rank, ...one],
      [B2]: [rank, inputs, ...tucker ? one : kernel],
      ...tucker ? { [BM]: [rank, rank, ...kernel] } : {},
    };
  },
  read(target, found) {
    const rank = found[A2]?.[0] ?? 0, settings = { useTucker: BM in found };
    return readAs(glora.tensors(target, { rank, alpha: wholeAlpha(rank), settings }), found, rank);
  },
  initial({ tensors, settings }, generator) {
    const all = Object.values(tensors).reduce((n, shape) => n + elements(shape), 0);
    generator.uniform(0, 1, all); // the constructors of the layers
    const second = (shape: Shape) =>
      settings?.useScalar ? kaimingUniform(shape, generator) : new Float32Array(elements(shape));
    const [a1, b1] = [kaimingUniform(tensors[A1], generator), kaimingUniform(tensors[B1], generator)];
    const own = { [A1]: a1, [A2]: second(tensors[A2]), [B1]: b1, [B2]: second(tensors[B2]) };
    return BM in tensors ? { ...own, [BM]: kaimingUniform(tensors[BM], generator) } : own;
  },
  output(plain, t, strength) {
    const { x, layer } = plain, ax = linear(linear(x, flat(t.at(A2))), flat(t.at(A1)));
    const one = { ...layer, stride: 1, pad: [0, 0, 0, 0] } as const;
    const inner = t.has(BM)
      ? through(through(x, t.at(B2), one), t.at(BM), layer)
      : through(x, t.at(B2), layer);
    return strength(add(through(ax, plain.weight(), layer), linear(inner, flat(t.at(B1)))));
  },
  delta(t, base) {
    const b2 = flat(t.at(B2));
    return add(withA(base(), t), matmul(flat(t.at(B1)), t.has(BM) ? cored(t.at(BM), b2) : b2));
  },
  scaled: [A2, B2],
};

/** W A over the inputs of (out, in * height * width). */
function withA(weight: Tensor, t: ModuleTensors): Tensor {
  const [out, inputs] = t.module.shape, pixels = weight.shape[1] / inputs;
  const last = reshape(permute(reshape(weight, [out, inputs, pixels]), [0, 2, 1]), [out * pixels, inputs]);
  const product = matmul(matmul(last, flat(t.at(A1))), flat(t.at(A2)));
  return reshape(permute(reshape(product, [out, pixels, inputs]), [0, 2, 1]), weight.shape);
}
