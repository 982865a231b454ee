/**
 * Between which numbers a recorded formula's values lie, if what it reads lies between known ones: interval arithmetic that
 * allows for float32's rounding, so that an overflow or NaN can be ruled out without computing anything.
 */

import { elements, type Node, type Tensor } from "./graph.ts";
import { BINARY } from "./ops/binary.ts";
import { CHAINED } from "./ops/chained.ts";
import { UNARY } from "./ops/unary.ts";

/** All values are at least `low` and at most `high`; `nan`: or NaN. */
export interface Bounds {
  readonly low: number;
  readonly high: number;
  readonly nan: boolean;
}

export const between = (low: number, high: number): Bounds => ({ low, high, nan: false });
export const exactly = (x: number): Bounds => between(x, x);
export const bounded = ({ low, high, nan }: Bounds): boolean => !nan && low > -Infinity && high < Infinity;
export const largest = ({ low, high }: Bounds): number => Math.max(-low, high);
/** What holds for both. */
export const both = (a: Bounds, b: Bounds): Bounds => ({
  low: Math.min(a.low, b.low),
  high: Math.max(a.high, b.high),
  nan: a.nan || b.nan,
});

const ANYTHING: Bounds = { low: -Infinity, high: Infinity, nan: true };
const MOST = 3.4e38, LEAST = 1.2e-38, ROUNDING = 2 ** -20;

/** Bounds of `values`; `known` gives those of what is no result of an op and no constant. */
export function boundsOf(values: readonly Tensor[], known: (source: Tensor) => Bounds): Bounds[] {
  const found = new Map<Tensor, Bounds>();
  const of = (t: Tensor): Bounds => {
    const bounds = found.get(t) ?? widened(boundsOfNode(t, of, known));
    found.set(t, bounds);
    return bounds;
  };
  return values.map(of);
}

/** Outwards by more than float32 rounds; what is beyond its range becomes infinite or 0 in it. */
function widened({ low, high, nan }: Bounds): Bounds {
  if (Number.isNaN(low) || Number.isNaN(high)) return ANYTHING;
  const outwards = (x: number, sign: number) => {
    const y = x + sign * Math.abs(x) * ROUNDING;
    if (Math.abs(y) < LEAST) return Math.sign(y) === sign ? sign * LEAST : 0;
    return sign * y > MOST ? sign * Infinity : y;
  };
  return { low: outwards(low, -1), high: outwards(high, 1), nan };
}

type Of = (t: Tensor) => Bounds;

function boundsOfNode(t: Tensor, of: Of, known: Of): Bounds {
  const { op, source, inputs, attrs } = t.node;
  if (source?.kind === "constant") {
    return between(Math.min(...source.data), Math.max(...source.data));
  }
  if (!op) return known(t);
  switch (op.name) {
    case "unary":
      return UNARIES[UNARY[attrs.fn]]?.(of(inputs[0])) ?? ANYTHING;
    case "binary": {
      const name = BINARY[attrs.fn];
      if (name === "add") return sum(t.node, of);
      return name === "mul" ? product(t.node, of) : BINARIES[name](of(inputs[0]), of(inputs[1]));
    }
    case "affine":
      return plus(times(of(inputs[0]), exactly(attrs.scale)), exactly(attrs.shift));
    case "chained":
      return chained(CHAINED[attrs.fn], inputs.map(of));
    case "cast":
    case "reshape":
    case "broadcast":
      return of(inputs[0]);
    case "sum":
      return total(of(inputs[0]), elements(inputs[0].shape) / elements(t.shape));
    default:
      return ANYTHING;
  }
}

function plus(a: Bounds, b: Bounds): Bounds {
  const opposite = (a.high === Infinity && b.low === -Infinity) ||
    (a.low === -Infinity && b.high === Infinity);
  return opposite ? ANYTHING : { low: a.low + b.low, high: a.high + b.high, nan: a.nan || b.nan };
}

const negative = ({ low, high, nan }: Bounds): Bounds => ({ low: -high, high: -low, nan });

function times(a: Bounds, b: Bounds): Bounds {
  const ends = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high];
  if (ends.some(Number.isNaN)) return ANYTHING;
  return { low: Math.min(...ends), high: Math.max(...ends), nan: a.nan || b.nan };
}

/** What rounding makes of sums of many, and of what is interpolated far from both ends, in proportion to them. */
const MANY = 2 ** -10;

function total(x: Bounds, count: number): Bounds {
  const { low, high, nan } = times(x, exactly(count)), slack = MANY * Math.max(-low, high);
  return {
    low: low >= 0 ? low * (1 - MANY) : low - slack,
    high: high <= 0 ? high * (1 - MANY) : high + slack,
    nan,
  };
}

/**
 * x x, x y x, and x (r / max(rms(x) s, c)), which their parts do not show to be squares, and no larger than the root of
 * x's elements over s.
 */
function product(node: Node, of: Of): Bounds {
  const [x, y] = node.inputs, limit = rootMeanSquareLimit(node);
  if (limit && bounded(of(x)) && bounded(of(limit.rate))) {
    // where squares are rounded to 0, and where r / max(..) is subnormal
    const most = largest(of(limit.rate)) * (1.001 * limit.ratio + 2e-19 / limit.least) +
      2e-45 * largest(of(x));
    return between(-most, most);
  }
  const { op, attrs, inputs: [a, b] } = x.node, magnitude = UNARIES.abs!(of(y));
  if (x === y) return times(magnitude, magnitude);
  if (op?.name === "binary" && BINARY[attrs.fn] === "mul" && a === y) {
    return times(times(magnitude, magnitude), of(b));
  }
  return times(of(x), of(y));
}

const isBinary = ({ op, attrs }: Node, name: typeof BINARY[number]) =>
  op?.name === "binary" && BINARY[attrs.fn] === name;
const isUnary = ({ op, attrs }: Node, name: typeof UNARY[number]) =>
  op?.name === "unary" && UNARY[attrs.fn] === name;
const constantOf = ({ node: { source } }: Tensor) =>
  source?.kind === "constant" && source.data.length === 1 ? source.data[0] : null;

/** Of x (rate / max(rms(x) s, least)): at most how large x's elements are in proportion to rms(x) s, and the rest. */
function rootMeanSquareLimit({ inputs: [x, quotient] }: Node) {
  if (!isBinary(quotient.node, "div")) return null;
  const [rate, limit] = quotient.node.inputs;
  if (!isBinary(limit.node, "maximum")) return null;
  const least = constantOf(limit.node.inputs[1]), found = unscaled(limit.node.inputs[0]);
  if (least === null || !(least > 0) || !found || !isUnary(found.of.node, "sqrt")) return null;
  const squares = unscaled(found.of.node.inputs[0]), count = elements(x.shape);
  const sum = squares?.of.node;
  if (sum?.op?.name !== "sum" || elements(sum.outputs[0].shape) !== 1) return null;
  const [of] = sum.inputs;
  if (!isUnary(of.node, "square") || of.node.inputs[0] !== x || count !== elements(of.shape)) return null;
  // rms(x) s is found.scale sqrt(squares.scale sum), and no element is larger than sqrt(sum)
  return { rate, least, ratio: 1 / (found.scale * Math.sqrt(squares!.scale)) };
}

/** x scale with a scale above 0, in any shape. */
function unscaled(t: Tensor): { of: Tensor; scale: number } | null {
  let of = t, scale = 1;
  for (;;) {
    const { op, inputs, attrs } = of.node;
    if (op?.name === "affine" && attrs.shift === 0 && attrs.scale > 0) scale *= attrs.scale;
    else if (op?.name !== "reshape") return { of, scale };
    of = inputs[0];
  }
}

/** Nothing is known of what is divided by 0. */
function inverse({ low, high, nan }: Bounds): Bounds {
  return low <= 0 && high >= 0 ? ANYTHING : { low: 1 / high, high: 1 / low, nan };
}

/** a + (b - a) t with t from 0 to 1 lies between a and b, which its parts do not show. */
function sum({ inputs: [a, product] }: Node, of: Of): Bounds {
  const [difference, share] = product.node.inputs,
    name = ({ op, attrs }: Node) => op?.name === "binary" && BINARY[attrs.fn];
  if (name(product.node) === "mul" && name(difference.node) === "sub" && difference.node.inputs[1] === a) {
    const t = of(share), from = of(a), to = of(difference.node.inputs[0]);
    if (!t.nan && t.low >= 0 && t.high <= 1) return mixed(from, to, t);
  }
  return plus(of(a), of(product));
}

function mixed(a: Bounds, b: Bounds, t: Bounds): Bounds {
  if (!bounded(a) || !bounded(b)) return ANYTHING;
  const at = (x: number, y: number) => [t.low, t.high].map((t) => x * (1 - t) + y * t);
  const least = Math.min(...at(a.low, b.low));
  if (a.low >= 0 && b.low >= 0 && t.high <= 0.99 && least > 1e-34) {
    return between(least * (1 - MANY), Math.max(...at(a.high, b.high)) * (1 + MANY));
  }
  // the difference is rounded by its own size; of two that are not negative it never comes to less than -a
  const slack = ROUNDING * (largest(a) + largest(b));
  const low = least - slack;
  return between(a.low >= 0 && b.low >= 0 ? Math.max(low, 0) : low, Math.max(...at(a.high, b.high)) + slack);
}

const UNARIES: Partial<Record<typeof UNARY[number], (x: Bounds) => Bounds>> = {
  sqrt: ({ low, high, nan }) => low < 0 ? ANYTHING : { low: Math.sqrt(low), high: Math.sqrt(high), nan },
  abs: (x) => ({ low: x.low > 0 ? x.low : x.high < 0 ? -x.high : 0, high: largest(x), nan: x.nan }),
  neg: negative,
  square: (x) => times(UNARIES.abs!(x), UNARIES.abs!(x)),
  reciprocal: inverse,
};

/** min and max give their first operand where one is NaN. */
const BINARIES: Record<typeof BINARY[number], (a: Bounds, b: Bounds) => Bounds> = {
  add: plus,
  sub: (a, b) => plus(a, negative(b)),
  mul: times,
  div: (a, b) => times(a, inverse(b)),
  minimum: (a, b) => ({
    low: Math.min(a.low, b.low),
    high: b.nan ? a.high : Math.min(a.high, b.high),
    nan: a.nan,
  }),
  maximum: (a, b) => ({
    low: b.nan ? a.low : Math.max(a.low, b.low),
    high: Math.max(a.high, b.high),
    nan: a.nan,
  }),
};

function chained(name: typeof CHAINED[number], [x, y, condition]: readonly Bounds[]): Bounds {
  switch (name) {
    case "select":
      if (!condition.nan && condition.low === 0 && condition.high === 0) return y;
      return condition.low > 0 || condition.high < 0 ? x : both(x, y);
    case "sign":
      return {
        low: x.low > 0 ? 1 : x.low === 0 ? 0 : -1,
        high: x.high < 0 ? -1 : x.high === 0 ? 0 : 1,
        nan: x.nan,
      };
    case "finite":
      return between(bounded(x) ? 1 : 0, 1);
    case "dither":
      return plus(x, times(x, between(-(2 ** -7), 2 ** -7)));
  }
}
