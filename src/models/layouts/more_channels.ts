/** A convolution that takes more input channels than its file's, the further ones with no effect yet. */

import { TensorFile, type TensorInfo } from "../../formats/tensor_file.ts";
import type { Source, Sources } from "./tensor_view.ts";

/** Where the weights (O, I, h, w) under `key` take `from` channels, zeros behind them make it `to`. */
export function widen(sources: Sources, key: string, from: number, to: number): void {
  const source = sources.get(key);
  if (source?.shape[1] !== from) return;
  const file = new Widened(source, to), [stored] = source.keys;
  sources.set(key, { file, keys: [stored], shape: file.info(stored).shape });
}

class Widened extends TensorFile {
  readonly metadata = {};
  protected readonly tensors: ReadonlyMap<string, TensorInfo>;

  constructor(private readonly source: Source, channels: number) {
    super(source.file.path);
    const { shape, keys: [key] } = source, { dtype, bytes } = source.file.info(key);
    const wide = { dtype, shape: shape.with(1, channels), offset: -1, bytes: bytes / shape[1] * channels };
    this.tensors = new Map([[key, wide]]);
  }

  bytes(key: string): Uint8Array<ArrayBuffer> {
    const { shape: [outputs], bytes } = this.info(key), all = new Uint8Array(bytes);
    const narrow = this.source.file.bytes(key), row = narrow.length / outputs;
    for (let o = 0; o < outputs; o++) all.set(narrow.subarray(o * row, (o + 1) * row), o * (bytes / outputs));
    return all;
  }

  /** The file is closed by whoever opened it. */
  close(): void {}
}
