/** JPEG XL through libjxl compiled to WebAssembly, which also turns the picture upright; its size is read here. */

import { exactBuffer } from "../jpeg.ts";
import { checkSize, ImageError, type ImageHeader, type Pixels } from "../pixels.ts";
import { withCodec } from "./wasm.ts";
import { boxes } from "./boxes.ts";

/** Within the decoder all is float32. */
const BYTES_PER_PIXEL = 40;

const CONTAINER = [0, 0, 0, 12, 0x4a, 0x58, 0x4c, 0x20, 13, 10, 0x87, 10];

/** Width for each height, by the number that stands in the header (18181-1, SizeHeader). */
const RATIOS = [[1, 1], [12, 10], [4, 3], [3, 2], [16, 9], [5, 4], [2, 1]] as const;

export function isJxl(bytes: Uint8Array): boolean {
  return isBare(bytes) || isBoxedJxl(bytes);
}

/** Whether it is made of boxes, so that its end can be told. */
export function isBoxedJxl(bytes: Uint8Array): boolean {
  return CONTAINER.every((byte, i) => bytes[i] === byte);
}

function isBare(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0x0a;
}

/** As it is shown: the decoder turns it. Null where `bytes` ends before the size. Throws ImageError. */
export function probeJxl(bytes: Uint8Array): ImageHeader | null {
  const start = codestream(bytes);
  if (start === null || start.length < 16) return null;
  const bits = new Bits(start.subarray(2));
  const side = (small: boolean) =>
    small ? 8 * (bits.read(5) + 1) : bits.read([9, 13, 18, 30][bits.read(2)]) + 1;
  const small = bits.read(1) === 1, stored = side(small), ratio = bits.read(3);
  let height = stored,
    width = ratio === 0 ? side(small) : Math.floor(stored * RATIOS[ratio - 1][0] / RATIOS[ratio - 1][1]);
  const plain = bits.read(1) === 1, turned = !plain && bits.read(1) === 1 && bits.read(3) >= 4;
  if (turned) [width, height] = [height, width];
  checkSize(width, height);
  return { format: "jxl", width, height, orientation: 1, bytesPerPixel: BYTES_PER_PIXEL };
}

/** What the picture itself begins with; null where that is not reached. */
function codestream(bytes: Uint8Array): Uint8Array | null {
  if (isBare(bytes)) return bytes;
  for (const { type, body } of boxes(bytes)) {
    const start = type === "jxlc" ? body : type === "jxlp" ? body.subarray(4) : null; // a part has its number in front
    if (start !== null) return isBare(start) ? start : null;
  }
  return null;
}

/** Fields of a JPEG XL header, the lowest bit first. */
class Bits {
  #at = 0;
  constructor(private readonly bytes: Uint8Array) {}

  read(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++, this.#at++) {
      value += (this.bytes[this.#at >> 3] >> (this.#at & 7) & 1) * 2 ** i;
    }
    return value;
  }
}

/** Decodes to RGBA of 8 bits, upright. Throws ImageError. */
export async function decodeJxl(bytes: Uint8Array): Promise<Pixels> {
  const header = probeJxl(bytes);
  if (header === null) throw new ImageError("is cut off before its picture");
  const { default: decode, init } = await import("@jsquash/jxl/decode.js");
  try {
    const codec = { specifier: "@jsquash/jxl/codec/dec/jxl_dec.wasm", init };
    const { width, height, data } = await withCodec(codec, header, () => decode(exactBuffer(bytes)));
    return { width, height, channels: 4, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
  } catch (cause) {
    throw new ImageError("cannot be decoded", { cause });
  }
}
