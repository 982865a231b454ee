/** ONNX model files (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto): graph, weights and attributes as plain data. */

import { bf16ToF32, f16ToF32 } from "../../base/dtype.ts";
import { UserError } from "../../base/errors.ts";
import { fileBytes } from "../../base/files/regular_file.ts";
import { Message, ProtobufError } from "./protobuf.ts";

export type OnnxDtype = "f32" | "i64" | "bool";

/** A tensor as numbers; dtypes of the file that mean the same here are one: f16 and f64 are f32, all integers i64. */
export interface OnnxTensor {
  readonly dtype: OnnxDtype;
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array;
}

export type OnnxAttribute = number | string | OnnxTensor | readonly number[] | readonly string[];

export interface OnnxNode {
  readonly op: string;
  readonly name: string;
  /** "" where an optional input is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxInput {
  readonly name: string;
  /** A name where the size is free. */
  readonly shape: readonly (number | string)[];
}

export interface OnnxModel {
  readonly path: string;
  /** Version of the operators. */
  readonly opset: number;
  /** Without those that initializers give. */
  readonly inputs: readonly OnnxInput[];
  readonly outputs: readonly string[];
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
}

/** Reads a whole model. Throws UserError for what is none, and for weights in other files. */
export function readOnnx(path: string): OnnxModel {
  const bytes = fileBytes(path);
  try {
    return parse(path, new Message(bytes));
  } catch (cause) {
    if (!(cause instanceof ProtobufError)) throw cause;
    throw new UserError(`${path}: is no ONNX model or is damaged (${cause.message}); get it again`, {
      cause,
    });
  }
}

function parse(path: string, model: Message): OnnxModel {
  const [graph] = model.messages(7);
  if (!graph) throw new UserError(`${path}: is no ONNX model (it has no graph)`);
  const initializers = new Map(graph.messages(5).map((t) => [t.text(8), tensor(path, t)]));
  const opsets = new Map(model.messages(8).map((m) => [m.text(1), m.int(2)]));
  return {
    path,
    opset: opsets.get("") ?? opsets.get("ai.onnx") ?? 1,
    inputs: graph.messages(11).filter((m) => !initializers.has(m.text(1))).map(input),
    outputs: graph.messages(12).map((m) => m.text(1)),
    nodes: graph.messages(1).map((m) => ({
      op: m.text(4),
      name: m.text(3),
      inputs: m.texts(1),
      outputs: m.texts(2),
      attributes: Object.fromEntries(m.messages(5).map((a) => [a.text(1), attribute(path, a)])),
    })),
    initializers,
  };
}

function input(info: Message): OnnxInput {
  const shape = info.messages(2)[0]?.messages(1)[0]?.messages(2)[0];
  return {
    name: info.text(1),
    shape: (shape?.messages(1) ?? []).map((d) => d.has(1) && d.int(1) > 0 ? d.int(1) : d.text(2)),
  };
}

function attribute(path: string, a: Message): OnnxAttribute {
  switch (a.int(20)) {
    case 1:
      return a.floats(2)[0] ?? 0;
    case 2:
      return a.int(3);
    case 3:
      return a.text(4);
    case 4:
      return tensor(path, a.messages(5)[0]);
    case 6:
      return a.floats(7);
    case 7:
      return a.ints(8);
    case 8:
      return a.texts(9);
    default:
      throw new UserError(`${path}: attribute ${a.text(1)} is of a kind that is not supported yet`);
  }
}

type Reader = (bytes: Uint8Array<ArrayBuffer>) => Float32Array | Float64Array;

const longs: Reader = (b) => Float64Array.from(new BigInt64Array(b.buffer), Number);

/** By TensorProto.DataType: how raw bytes are read, and which other field may hold the numbers. */
const KINDS: Readonly<Record<number, { dtype: OnnxDtype; raw: Reader; floats?: number; ints?: number }>> = {
  1: { dtype: "f32", raw: (b) => new Float32Array(b.buffer), floats: 4 },
  2: { dtype: "i64", raw: (b) => Float64Array.from(b), ints: 5 },
  3: { dtype: "i64", raw: (b) => Float64Array.from(new Int8Array(b.buffer)), ints: 5 },
  6: { dtype: "i64", raw: (b) => Float64Array.from(new Int32Array(b.buffer)), ints: 5 },
  7: { dtype: "i64", raw: longs, ints: 7 },
  9: { dtype: "bool", raw: (b) => Float64Array.from(b), ints: 5 },
  10: { dtype: "f32", raw: (b) => f16ToF32(new Uint16Array(b.buffer)) },
  11: { dtype: "f32", raw: (b) => Float32Array.from(new Float64Array(b.buffer)) },
  16: { dtype: "f32", raw: (b) => bf16ToF32(new Uint16Array(b.buffer)) },
};

function tensor(path: string, t: Message): OnnxTensor {
  const name = t.text(8) || "a constant", shape = t.ints(1), kind = KINDS[t.int(2)];
  if (t.int(14) === 1 || t.has(13)) {
    throw new UserError(
      `${path}: ${name} lies in another file, which is not supported yet; save the model in one file`,
    );
  }
  if (!kind) throw new UserError(`${path}: ${name} has data of kind ${t.int(2)}, which is not supported yet`);
  const count = shape.reduce((n, d) => n * d, 1), [raw] = t.bytes(9);
  const data = raw
    ? kind.raw(raw.slice() as Uint8Array<ArrayBuffer>)
    : kind.floats
    ? Float32Array.from(t.floats(kind.floats))
    : Float64Array.from(t.ints(kind.ints ?? 5));
  if (data.length !== count || shape.some((d) => d < 0)) {
    throw new UserError(
      `${path}: ${name} has ${data.length} values for [${shape.join(", ")}]; the file is damaged`,
    );
  }
  return { dtype: kind.dtype, shape, data };
}
