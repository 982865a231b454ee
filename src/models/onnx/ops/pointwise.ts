/** Functions of single elements. */

import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "../../../base/dtype.ts";
import { cast as castTo } from "../../../graph/mod.ts";
import { binary, broadcast, scalar, unary } from "../arrays.ts";
import {
  broadcastShape,
  fromFile,
  isKnown,
  known,
  onDevice,
  type Recording,
  size,
  Unsupported,
  type Value,
} from "../values.ts";
import type { OnnxTensor } from "../../../formats/onnx/onnx_file.ts";
import type { Call, Operator } from "./call.ts";

function plain(name: string): Operator {
  return (c) => unary(c.r, name, c.input(0));
}

function pair(name: string): Operator {
  return (c) => binary(c.r, name, c.input(0), c.input(1));
}

function many(name: string): Operator {
  return (c) => c.inputs.slice(1).reduce((sum: Value, next) => binary(c.r, name, sum, next!), c.input(0));
}

/** max(x, 0). */
const relu = (r: Recording, x: Value) => scalar(r, "maximum", x, 0);

function clip(c: Call): Value {
  let x = c.input(0);
  const low = c.inputs[1] ?? bound(c, "min"), high = c.inputs[2] ?? bound(c, "max");
  if (low) x = binary(c.r, "maximum", x, low);
  return high ? binary(c.r, "minimum", x, high) : x;
}

const bound = (c: Call, name: string) => name in c.attributes ? known([c.number(name, 0)], []) : undefined;

/** Whole exponents and roots on a device; anything where both are known. */
function pow(c: Call): Value {
  const [x, exponent] = [c.input(0), c.input(1)];
  if (isKnown(x) && isKnown(exponent)) return binary(c.r, "pow", x, exponent);
  const power = isKnown(exponent) && size(exponent.shape) === 1 ? exponent.known[0] : NaN;
  if (power === 0.5) return unary(c.r, "sqrt", x);
  if (!(Number.isInteger(power) && power >= 1 && power <= 8)) {
    throw new Unsupported("powers other than 1 to 8 and 0.5 are not supported yet");
  }
  let product = x;
  for (let i = 1; i < power; i++) product = binary(c.r, "mul", product, x);
  return product;
}

function gelu(c: Call): Value {
  const { r } = c, x = c.input(0), half = scalar(r, "mul", x, 0.5);
  const inner = c.text("approximate", "none") === "tanh"
    ? unary(
      r,
      "tanh",
      scalar(
        r,
        "mul",
        binary(r, "add", x, scalar(r, "mul", binary(r, "mul", binary(r, "mul", x, x), x), 0.044715)),
        Math.sqrt(2 / Math.PI),
      ),
    )
    : unary(r, "erf", scalar(r, "mul", x, Math.SQRT1_2));
  return binary(r, "mul", half, scalar(r, "add", inner, 1));
}

/** max(x, 0) + alpha (exp(min(x, 0)) - 1). */
function elu(c: Call): Value {
  const { r } = c, x = c.input(0), low = unary(r, "exp", scalar(r, "minimum", x, 0));
  return binary(r, "add", relu(r, x), scalar(r, "mul", scalar(r, "add", low, -1), c.number("alpha", 1)));
}

function hardSigmoid(r: Recording, x: Value, alpha: number, beta: number): Value {
  return scalar(r, "minimum", relu(r, scalar(r, "add", scalar(r, "mul", x, alpha), beta)), 1);
}

/** log(1 + exp(x)), without overflow: max(x, 0) + log(1 + exp(-|x|)). */
function softplus(c: Call): Value {
  const { r } = c, x = c.input(0);
  const small = scalar(r, "add", unary(r, "exp", unary(r, "neg", unary(r, "abs", x))), 1);
  return binary(r, "add", relu(r, x), unary(r, "log", small));
}

function leakyRelu(c: Call): Value {
  const { r } = c, x = c.input(0);
  const low = scalar(r, "mul", scalar(r, "minimum", x, 0), c.number("alpha", 0.01));
  return binary(r, "add", relu(r, x), low);
}

/** The condition must be known or a mask of 0 and 1. */
function where(c: Call): Value {
  const { r } = c, [condition, a, b] = [c.input(0), c.input(1), c.input(2)];
  if (!isKnown(condition)) throw new Unsupported("a condition on a picture's values is not supported yet");
  const mask = known(condition.known, condition.shape, a.dtype);
  if (isKnown(a) && isKnown(b)) {
    const shape = broadcastShape(mask.shape, a.shape, b.shape);
    const [m, x, y] = [mask, a, b].map((v) => broadcast(r, v, shape).known!);
    return known(Float64Array.from(m, (v, i) => v ? x[i] : y[i]), shape, a.dtype);
  }
  const other = known(mask.known.map((v) => 1 - v), mask.shape);
  return binary(r, "add", binary(r, "mul", a, mask), binary(r, "mul", b, other));
}

/** What a value is rounded to by TensorProto.DataType; it is held as float32 whatever its width. */
const HALVES: Readonly<Record<number, "f16" | "bf16">> = { 10: "f16", 16: "bf16" };
const HOST_HALVES = {
  f16: (x: Float32Array) => f16ToF32(f32ToF16(x)),
  bf16: (x: Float32Array) => bf16ToF32(f32ToBf16(x)),
};

function cast(c: Call): Value {
  const x = c.input(0), to = c.number("to", 1), floats = [1, 10, 11, 16].includes(to), half = HALVES[to];
  if (!isKnown(x)) {
    if (floats) return half ? onDevice(castTo(castTo(c.r.tensorOf(x), half), "f32"), x.shape) : x;
    throw new Unsupported("whole numbers of a picture's values are not supported yet");
  }
  if (floats) {
    const values = Float32Array.from(x.known);
    return known(half ? HOST_HALVES[half](values) : values, x.shape);
  }
  if (to === 9) return known(Float64Array.from(x.known, (v) => Number(v !== 0)), x.shape, "bool");
  return known(Float64Array.from(x.known, Math.trunc), x.shape, "i64");
}

function constant(c: Call): Value {
  const { value } = c.attributes;
  if (value !== undefined) return fromFile(value as OnnxTensor);
  for (const name of ["value_float", "value_int"]) {
    if (name in c.attributes) return known([c.number(name, 0)], [], name === "value_int" ? "i64" : "f32");
  }
  const floats = c.list("value_floats"), ints = c.list("value_ints"), list = floats ?? ints;
  if (!list) throw new Unsupported("a constant of this kind is not supported yet");
  return known(list, [list.length], floats ? "f32" : "i64");
}

export const POINTWISE: Readonly<Record<string, Operator>> = {
  Identity: (c) => c.input(0),
  Dropout: (c) => c.input(0),
  Constant: constant,
  Cast: cast,
  ...Object.fromEntries(
    [
      "Exp",
      "Log",
      "Sqrt",
      "Abs",
      "Neg",
      "Sin",
      "Cos",
      "Tanh",
      "Sigmoid",
      "Reciprocal",
      "Floor",
      "Ceil",
      "Not",
      "Erf",
    ]
      .map((op) => [op, plain(op.toLowerCase())]),
  ),
  ...{ Add: pair("add"), Sub: pair("sub"), Mul: pair("mul"), Div: pair("div"), Equal: pair("equal") },
  ...{ Less: pair("less"), Greater: pair("greater"), And: pair("and"), Or: pair("or") },
  ...{ Sum: many("add"), Max: many("maximum"), Min: many("minimum") },
  Mod: (c) => binary(c.r, c.number("fmod", 0) ? "fmod" : "mod", c.input(0), c.input(1)),
  Relu: (c) => relu(c.r, c.input(0)),
  LeakyRelu: leakyRelu,
  Elu: elu,
  Softplus: softplus,
  HardSigmoid: (c) => hardSigmoid(c.r, c.input(0), c.number("alpha", 0.2), c.number("beta", 0.5)),
  HardSwish: (c) => binary(c.r, "mul", c.input(0), hardSigmoid(c.r, c.input(0), 1 / 6, 0.5)),
  Clip: clip,
  Pow: pow,
  Gelu: gelu,
  Where: where,
};
