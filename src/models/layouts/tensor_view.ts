/** Tensors of open files under other names, in other shapes, or joined: what every layout but the original becomes. */

import { UserError } from "../../base/errors.ts";
import { type Counters, TensorFile, type TensorInfo } from "../../formats/tensor_file.ts";

/** Where a tensor comes from: the rows of one tensor of a file, or of several, one after the other. */
export interface Source {
  readonly file: TensorFile;
  readonly keys: readonly string[];
  /** As many elements as all of them have. */
  readonly shape: readonly number[];
}

export type Sources = Map<string, Source>;

/** A file that shows the tensors of others. Closing it closes them. */
export class TensorView extends TensorFile {
  readonly metadata: Readonly<Record<string, string>>;
  override readonly counters: Counters | null;
  protected readonly tensors = new Map<string, TensorInfo>();

  /** `path` is what errors name. Throws UserError where joined tensors have different types. */
  constructor(
    path: string,
    private readonly sources: Sources,
    private readonly files: readonly TensorFile[],
  ) {
    super(path);
    this.metadata = files.length === 1 ? files[0].metadata : {};
    this.counters = files.length === 1 ? files[0].counters : null;
    for (const [key, source] of sources) this.tensors.set(key, this.#info(source));
  }

  bytes(key: string): Uint8Array<ArrayBuffer> {
    const { bytes } = this.info(key), { file, keys } = this.sources.get(key)!;
    if (keys.length === 1) return file.bytes(keys[0]);
    const all = new Uint8Array(bytes);
    keys.reduce((at, part) => {
      const rows = file.bytes(part);
      all.set(rows, at);
      return at + rows.length;
    }, 0);
    return all;
  }

  close(): void {
    for (const file of this.files) file.close();
  }

  #info({ file, keys, shape }: Source): TensorInfo {
    const parts = keys.map((key) => file.info(key)), [first] = parts;
    const other = parts.find(({ dtype }) => dtype !== first.dtype);
    if (other) {
      throw new UserError(
        `${file.path}: ${keys[0]} is ${first.dtype}, ${keys[parts.indexOf(other)]} is ${other.dtype}; ` +
          "queries, keys and values must have one type, convert the file",
      );
    }
    if (parts.length === 1) return { ...first, shape, path: first.path ?? file.path };
    return { dtype: first.dtype, shape, offset: -1, bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0) };
  }
}

/** A tensor as it is, under whatever name. */
export function asItIs(file: TensorFile, key: string): Source {
  return { file, keys: [key], shape: file.info(key).shape };
}
