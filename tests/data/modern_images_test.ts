/** AVIF and JPEG XL: pictures/opencv.avif was written by OpenCV 5, pictures/libjxl.jxl by libjxl, both of the same rule. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { probeAvif } from "../../src/images/codecs/avif.ts";
import { loadImage, looksWhole, probeSize, UnreadableImage } from "../../src/images/load.ts";
import { PICTURES } from "./fixture.ts";

const SIZE = { width: 40, height: 24 };
const pixel = (x: number, y: number) => [(3 * x + 4 * y) % 256, (9 * y) % 256, (5 * x) % 256];

function isRule({ width, height, data }: { width: number; height: number; data: Uint8Array }): void {
  assert.deepEqual({ width, height }, SIZE);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) for (const v of pixel(x, y)) assert.equal(data[i++], v, `${x},${y}`);
  }
}

/** The codestream of a bare file within the boxes of a container, as files with metadata have it. */
function boxed(bare: Uint8Array): Uint8Array {
  const box = (type: string, body: ArrayLike<number>) => {
    const out = new Uint8Array(8 + body.length);
    new DataView(out.buffer).setUint32(0, out.length);
    out.set(new TextEncoder().encode(type), 4);
    out.set(body, 8);
    return [...out];
  };
  const start = box("JXL ", [13, 10, 0x87, 10]),
    kind = box("ftyp", [...new TextEncoder().encode("jxl \0\0\0\0jxl ")]);
  return Uint8Array.from([...start, ...kind, ...box("jxlc", bare)]);
}

Deno.test("AVIF and JPEG XL pictures have their pixels, and their size without decoding", async () => {
  const dir = Deno.makeTempDirSync({ prefix: "easel-pictures-" }), container = join(dir, "boxed.jxl");
  Deno.writeFileSync(container, boxed(Deno.readFileSync(join(PICTURES, "libjxl.jxl"))));
  for (const path of [join(PICTURES, "opencv.avif"), join(PICTURES, "libjxl.jxl"), container]) {
    isRule(await loadImage(path));
    assert.deepEqual(probeSize(path), SIZE, path);
  }
  assert.deepEqual([join(PICTURES, "opencv.avif"), container].map(looksWhole), [true, true]);
});

Deno.test("AVIF and JPEG XL files that are cut off or damaged are unreadable, and no crash", async () => {
  const dir = Deno.makeTempDirSync({ prefix: "easel-pictures-" });
  for (const name of ["opencv.avif", "libjxl.jxl"]) {
    const bytes = Deno.readFileSync(join(PICTURES, name)), path = join(dir, name);
    for (let length = 16; length < bytes.length - 8; length += 37) {
      Deno.writeFileSync(path, bytes.subarray(0, length));
      await assert.rejects(loadImage(path), UnreadableImage, `${name} of ${length} bytes`);
      if (name.endsWith("avif")) assert.equal(looksWhole(path), false);
    }
    const broken = bytes.slice();
    for (let i = 20; i < broken.length; i += 3) broken[i] ^= 0x5a;
    Deno.writeFileSync(path, broken);
    await assert.rejects(loadImage(path), UnreadableImage, name);
  }
});

Deno.test("the turn that an AVIF's property asks for is an orientation", () => {
  const bytes = Deno.readFileSync(join(PICTURES, "opencv.avif"));
  const at = String.fromCharCode(...bytes).indexOf("pixi"); // the property of which only decoders want to know makes room
  bytes.set([...new TextEncoder().encode("irot"), 1], at);
  assert.equal(probeAvif(bytes)!.orientation, 8);
});
