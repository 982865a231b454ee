/**
 * Checkpoints that torch.save() wrote (.ckpt, .pt, .pth, .bin): a ZIP with a pickle and one entry a storage, or, before
 * PyTorch 1.6, pickles followed by the storages. The same interface as a safetensors file.
 */

import { HOW_TO_LIFT, limit } from "../../base/limits.ts";
import { type Counters, elementCount, elementSize, TensorFile, type TensorInfo } from "../tensor_file.ts";
import { stateDict } from "./state_dict.ts";
import { fail, guarded, openStorages, type Storages } from "./storages.ts";
import type { Tensor } from "./values.ts";

/**
 * An expanded tensor has the elements of its storage many times over; with no bound a little file could ask for any
 * memory.
 */
const MOST_REPEATED = 2 ** 20;

/** An open pickled checkpoint; close it, or declare it with `using`. */
export class TorchFile extends TensorFile {
  readonly metadata: Readonly<Record<string, string>> = {};
  override readonly counters: Counters | null;
  protected readonly tensors = new Map<string, TensorInfo>();
  readonly #pickled: Map<string, Tensor>;
  readonly #storages: Storages;

  /** Reads the pickle, and checks that every tensor lies within its storage. Throws UserError. */
  constructor(path: string) {
    super(path);
    const { root, storages } = openStorages(path);
    this.#storages = storages;
    this.counters = countersOf(root);
    try {
      this.#pickled = guarded(path, () => stateDict(root));
      for (const [key, tensor] of this.#pickled) this.tensors.set(key, this.#check(key, tensor));
    } catch (error) {
      storages.close();
      throw error;
    }
  }

  bytes(key: string): Uint8Array<ArrayBuffer> {
    const { bytes, dtype } = this.info(key);
    const { storage, offset, shape, strides } = this.#pickled.get(key)!;
    const width = elementSize(dtype)!;
    if (bytes === 0) return new Uint8Array(0);
    if (isPacked(shape, strides)) return this.#storages.read(storage, offset * width, bytes);
    const reach = shape.reduce((sum, size, d) => sum + (size - 1) * strides[d], 1);
    return pack(this.#storages.read(storage, offset * width, reach * width), shape, strides, width, bytes);
  }

  close(): void {
    this.#storages.close();
  }

  #check(key: string, { storage, offset, shape, strides }: Tensor): TensorInfo {
    const width = elementSize(storage.dtype)!, count = elementCount(shape);
    const last = count === 0
      ? offset
      : shape.reduce((sum, size, d) => sum + (size - 1) * strides[d], offset + 1);
    const what = () => `tensor ${JSON.stringify(key.slice(0, 200))} [${shape}]`;
    if (!(last <= storage.count)) {
      fail(
        this.path,
        `${what()} reaches beyond its storage of ${storage.count}; it is damaged, get it again`,
      );
    }
    if (!(count <= Math.max(storage.count, limit(MOST_REPEATED)))) {
      const most = `at most ${MOST_REPEATED} elements are made of fewer`;
      fail(this.path, `${what()} repeats a storage of ${storage.count}, ${most}; ${HOW_TO_LIFT}`);
    }
    const start = this.#storages.offset(storage);
    const inPlace = start >= 0 && isPacked(shape, strides);
    return {
      dtype: storage.dtype,
      shape,
      bytes: count * width,
      offset: inPlace ? start + offset * width : -1,
    };
  }
}

/** Opens a checkpoint that torch.save() wrote. Nothing in it is executed. Throws UserError. */
export function openTorchFile(path: string): TorchFile {
  return new TorchFile(path);
}

/** Of a checkpoint with a "state_dict"; numbers that are missing or no integers count as 0. */
function countersOf(root: unknown): Counters | null {
  if (!(root instanceof Map) || !(root.get("state_dict") instanceof Map)) return null;
  const whole = (value: unknown) => Number.isSafeInteger(value) ? value as number : null;
  const epoch = whole(root.get("epoch") ?? 0), globalStep = whole(root.get("global_step") ?? 0);
  // sd-scripts adds neither when it cannot add the first
  return epoch === null ? { epoch: 0, globalStep: 0 } : { epoch, globalStep: globalStep ?? 0 };
}

/** Whether elements lie one after another in row-major order. */
function isPacked(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    if (shape[d] !== 1 && strides[d] !== expected) return false;
    expected *= shape[d];
  }
  return true;
}

function pack(
  from: Uint8Array,
  shape: readonly number[],
  strides: readonly number[],
  width: number,
  bytes: number,
): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(bytes);
  const index = shape.map(() => 0);
  for (let at = 0, element = 0; at < bytes; at += width) {
    out.set(from.subarray(element * width, (element + 1) * width), at);
    for (let d = shape.length - 1; d >= 0; d--) {
      element += strides[d];
      if (++index[d] < shape[d]) break;
      element -= shape[d] * strides[d];
      index[d] = 0;
    }
  }
  return out;
}
