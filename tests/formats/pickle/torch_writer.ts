/** Files as torch.save() writes them, in both forms: what published .ckpt and .pt files are. */

import { zipSync } from "fflate";
import type { TensorFile } from "../../../src/formats/tensor_file.ts";

const ascii = (text: string) => [...new TextEncoder().encode(text)];
const int32 = (n: number) => [...new Uint8Array(Int32Array.of(n).buffer)];
const int = (n: number) => [0x4a, ...int32(n)]; // BININT
const text = (s: string) => [0x58, ...int32(ascii(s).length), ...ascii(s)]; // BINUNICODE
const name = (module: string, what: string) => [0x63, ...ascii(`${module}\n${what}\n`)]; // GLOBAL
const tuple = (...parts: number[][]) => [0x28, ...parts.flat(), 0x74]; // MARK ... TUPLE
const dict = (entries: [string, number[]][]) => [
  ...[0x7d, 0x28], // EMPTY_DICT MARK ... SETITEMS
  ...entries.flatMap(([key, value]) => [...text(key), ...value]),
  0x75,
];
const pickle = (value: number[]) => [0x80, 2, ...value, 0x2e]; // PROTO ... STOP
const ordered = [...name("collections", "OrderedDict"), 0x29, 0x52]; // EMPTY_TUPLE REDUCE

const STORAGES: Readonly<Record<string, string>> = {
  ...{ F32: "FloatStorage", F16: "HalfStorage", BF16: "BFloat16Storage" },
  ...{ F64: "DoubleStorage", I64: "LongStorage" },
};

function tensor(key: string, dtype: string, shape: readonly number[]): number[] {
  const count = shape.reduce((a, d) => a * d, 1);
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, d) => a * d, 1));
  const storage = tuple(text("storage"), name("torch", STORAGES[dtype]), text(key), text("cpu"), int(count));
  const sizes = (list: readonly number[]) => tuple(...list.map(int));
  return [
    ...name("torch._utils", "_rebuild_tensor_v2"),
    ...tuple([...storage, 0x51], int(0), sizes(shape), sizes(strides), [0x89], ordered), // BINPERSID, NEWFALSE
    0x52, // REDUCE
  ];
}

export interface TorchForm {
  readonly form: "zip" | "legacy";
  /** Puts the tensors below this key, beside a number, as trainers do. */
  readonly below?: string;
}

/** All tensors of an open file as torch.save() would write them. */
export function torchBytes(file: TensorFile, { form, below }: TorchForm): Uint8Array {
  const keys = file.keys();
  const tensors = dict(keys.map((key, i) => {
    const { dtype, shape } = file.info(key);
    return [key, tensor(String(i), dtype, shape)];
  }));
  const root = pickle(
    below ? dict([[below, tensors], ["global_step", int(840000)], ["epoch", int(3)]]) : tensors,
  );
  return form === "zip" ? zipped(file, keys, root) : legacy(file, keys, root);
}

function zipped(file: TensorFile, keys: readonly string[], root: number[]): Uint8Array {
  const entries: Record<string, Uint8Array> = { "archive/data.pkl": Uint8Array.from(root) };
  keys.forEach((key, i) => entries[`archive/data/${i}`] = file.bytes(key));
  entries["archive/version"] = Uint8Array.from(ascii("3\n"));
  return zipSync(entries, { level: 0 });
}

function legacy(file: TensorFile, keys: readonly string[], root: number[]): Uint8Array {
  const magic = [0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]; // LONG1
  const system = dict([["protocol_version", [0x4d, 0xe9, 3]], ["little_endian", [0x88]]]);
  const list = [0x5d, 0x28, ...keys.flatMap((_, i) => text(String(i))), 0x65]; // EMPTY_LIST MARK ... APPENDS
  const head = [magic, [0x4d, 0xe9, 3], system].flatMap(pickle);
  const parts = [Uint8Array.from([...head, ...root, ...pickle(list)])];
  for (const key of keys) {
    const count = file.info(key).shape.reduce((a, d) => a * d, 1);
    parts.push(new Uint8Array(BigInt64Array.of(BigInt(count)).buffer), file.bytes(key));
  }
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (out.set(part, at), at + part.length), 0);
  return out;
}
