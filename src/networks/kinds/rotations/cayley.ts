/** Rotations from skew-symmetric matrices (Cayley's transform), as graph ops: matrix products and nothing else. */

import {
  add,
  affine,
  broadcastTo,
  detach,
  div,
  type Graph,
  matmul,
  mul,
  permute,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
} from "../../../graph/mod.ts";

/**
 * Newton's steps towards the inverse for blocks of n. Each squares what is left of the error, which after the first is at
 * most 1 - 2 / (2 + bound), and the bound is at most sqrt(n / 2) times the square of the largest singular value: these do
 * in float32 for singular values of Q up to 16, where rotations are by 173 degrees.
 */
const steps = (n: number) => 11 + Math.ceil(Math.log2(Math.max(1, Math.sqrt(n / 2))));

/** (I + Q)(I - Q)^-1 for stacks (B, n, n) of skew-symmetric Q; gradients are exact, whatever the steps left. */
export function cayley(q: Tensor): Tensor {
  const [blocks, n] = q.shape, eye = identity(q.graph, n);
  const plus = add(eye, q); // (I - Q)^T
  const less = sub(q, eye), fixed = detach(less); // Q - I: what Newton's step takes off, so that a product adds it
  // sigma^2 comes in pairs: sum of their squares / 2 bounds the largest's; I - Q has 1 + sigma^2
  const gram = matmul(detach(q), detach(q), { transA: true });
  const bound = sqrt(affine(sum(square(gram), [1, 2]), 0.5, 0));
  const two = broadcastTo(q.graph.constant(Float32Array.of(2), [1, 1, 1]), [blocks, 1, 1]);
  const twice = broadcastTo(affine(eye, 2, 0), [blocks, n, n]);
  let x = mul(detach(plus), div(two, affine(bound, 1, 2)));
  for (let step = 0; step < steps(n); step++) x = newton(x, fixed, twice);
  return matmul(plus, newton(detach(x), less, twice));
}

/** X (2 I - M X) for `less` = -M: its derivative where X is M^-1 is that of the inverse, -X dM X. */
function newton(x: Tensor, less: Tensor, twice: Tensor): Tensor {
  return matmul(x, add(matmul(less, x), twice));
}

/** (1, n, n) */
export function identity(graph: Graph, n: number): Tensor {
  return graph.constant(Float32Array.from({ length: n * n }, (_, i) => i % (n + 1) === 0 ? 1 : 0), [1, n, n]);
}

/** B - B^T of the last two axes of (B, n, n). */
export function skew(blocks: Tensor): Tensor {
  return sub(blocks, permute(blocks, [0, 2, 1]));
}
