/** Operators that move elements, and those that give shapes. */

import { binary, broadcast, joinAlong, padAxis, reshaped, sliceOf, take, transpose } from "../arrays.ts";
import {
  axisOf,
  broadcastShape,
  fromFile,
  known,
  knownNumbers,
  size,
  Unsupported,
  type Value,
} from "../values.ts";
import type { OnnxTensor } from "../../../formats/onnx/onnx_file.ts";
import type { Call, Operator } from "./call.ts";

const range = (n: number, start = 0) => Array.from({ length: n }, (_, i) => start + i);

function reshape(c: Call): Value {
  const x = c.input(0), wanted = knownNumbers(c.input(1), "a shape"), zero = c.number("allowzero", 0);
  const shape = wanted.map((d, i) => d === 0 && !zero ? x.shape[i] : d), open = shape.indexOf(-1);
  if (open >= 0) shape[open] = size(x.shape) / size(shape.filter((d) => d !== -1));
  return reshaped(x, shape);
}

function squeeze(c: Call): Value {
  const x = c.input(0), { shape } = x;
  const axes = c.listOrInput("axes", 1)?.map((a) => axisOf(a, shape.length));
  return reshaped(x, shape.filter((d, i) => axes ? !axes.includes(i) : d !== 1));
}

function unsqueeze(c: Call): Value {
  const x = c.input(0), axes = c.listOrInput("axes", 1) ?? [], rank = x.shape.length + axes.length;
  const places = axes.map((a) => axisOf(a, rank)), rest = [...x.shape];
  return reshaped(x, range(rank).map((i) => places.includes(i) ? 1 : rest.shift()!));
}

function flatten(c: Call): Value {
  const x = c.input(0), axis = axisOf(c.number("axis", 1), x.shape.length);
  return reshaped(x, [size(x.shape.slice(0, axis)), size(x.shape.slice(axis))]);
}

function sliced(c: Call): Value {
  let x = c.input(0);
  const starts = c.listOrInput("starts", 1)!, ends = c.listOrInput("ends", 2)!;
  const axes = c.listOrInput("axes", 3) ?? range(starts.length), steps = c.listOrInput("steps", 4);
  axes.forEach((given, k) => {
    const axis = axisOf(given, x.shape.length), n = x.shape[axis], step = steps?.[k] ?? 1;
    const within = (at: number, low: number, high: number) =>
      Math.min(Math.max(at < 0 ? at + n : at, low), high);
    const start = step > 0 ? within(starts[k], 0, n) : within(starts[k], 0, n - 1);
    const end = step > 0 ? within(ends[k], 0, n) : ends[k] < -n ? -1 : within(ends[k], -1, n - 1);
    const count = Math.max(0, Math.ceil((end - start) / step));
    x = count === 0
      ? known([], x.shape.with(axis, 0), x.dtype)
      : step === 1
      ? sliceOf(c.r, x, axis, start, count)
      : take(c.r, x, axis, range(count).map((i) => start + i * step));
  });
  return x;
}

function split(c: Call): Value[] {
  const x = c.input(0), axis = axisOf(c.number("axis", 0), x.shape.length), n = x.shape[axis];
  const each = Math.ceil(n / c.outputs);
  const sizes = c.listOrInput("split", 1) ??
    range(c.outputs).map((i) => Math.min(each, n - i * each));
  let at = 0;
  return sizes.map((length) => {
    const part = sliceOf(c.r, x, axis, at, length);
    at += length;
    return part;
  });
}

function gather(c: Call): Value {
  const x = c.input(0), places = c.input(1), axis = axisOf(c.number("axis", 0), x.shape.length);
  const list = knownNumbers(places, "an index").map((i) => i < 0 ? i + x.shape[axis] : i);
  const shape = [...x.shape.slice(0, axis), ...places.shape, ...x.shape.slice(axis + 1)];
  return reshaped(take(c.r, x, axis, list), shape);
}

function gatherElements(c: Call): Value {
  const x = c.input(0), places = c.input(1), axis = axisOf(c.number("axis", 0), x.shape.length);
  const list = knownNumbers(places, "an index"), { shape } = places;
  const flat = list.map((given, i) => {
    const index = range(shape.length).map((k) => Math.floor(i / size(shape.slice(k + 1))) % shape[k]);
    index[axis] = given < 0 ? given + x.shape[axis] : given;
    return index.reduce((at, v, k) => at * x.shape[k] + v, 0);
  });
  return reshaped(take(c.r, reshaped(x, [size(x.shape)]), 0, flat), shape);
}

function gatherNd(c: Call): Value {
  const x = c.input(0), places = c.input(1), list = knownNumbers(places, "an index");
  if (c.number("batch_dims", 0) !== 0) throw new Unsupported("batch_dims is not supported yet");
  const depth = places.shape.at(-1)!, rest = x.shape.slice(depth);
  const rows = range(list.length / depth).map((row) =>
    range(depth).reduce((at, k) => {
      const given = list[row * depth + k];
      return at * x.shape[k] + (given < 0 ? given + x.shape[k] : given);
    }, 0)
  );
  const table = reshaped(x, [size(x.shape.slice(0, depth)), ...rest]);
  return reshaped(take(c.r, table, 0, rows), [...places.shape.slice(0, -1), ...rest]);
}

function tile(c: Call): Value {
  return knownNumbers(c.input(1), "repeats").reduce(
    (x, times, axis) => joinAlong(c.r, range(times).map(() => x), axis),
    c.input(0),
  );
}

/** Constant, or the picture's own rows mirrored or repeated; negative sizes cut. */
function pad(c: Call): Value {
  let x = c.input(0);
  const pads = c.listOrInput("pads", 1)!, mode = c.text("mode", "constant");
  const axes = c.has(3) ? knownNumbers(c.input(3), "axes") : range(pads.length / 2);
  const value = c.has(2) ? knownNumbers(c.input(2), "a value")[0] ?? 0 : c.number("value", 0);
  axes.forEach((given, k) => {
    const axis = axisOf(given, x.shape.length),
      before = pads[k],
      after = pads[axes.length + k],
      n = x.shape[axis];
    if (before === 0 && after === 0) return;
    if (mode === "constant") {
      const from = Math.max(0, -before), to = n - Math.max(0, -after);
      x = padAxis(c.r, sliceOf(c.r, x, axis, from, to - from), axis, [before, after], value);
      return;
    }
    const places = range(before + n + after, -before).map((at) => {
      if (mode === "edge") return Math.min(Math.max(at, 0), n - 1);
      if (mode !== "reflect") throw new Unsupported(`padding by ${mode} is not supported yet`);
      const period = 2 * (n - 1), place = ((at % period) + period) % period;
      return place < n ? place : period - place;
    });
    x = take(c.r, x, axis, places);
  });
  return x;
}

function depthToSpace(c: Call): Value {
  const x = c.input(0),
    b = c.number("blocksize", 2),
    [n, ch, h, w] = x.shape,
    columns = c.text("mode", "DCR") === "CRD";
  const split = reshaped(x, columns ? [n, ch / b / b, b, b, h, w] : [n, b, b, ch / b / b, h, w]);
  const order = columns ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2];
  return reshaped(transpose(c.r, split, order), [n, ch / b / b, h * b, w * b]);
}

function shapeOf(c: Call): Value {
  const { shape } = c.input(0), n = shape.length;
  const within = (at: number) => Math.min(Math.max(axisOf(at, n), 0), n);
  const part = shape.slice(within(c.number("start", 0)), within(c.number("end", n)));
  return known(part, [part.length], "i64");
}

function rangeOf(c: Call): Value {
  const [start, limit, step] = [0, 1, 2].map((i) => knownNumbers(c.input(i), "a range")[0]);
  const list = range(Math.max(0, Math.ceil((limit - start) / step))).map((i) => start + i * step);
  return known(list, [list.length], c.input(0).dtype);
}

function constantOfShape(c: Call): Value {
  const shape = knownNumbers(c.input(0), "a shape"), given = c.attributes.value as OnnxTensor | undefined;
  const value = given ? fromFile(given) : known([0], [1]);
  return known(Array(size(shape)).fill(value.known[0]), shape, value.dtype);
}

function expand(c: Call): Value {
  const x = c.input(0), shape = broadcastShape(x.shape, knownNumbers(c.input(1), "a shape"));
  return broadcast(c.r, x, shape);
}

/** Running sums as a product with a triangle of ones. */
function cumsum(c: Call): Value {
  const x = c.input(0),
    axis = axisOf(knownNumbers(c.input(1), "an axis")[0], x.shape.length),
    n = x.shape[axis];
  const ahead = c.number("exclusive", 0), reverse = c.number("reverse", 0);
  const parts = range(n).map((i) => {
    const places = range(n).filter((k) => reverse ? k >= i + ahead : k <= i - ahead);
    const first = sliceOf(c.r, x, axis, i, 1);
    return places.reduce(
      (sum: Value, k) => binary(c.r, "add", sum, sliceOf(c.r, x, axis, k, 1)),
      binary(c.r, "mul", first, known([0], [], x.dtype)),
    );
  });
  return joinAlong(c.r, parts, axis);
}

export const SHAPE_OPERATORS: Readonly<Record<string, Operator>> = {
  Reshape: reshape,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Flatten: flatten,
  Transpose: (c) => {
    const x = c.input(0);
    return transpose(c.r, x, c.list("perm") ?? range(x.shape.length).reverse());
  },
  Slice: sliced,
  Split: split,
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherNd,
  Concat: (c) =>
    joinAlong(c.r, c.inputs.map((v) => v!), axisOf(c.number("axis", 0), c.input(0).shape.length)),
  Tile: tile,
  Pad: pad,
  DepthToSpace: depthToSpace,
  Expand: expand,
  CumSum: cumsum,
  Shape: shapeOf,
  Size: (c) => known([size(c.input(0).shape)], [], "i64"),
  Range: rangeOf,
  ConstantOfShape: constantOfShape,
};
