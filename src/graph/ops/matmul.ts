import { type Attrs, elements, expect, type Op, record, type Shape, type Tensor } from "../graph.ts";
import { cast, roundedAsRead } from "./cast.ts";
import { reshape } from "./reshape.ts";
import { sum } from "./sum.ts";

/**
 * matmul(a, b[, bias][, residual][, c, d]; transA, transB, hasBias, hasResidual, hasSecond)
 * = op(a) op(b) + op(c) op(d) + bias + residual, float32 accumulation.
 * a: (M, K) or (B, M, K), transposed in the last two axes with transA; b likewise (K, N); both have one rank (2 or 3)
 * and one dtype. bias: (N), residual: the output's shape. The second product is one of matrices, transposed as the first
 * is; passes/residual.ts makes it. Its K is meant to be short. All in a's dtype, but for weights that
 * passes/cast_where_read.ts has rounded as they are read.
 */
export const matmulOp: Op = {
  name: "matmul",
  attrs: ["transA", "transB", "hasBias", "hasResidual", "hasSecond"],
  infer(inputs, { transA, transB, hasBias, hasResidual, hasSecond }) {
    const [a, b] = inputs, shape = productShape("matmul", a, b, { transA, transB }), n = shape.at(-1);
    expect(
      inputs.every((t, k) => t.dtype === a.dtype || k === 1 && roundedAsRead(t, a)),
      "matmul",
      inputs,
      "operands need one dtype",
    );
    expect(
      !hasBias || (inputs[2].shape.length === 1 && inputs[2].shape[0] === n),
      "matmul",
      inputs,
      "bias must be (N)",
    );
    if (hasResidual) {
      expect(inputs[2 + hasBias].shape.join() === shape.join(), "matmul", inputs, "residual differs");
    }
    if (hasSecond) {
      const second = productShape("matmul", ...pairAt(inputs, -2), { transA, transB });
      expect(
        shape.length === 2 && second.join() === shape.join(),
        "matmul",
        inputs,
        "the second product differs",
      );
    }
    return [{ shape, dtype: a.dtype }];
  },
  flop: ({ inputs, outputs: [y], attrs: { hasSecond } }) =>
    2 * (elements(inputs[0].shape) + (hasSecond ? elements(inputs.at(-2)!.shape) : 0)) * y.shape.at(-1)!,
  grad([dy], node) {
    if (!dy) return node.inputs.map(() => null);
    const { inputs, attrs: { transA, transB, hasBias, hasResidual, hasSecond } } = node;
    const grads = productGrads(dy, ...pairAt(inputs, 0), !!transA, !!transB);
    if (hasBias) {
      grads.push(reshape(sum(dy, dy.shape.map((_, i) => i).slice(0, -1)), inputs[2].shape));
    }
    if (hasResidual) grads.push(dy);
    if (hasSecond) grads.push(...productGrads(dy, ...pairAt(inputs, -2), !!transA, !!transB));
    return grads;
  },
};

const pairAt = (inputs: readonly Tensor[], at: number): [Tensor, Tensor] =>
  inputs.slice(at).slice(0, 2) as [Tensor, Tensor];

/** The gradients of op(a) op(b) by a and by b. */
function productGrads(dy: Tensor, a: Tensor, b: Tensor, transA: boolean, transB: boolean): Tensor[] {
  return [
    transA ? matmul(b, dy, { transA: transB, transB: true }) : matmul(dy, b, { transB: !transB }),
    transB ? matmul(dy, a, { transA: true, transB: transA }) : matmul(a, dy, { transA: !transA }),
  ];
}

/** The shape of op(a) op(b); throws TypeError where they do not fit. */
export function productShape(name: string, a: Tensor, b: Tensor, { transA, transB }: Attrs): number[] {
  const rank = a.shape.length, inputs = [a, b];
  expect(
    rank === b.shape.length && (rank === 2 || rank === 3),
    name,
    inputs,
    "wants two matrices or two stacks",
  );
  const [m, k] = sides(a.shape, transA), [k2, n] = sides(b.shape, transB);
  expect(k === k2 && (rank === 2 || a.shape[0] === b.shape[0]), name, inputs, "inner sizes differ");
  return rank === 2 ? [m, n] : [a.shape[0], m, n];
}

function sides(shape: Shape, transposed: number): [number, number] {
  const [rows, columns] = shape.slice(-2);
  return transposed ? [columns, rows] : [rows, columns];
}

/** op(a) op(b) [+ bias]; a and b are both (.., ..) or both (B, .., ..). */
export function matmul(
  a: Tensor,
  b: Tensor,
  { transA = false, transB = false, bias }: { transA?: boolean; transB?: boolean; bias?: Tensor } = {},
): Tensor {
  const attrs = { transA: +transA, transB: +transB, hasBias: bias ? 1 : 0, hasResidual: 0, hasSecond: 0 };
  return record(matmulOp, bias ? [a, b, bias] : [a, b], attrs);
}

/** x (..., K) times w (N, K) transposed, plus b (N): (..., N) in x's dtype; w and b are cast to it. */
export function linear(x: Tensor, w: Tensor, b?: Tensor): Tensor {
  const k = x.shape[x.shape.length - 1];
  expect(w.shape.length === 2 && w.shape[1] === k, "linear", [x, w], "wants x (..., K) and w (N, K)");
  const rows = x.shape.slice(0, -1).reduce((a, d) => a * d, 1);
  const y = matmul(reshape(x, [rows, k]), cast(w, x.dtype), { transB: true, bias: b && cast(b, x.dtype) });
  return reshape(y, [...x.shape.slice(0, -1), w.shape[0]]);
}
