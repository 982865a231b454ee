/** What the calls in a pickle make: tensors, storages, dicts, or an error. */

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
    case "size":
      return Array.isArray(args[0]) ? args[0] : [];
    case "rebuild_tensor":
      return tensor(args);
    case "rebuild_parameter":
      if (!(args[0] instanceof Tensor)) throw broken("a parameter is no tensor");
      return args[0];
    case "storage":
      throw broken(`a storage of ${dtype} is made from nothing`);
    case "inert":
      return new Instance(name);
  }
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

/** What a persistent id stands for: ("storage", class, key, location, element count) */
export function storage(id: unknown): Storage {
  if (!Array.isArray(id) || id[0] !== "storage" || !isName(id[1]) || id[1].dtype === undefined) {
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
