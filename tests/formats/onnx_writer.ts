/** Small ONNX models for tests, written field by field. */

export interface OnnxNodeSpec {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly ints?: Readonly<Record<string, readonly number[]>>;
  /** Weights that come with the node. */
  readonly tensors?: Readonly<
    Record<string, { readonly shape: readonly number[]; readonly data: readonly number[] }>
  >;
  /** Integers that come with it: shapes. */
  readonly sizes?: Readonly<Record<string, readonly number[]>>;
}

export interface OnnxSpec {
  readonly input: readonly [name: string, shape: readonly number[]];
  readonly outputs: readonly string[];
  readonly nodes: readonly OnnxNodeSpec[];
}

const text = (value: string) => new TextEncoder().encode(value);

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = BigInt.asUintN(64, BigInt(value));; rest >>= 7n) {
    if (rest < 0x80n) return [...bytes, Number(rest)];
    bytes.push(Number(rest & 0x7fn) | 0x80);
  }
}

/** A field: a number as a varint, bytes with their length. */
function field(number: number, value: number | Uint8Array): number[] {
  if (typeof value === "number") return [...varint(number << 3), ...varint(value)];
  return [...varint(number << 3 | 2), ...varint(value.length), ...value];
}

const message = (...fields: number[][]) => Uint8Array.from(fields.flat());

function tensor(name: string, kind: number, shape: readonly number[], data: ArrayBuffer): Uint8Array {
  return message(
    ...shape.map((d) => field(1, d)),
    field(2, kind),
    field(8, text(name)),
    field(9, new Uint8Array(data)),
  );
}

function node({ op, inputs, outputs, ints = {} }: OnnxNodeSpec): Uint8Array {
  const attributes = Object.entries(ints).map(([name, list]) =>
    message(field(1, text(name)), ...list.map((v) => field(8, v)), field(20, 7))
  );
  return message(
    ...inputs.map((name) => field(1, text(name))),
    ...outputs.map((name) => field(2, text(name))),
    field(4, text(op)),
    ...attributes.map((attribute) => field(5, attribute)),
  );
}

/** The file's bytes; operators of version 13. */
export function onnxBytes({ input: [name, shape], outputs, nodes }: OnnxSpec): Uint8Array {
  const dims = message(...shape.map((d) => field(1, message(field(1, d)))));
  const type = message(field(1, message(field(1, 1), field(2, dims))));
  const initializers = nodes.flatMap(({ tensors = {}, sizes = {} }) => [
    ...Object.entries(tensors).map(([key, t]) => tensor(key, 1, t.shape, Float32Array.from(t.data).buffer)),
    ...Object.entries(sizes).map(([key, list]) =>
      tensor(key, 7, [list.length], BigInt64Array.from(list, BigInt).buffer)
    ),
  ]);
  const graph = message(
    ...nodes.map((one) => field(1, node(one))),
    ...initializers.map((one) => field(5, one)),
    field(11, message(field(1, text(name)), field(2, type))),
    ...outputs.map((output) => field(12, message(field(1, text(output))))),
  );
  return message(field(7, graph), field(8, message(field(2, 13))));
}
