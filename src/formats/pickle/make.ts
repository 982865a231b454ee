/** What the calls in a pickle make: tensors, storages, dicts, or an error. */

import { elementSize } from "../tensor_file.ts";
import { Instance, type Name, Storage, Tensor } from "./values.ts";

/** What is wrong with a pickle; the reader of the file turns it into a UserError. */
export class PickleError extends Error {
  override name = "PickleError";
}

/** What calling a name with arguments gives. */
export function make({ kind, name, dtype }: Name, args: unknown[]): unknown {
  switch (kind) {
    case "ordered_dict":
      return new Map(pairs(args[0] ?? []));
    case "dict": // of a default's maker, or of a dict
      return args[0] instanceof Map ? args[0] : new Map();
    case "size":
      return Array.isArray(args[0]) ? args[0] : [];
    case "rebuild_tensor":
      return tensor(args);
    case "rebuild_typed_tensor":
      return typedTensor(args);
    case "rebuild_parameter":
      if (!(args[0] instanceof Tensor)) throw broken("a parameter is no tensor");
      return args[0];
    case "storage":
    case "dtype":
      throw broken(`something of ${dtype} is made from nothing`);
    case "encode":
      return latin1(args) ?? new Instance(name);
    case "numpy_dtype":
      return new Instance(name, args[0]);
    case "numpy_scalar":
      return integer(args) ?? new Instance(name);
    case "inert":
      return new Instance(name);
  }
}

/** How protocol 2 writes bytes: a text of their values. */
function latin1([text, encoding]: unknown[]): Uint8Array | null {
  if (typeof text !== "string" || encoding !== "latin1") return null;
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

/** A NumPy integer of 32 or 64 bits; null for other scalars, which nothing here needs. */
function integer([dtype, bytes]: unknown[]): number | null {
  if (!(dtype instanceof Instance) || !(bytes instanceof Uint8Array)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (dtype.detail === "i4" && bytes.length === 4) return view.getInt32(0, true);
  return dtype.detail === "i8" && bytes.length === 8 ? Number(view.getBigInt64(0, true)) : null;
}

function pairs(list: unknown): [unknown, unknown][] {
  const isPair = (x: unknown): x is [unknown, unknown] => Array.isArray(x) && x.length === 2;
  if (!Array.isArray(list) || !list.every(isPair)) {
    throw broken("an OrderedDict is made of what are no pairs");
  }
  return list;
}

function tensor([storage, offset, shape, strides]: unknown[]): Tensor {
  if (!(storage instanceof Storage)) throw broken("a tensor has no storage");
  if (!isSize(offset) || !isSizes(shape) || !isSizes(strides) || shape.length !== strides.length) {
    throw broken("a tensor has no proper offset, shape and strides");
  }
  return new Tensor(storage, offset, shape, strides);
}

/** (storage of bytes, offset, shape, strides, requires_grad, hooks, dtype); offset and strides in elements of that dtype. */
function typedTensor(args: unknown[]): Tensor {
  const [storage, , , , , , type] = args;
  if (!isName(type) || type.kind !== "dtype" || !(storage instanceof Storage) || storage.dtype !== "U8") {
    throw broken("a tensor has no proper type and storage");
  }
  const width = elementSize(type.dtype!)!;
  return tensor([new Storage(storage.key, type.dtype!, Math.floor(storage.count / width)), ...args.slice(1)]);
}

/** What a persistent id stands for: ("storage", class, key, location, element count) */
export function storage(id: unknown): Storage {
  if (!Array.isArray(id) || id[0] !== "storage" || !isName(id[1]) || id[1].kind !== "storage") {
    throw broken("a storage has no proper description");
  }
  const [, { dtype }, key, , count, view] = id;
  if (typeof key !== "string" || !isSize(count)) throw broken("a storage has no proper key and size");
  if (view !== undefined && view !== null) throw new PickleError("has storages that are views of others");
  return new Storage(key, dtype!, count);
}

export function isName(x: unknown): x is Name {
  return typeof x === "object" && x !== null && "kind" in x;
}

function isSize(x: unknown): x is number {
  return typeof x === "number" && Number.isSafeInteger(x) && x >= 0;
}

function isSizes(x: unknown): x is number[] {
  return Array.isArray(x) && x.length <= 64 && x.every(isSize);
}

export function broken(what: string): PickleError {
  return new PickleError(`is damaged: ${what}`);
}
