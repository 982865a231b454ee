import { expect, type Op, record, type Tensor } from "../graph.ts";

/** permute(x; p0..p4): output axis i is input axis p_i. */
export const permuteOp: Op = {
  name: "permute",
  attrs: ["p0", "p1", "p2", "p3", "p4"],
  infer([x], a) {
    return [{ shape: order(a, x.shape.length).map((p) => x.shape[p]), dtype: x.dtype }];
  },
  grad([dy], node) {
    if (!dy) return [null];
    const p = order(node.attrs, dy.shape.length);
    return [permute(dy, p.map((_, i) => p.indexOf(i)))];
  },
};

function order(a: Readonly<Record<string, number>>, rank: number): number[] {
  return [a.p0, a.p1, a.p2, a.p3, a.p4].slice(0, rank);
}

/** x with its axes reordered: output axis i is input axis axes[i]. */
export function permute(x: Tensor, axes: readonly number[]): Tensor {
  expect(
    [...axes].sort().join() === x.shape.map((_, i) => i).join(),
    "permute",
    [x],
    `[${axes}] is no order`,
  );
  if (axes.every((p, i) => p === i)) return x;
  const [p0 = 0, p1 = 0, p2 = 0, p3 = 0, p4 = 0] = axes;
  return record(permuteOp, [x], { p0, p1, p2, p3, p4 });
}
