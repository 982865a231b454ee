/** Operators with windows over (N, C, H, W): convolutions, pooling, resizing. */

import { conv2d, permute, reshape } from "../../../graph/mod.ts";
import { binary, broadcast, padAxis, product, reshaped, take } from "../arrays.ts";
import {
  isKnown,
  known,
  knownNumbers,
  onDevice,
  type Recording,
  size,
  Unsupported,
  type Value,
} from "../values.ts";
import type { Call, Operator } from "./call.ts";
import { matrixProduct } from "./linear.ts";

interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Before each axis, then after each. */
  readonly pads: readonly number[];
  /** Sizes of the result. */
  readonly out: readonly number[];
}

function windowOf(c: Call, sides: readonly number[], kernel: readonly number[]): Window {
  const ones = sides.map(() => 1),
    strides = c.list("strides") ?? ones,
    dilations = c.list("dilations") ?? ones;
  const reach = kernel.map((k, i) => (k - 1) * dilations[i] + 1), auto = c.text("auto_pad", "NOTSET");
  let pads = c.list("pads") ?? sides.flatMap(() => [0, 0]);
  if (auto.startsWith("SAME")) {
    const total = sides.map((n, i) =>
      Math.max(0, (Math.ceil(n / strides[i]) - 1) * strides[i] + reach[i] - n)
    );
    const small = total.map((t) => Math.floor(t / 2)), large = total.map((t, i) => t - small[i]);
    pads = auto === "SAME_LOWER" ? [...large, ...small] : [...small, ...large];
  } else if (auto === "VALID") pads = sides.flatMap(() => [0, 0]);
  const round = c.number("ceil_mode", 0) ? Math.ceil : Math.floor;
  const out = sides.map((n, i) => {
    const places = round((n + pads[i] + pads[sides.length + i] - reach[i]) / strides[i]) + 1;
    // a last window that would begin behind the picture is none
    return (places - 1) * strides[i] >= n + pads[i] ? places - 1 : places;
  });
  return { kernel, strides, dilations, pads, out };
}

/** Sides padded with `value`, so far that every window is inside. */
function padded(r: Recording, x: Value, w: Window, value: number): Value {
  return w.kernel.reduce((image, k, i) => {
    const axis = 2 + i, n = image.shape[axis];
    const needed = (w.out[i] - 1) * w.strides[i] + (k - 1) * w.dilations[i] + 1;
    return padAxis(r, image, axis, [w.pads[i], Math.max(0, needed - n - w.pads[i])], value);
  }, x);
}

/** What each tap of the kernel sees: (N, C, out...). */
function* taps(r: Recording, image: Value, w: Window): Generator<{ at: number; seen: Value }> {
  for (let at = 0; at < size(w.kernel); at++) {
    const seen = w.kernel.reduce((part, _, i) => {
      const place = Math.floor(at / size(w.kernel.slice(i + 1))) % w.kernel[i];
      const places = Array.from({ length: w.out[i] }, (_, k) => place * w.dilations[i] + k * w.strides[i]);
      return take(r, part, 2 + i, places);
    }, image);
    yield { at, seen };
  }
}

function conv(c: Call): Value {
  const { r } = c, x = c.input(0), weight = c.input(1), sides = x.shape.slice(2);
  if (sides.length !== 2) {
    throw new Unsupported(`a convolution over ${sides.length} axes is not supported yet`);
  }
  const w = windowOf(c, sides, c.list("kernel_shape") ?? weight.shape.slice(2)),
    groups = c.number("group", 1);
  const y = !isKnown(x) && groups === 1 && w.dilations.every((d) => d === 1) && w.strides[0] === w.strides[1]
    ? plainConv(r, x, weight, w)
    : tapConv(r, x, weight, w, groups);
  return c.has(2) ? binary(r, "add", y, reshaped(c.input(2), [weight.shape[0], 1, 1])) : y;
}

/** The graph's own convolution, channels last. */
function plainConv(
  r: Recording,
  x: Value,
  weight: Value,
  { strides, pads: [top, left, bottom, right] }: Window,
): Value {
  const image = permute(reshape(r.tensorOf(x), x.shape), [0, 2, 3, 1]);
  const y = conv2d(image, reshape(r.tensorOf(weight), weight.shape), undefined, {
    stride: strides[0],
    pad: [top, bottom, left, right],
  });
  const [n, height, width, channels] = y.shape;
  return onDevice(permute(y, [0, 3, 1, 2]), [n, channels, height, width]);
}

/** Tap by tap: groups, dilations and uneven strides. */
function tapConv(r: Recording, x: Value, weight: Value, w: Window, groups: number): Value {
  const [out, inner] = weight.shape, [n] = x.shape, pixels = size(w.out), each = out / groups;
  const flat = reshaped(weight, [out, inner, size(w.kernel)]);
  let sum: Value | null = null;
  for (const { at, seen } of taps(r, padded(r, x, w, 0), w)) {
    const tap = reshaped(take(r, flat, 2, [at]), [groups, each, inner]);
    const image = reshaped(seen, [n, groups, inner, pixels]);
    const part = inner === 1 ? binary(r, "mul", image, reshaped(tap, [groups, each, 1])) : product(
      r,
      reshaped(broadcast(r, tap, [n, groups, each, inner]), [n * groups, each, inner]),
      reshaped(image, [n * groups, inner, pixels]),
    );
    sum = sum === null ? part : binary(r, "add", sum, part);
  }
  return reshaped(sum!, [n, out, ...w.out]);
}

/** The mean of a window, or of what of it lies in the picture. */
function averagePool(c: Call): Value {
  const { r } = c, x = c.input(0), w = windowOf(c, x.shape.slice(2), c.list("kernel_shape")!);
  let sum: Value | null = null;
  for (const { seen } of taps(r, padded(r, x, w, 0), w)) {
    sum = sum === null ? seen : binary(r, "add", sum, seen);
  }
  const sides = x.shape.slice(2), counted = c.number("count_include_pad", 0);
  // a place counts in the picture, and in its padding where that is asked for
  const counts = w.out.map((places, i) =>
    Array.from(
      { length: places },
      (_, k) =>
        Array.from({ length: w.kernel[i] }, (_, t) => k * w.strides[i] + t * w.dilations[i] - w.pads[i])
          .filter((at) => counted ? at < sides[i] + w.pads[w.out.length + i] : at >= 0 && at < sides[i])
          .length,
    )
  );
  const shares = counts.map((list, i) =>
    known(list.map((n) => 1 / n), [list.length, ...w.out.slice(i + 1).map(() => 1)])
  );
  return shares.reduce((y, share) => binary(r, "mul", y, share), sum!);
}

function maxPool(c: Call): Value {
  const { r } = c, x = c.input(0), w = windowOf(c, x.shape.slice(2), c.list("kernel_shape")!);
  let most: Value | null = null;
  for (const { seen } of taps(r, padded(r, x, w, -3.4e38), w)) {
    most = most === null ? seen : binary(r, "maximum", most, seen);
  }
  return most!;
}

/** Linear and nearest, axis by axis: products with matrices of weights. */
function resize(c: Call): Value {
  const { r } = c,
    mode = c.text("mode", "nearest"),
    way = c.text("coordinate_transformation_mode", "half_pixel");
  let x = c.input(0);
  const scales = c.has(2) ? knownNumbers(c.input(2), "scales") : [];
  const sizes = c.has(3)
    ? knownNumbers(c.input(3), "sizes")
    : x.shape.map((d, i) => Math.floor(d * scales[i]));
  if (mode === "cubic") throw new Unsupported("cubic resizing is not supported yet");
  sizes.forEach((to, axis) => {
    const from = x.shape[axis];
    if (to === from) return;
    const scale = scales[axis] ?? to / from;
    const rows = Array.from(
      { length: to },
      (_, i) => weightsOf(placeOf(i, { from, to, scale, way }), from, mode),
    );
    const matrix = known(rows.flat(), [to, from]);
    const outer = size(x.shape.slice(0, axis)), inner = size(x.shape.slice(axis + 1));
    x = reshaped(matrixProduct(r, matrix, reshaped(x, [outer, from, inner])), x.shape.with(axis, to));
  });
  return x;
}

function placeOf(
  i: number,
  { from, to, scale, way }: { from: number; to: number; scale: number; way: string },
): number {
  if (way === "asymmetric") return i / scale;
  if (way === "align_corners") return to === 1 ? 0 : i * (from - 1) / (to - 1);
  if (way === "half_pixel" || (way === "pytorch_half_pixel" && to > 1)) return (i + 0.5) / scale - 0.5;
  if (way === "pytorch_half_pixel") return 0;
  throw new Unsupported(`resizing by ${way} is not supported yet`);
}

function weightsOf(place: number, from: number, mode: string): number[] {
  const row = Array<number>(from).fill(0), inside = (at: number) => Math.min(Math.max(at, 0), from - 1);
  if (mode === "nearest") row[inside(Math.ceil(place - 0.5))] = 1;
  else {
    const low = Math.floor(place), share = place - low;
    row[inside(low)] += 1 - share;
    row[inside(low + 1)] += share;
  }
  return row;
}

export const WINDOWS: Readonly<Record<string, Operator>> = {
  Conv: conv,
  AveragePool: averagePool,
  MaxPool: maxPool,
  Resize: resize,
};
