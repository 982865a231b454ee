import { elements, expect, type Op, type Shape, type Tensor } from "../graph.ts";

/**
 * attention(q (B, Lq, H*D), k (B, Lk, H*D), v (B, Lk, H*D); heads, scale, causal) -> out (B, Lq, H*D), lse f32 (B, H, Lq).
 * softmax(scale * q k^T) v for each head; lse is the log of the softmax denominator, kept for the gradient. Softmax in float32.
 * causal: query i sees keys 0..i.
 */
export const attentionOp: Op = {
  name: "attention",
  attrs: ["heads", "scale", "causal"],
  infer(inputs, { heads }) {
    const [q, k, v] = inputs;
    expect(
      q.shape.length === 3 && k.shape.join() === v.shape.join(),
      "attention",
      inputs,
      "wants (B, L, H*D) each",
    );
    expect(
      q.shape[0] === k.shape[0] && q.shape[2] === k.shape[2],
      "attention",
      inputs,
      "batch or width differ",
    );
    expect(q.shape[2] % heads === 0, "attention", inputs, `width does not divide into ${heads} heads`);
    expect(q.dtype === k.dtype && q.dtype === v.dtype, "attention", inputs, "operands need one dtype");
    const lse: { shape: Shape; dtype: "f32" } = { shape: [q.shape[0], heads, q.shape[1]], dtype: "f32" };
    return [{ shape: q.shape, dtype: q.dtype }, lse];
  },
  flop: ({ inputs: [q, k] }) => 4 * elements(q.shape) * k.shape[1],
  grad([dy], node) {
    if (!dy) return [null, null, null];
    return [...dy.graph.add(attentionBackwardOp, [dy, ...node.inputs, ...node.outputs], node.attrs).outputs];
  },
};

/** attentionBackward(dy, q, k, v, out, lse; heads, scale, causal) -> dq, dk, dv. */
export const attentionBackwardOp: Op = {
  name: "attentionBackward",
  attrs: ["heads", "scale", "causal"],
  infer: ([, q, k, v]) => [q, k, v].map(({ shape, dtype }) => ({ shape, dtype })),
};

/** Multi-head attention (arXiv 1706.03762); scale defaults to 1/sqrt(head width). */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { heads, scale = 1 / Math.sqrt(q.shape[2] / heads), causal = false }: {
    heads: number;
    scale?: number;
    causal?: boolean;
  },
): Tensor {
  return q.graph.add(attentionOp, [q, k, v], { heads, scale, causal: +causal }).outputs[0];
}
