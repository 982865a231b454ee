/** Pickles of state dicts as torch.save() makes them (protocol 2): names, shapes, and which storage holds which tensor. */

import { elementCount, elementSize } from "../tensor_file.ts";

/** What a pickle says of a tensor whose elements lie packed in a storage of its own. */
export interface PickledTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

/** By safetensors' dtype; newer types have none and lie in untyped bytes. */
const STORAGES: Readonly<Record<string, string>> = {
  F32: "FloatStorage",
  F16: "HalfStorage",
  BF16: "BFloat16Storage",
  F64: "DoubleStorage",
  I64: "LongStorage",
  I32: "IntStorage",
  I16: "ShortStorage",
  I8: "CharStorage",
  U8: "ByteStorage",
  BOOL: "BoolStorage",
};

const UNTYPED: Readonly<Record<string, string>> = {
  U16: "uint16",
  U32: "uint32",
  U64: "uint64",
  F8_E4M3: "float8_e4m3fn",
  F8_E5M2: "float8_e5m2",
  F8_E8M0: "float8_e8m0fnu",
};

/**
 * The pickle of these tensors, storages numbered in their order; with `counters` below "state_dict" and beside those
 * numbers. Throws TypeError for a dtype that PyTorch has not.
 */
export function pickledStateDict(
  tensors: readonly PickledTensor[],
  counters: Readonly<Record<string, number>> | null,
): Uint8Array {
  const out = new Opcodes();
  out.byte(0x80, 2); // PROTO
  const stateDict = () =>
    out.dict(tensors.map((tensor, i) => [tensor.name, () => out.tensor(tensor, String(i))]));
  if (counters === null) stateDict();
  else {
    const numbers = Object.entries(counters).map((
      [name, n],
    ): [string, () => void] => [name, () => out.int(n)]);
    out.dict([["state_dict", stateDict], ...numbers]);
  }
  out.byte(0x2e); // STOP
  return out.bytes();
}

class Opcodes {
  #bytes = new Uint8Array(1 << 16);
  #length = 0;

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  byte(...values: number[]): void {
    this.#put(Uint8Array.from(values));
  }

  text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.byte(0x58, ...new Uint8Array(Uint32Array.of(bytes.length).buffer)); // BINUNICODE
    this.#put(bytes);
  }

  int(value: number): void {
    if (Math.abs(value) < 2 ** 31) this.byte(0x4a, ...new Uint8Array(Int32Array.of(value).buffer)); // BININT
    else this.byte(0x8a, 8, ...new Uint8Array(BigInt64Array.of(BigInt(value)).buffer)); // LONG1
  }

  dict(entries: readonly (readonly [string, () => void])[]): void {
    this.byte(0x7d, 0x28); // EMPTY_DICT MARK
    for (const [key, value] of entries) {
      this.text(key);
      value();
    }
    this.byte(0x75); // SETITEMS
  }

  tensor({ name, dtype, shape }: PickledTensor, key: string): void {
    const typed = STORAGES[dtype], newer = UNTYPED[dtype];
    if (!typed && !newer) throw new TypeError(`${name}: PyTorch has no dtype ${dtype}`);
    const count = elementCount(shape);
    this.#name("torch._utils", typed ? "_rebuild_tensor_v2" : "_rebuild_tensor_v3");
    this.byte(0x28, 0x28); // MARK MARK
    this.text("storage");
    if (typed) this.#name("torch", typed);
    else this.#name("torch.storage", "UntypedStorage");
    this.text(key);
    this.text("cpu");
    this.int(typed ? count : count * elementSize(dtype)!);
    this.byte(0x74, 0x51); // TUPLE BINPERSID
    this.int(0); // offset
    this.#ints(shape);
    this.#ints(shape.map((_, i) => elementCount(shape.slice(i + 1)))); // strides
    this.byte(0x89); // requires_grad: NEWFALSE
    this.#name("collections", "OrderedDict");
    this.byte(0x29, 0x52); // EMPTY_TUPLE REDUCE: no hooks
    if (!typed) this.#name("torch", newer);
    this.byte(0x74, 0x52); // TUPLE REDUCE
  }

  #ints(values: readonly number[]): void {
    this.byte(0x28);
    for (const value of values) this.int(value);
    this.byte(0x74);
  }

  #name(module: string, what: string): void {
    this.#put(new TextEncoder().encode(`c${module}\n${what}\n`)); // GLOBAL
  }

  #put(bytes: Uint8Array): void {
    if (this.#length + bytes.length > this.#bytes.length) {
      const larger = new Uint8Array(2 * (this.#length + bytes.length));
      larger.set(this.bytes());
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }
}
