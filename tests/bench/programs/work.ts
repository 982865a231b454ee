/** What an instruction computes and moves, read off its line in a program's listing. */

export interface Work {
  readonly op: string;
  /** Floating-point operations. */
  readonly flop: number;
  /** The fewest that can be moved: each operand once. */
  readonly bytes: number;
}

interface Operand {
  readonly dims: readonly number[];
  readonly count: number;
  readonly bytes: number;
}

const BYTES: Record<string, number> = { bf16: 2, f16: 2, f32: 4, i32: 4, u8: 1 };
const product = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);

function operands(text: string): Operand[] {
  return [...text.matchAll(/(bf16|f16|f32|i32|u8)\[([^\]]*)\]/g)].map(([, dtype, list]) => {
    const dims = list.trim() ? list.split(",").map(Number) : [], count = product(dims);
    return { dims, count, bytes: count * BYTES[dtype] };
  });
}

type Flop = (out: readonly Operand[], inputs: readonly Operand[]) => number;

const FLOP: Record<string, Flop> = {
  matmul: ([y], [a, , ...more]) => 2 * (a.count + secondOf(more)) * y.dims.at(-1)!, // an element of a meets a row of b
  matmulAccumulate: (_, [target, a]) => 2 * a.count * target.dims.at(-1)!,
  conv2d: ([y], [, { dims: [, channels, height, width] }]) => 2 * y.count * channels * height * width,
  conv2dBackwardInput: (_, [dy, { dims: [, channels, height, width] }]) =>
    2 * dy.count * channels * height * width,
  conv2dBackwardWeight: ([{ dims: [, channels, height, width] }], [dy]) =>
    2 * dy.count * channels * height * width,
  conv2dAccumulate: (_, [{ dims: [, channels, height, width] }, dy]) =>
    2 * dy.count * channels * height * width,
  attention: (_, [q, k]) => 4 * q.count * k.dims[1],
  attentionBackward: ([dq, dk]) => 10 * dq.count * dk.dims[1],
};

/** Elements of the second product's first operand, which come behind bias and residual. */
function secondOf(more: readonly Operand[]): number {
  const [c] = more.slice(-2);
  return more.length > 1 && c.dims.length > 1 ? c.count : 0;
}

export function workOf(line: string): Work {
  const op = line.split(" ")[0], [left, right = ""] = line.split("<-");
  const out = operands(left), inputs = operands(right);
  return {
    op,
    flop: FLOP[op]?.(out, inputs) ?? 0,
    bytes: [...out, ...inputs].reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** All of it together. */
export function sumOf(works: readonly Work[]): { flop: number; bytes: number } {
  const sum = { flop: 0, bytes: 0 };
  for (const { flop, bytes } of works) {
    sum.flop += flop;
    sum.bytes += bytes;
  }
  return sum;
}

/** A rate as text: TFLOP/s of what is arithmetic, else GB/s, and its share of a ceiling. */
export function rateText(
  ms: number,
  { flop, bytes }: Omit<Work, "op">,
  ceiling: { tflops: number; gbs: number },
): string {
  const [rate, most, unit] = flop
    ? [flop / ms / 1e9, ceiling.tflops, "TFLOP/s"]
    : [bytes / ms / 1e6, ceiling.gbs, "GB/s"];
  return `${rate.toFixed(flop ? 1 : 0)} ${unit} ${(100 * rate / most).toFixed(0)}%`;
}
