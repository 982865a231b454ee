/** ISO base media boxes (ISO/IEC 14496-12): what AVIF files, and JPEG XL files with metadata, are made of. */

export interface Box {
  readonly type: string;
  /** What follows the header, as far as `bytes` reaches. */
  readonly body: Uint8Array;
  /** Where the next box begins; beyond `bytes` where the box is cut off. Infinity: it goes to the end of the file. */
  readonly end: number;
}

/** The boxes of `bytes` from `at` on, one after the other. */
export function* boxes(bytes: Uint8Array, at = 0): Generator<Box> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  while (at + 8 <= bytes.length) {
    let size = view.getUint32(at), header = 8;
    if (size === 1 && at + 16 <= bytes.length) [size, header] = [Number(view.getBigUint64(at + 8)), 16];
    if (size !== 0 && size < header) return;
    const end = size === 0 ? Infinity : at + size;
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    yield { type, body: bytes.subarray(at + header, Math.min(end, bytes.length)), end };
    at = end;
  }
}

/** Whether the last box ends with the file; `read` gives the bytes at an offset. */
export function boxesReachEnd(size: number, read: (offset: number, length: number) => Uint8Array): boolean {
  for (let at = 0; at < size;) {
    const first = boxes(read(at, 16)).next();
    if (first.done) return false;
    if (first.value.end === Infinity) return true;
    at += first.value.end;
    if (at > size) return false;
  }
  return true;
}
