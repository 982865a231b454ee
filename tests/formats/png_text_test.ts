import assert from "node:assert/strict";
import { deflateSync } from "node:zlib";
import { crc32 } from "../../src/formats/crc32.ts";
import { readPngText, withPngText } from "../../src/formats/png_text.ts";
import { PythonRandom } from "../../src/random/mod.ts";

const latin1 = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));

function chunk(type: string, data: Uint8Array): Uint8Array {
  const body = Uint8Array.from([...latin1(type), ...data]);
  const frame = new DataView(new ArrayBuffer(8));
  frame.setUint32(0, data.length);
  frame.setUint32(4, crc32(body));
  const [length, crc] = [new Uint8Array(frame.buffer, 0, 4), new Uint8Array(frame.buffer, 4)];
  return Uint8Array.from([...length, ...body, ...crc]);
}

/** One white pixel, with chunks of its own behind the header. */
function png(...extra: Uint8Array[]): Uint8Array {
  return Uint8Array.from([
    ...[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
    ...chunk("IHDR", Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0)),
    ...extra.flatMap((bytes) => [...bytes]),
    ...chunk("IDAT", deflateSync(Uint8Array.of(0, 255))),
    ...chunk("IEND", new Uint8Array()),
  ]);
}

Deno.test("texts of any script come back, and the picture around them is untouched", () => {
  const texts: [string, string][] = [["prompt", "a cat, é ÿ \n (high:1.2)"], ["raw-prompt", "猫 😀"], [
    "empty",
    "",
  ]];
  const plain = png(), written = withPngText(plain, texts);
  assert.deepEqual([...readPngText(written)], texts);
  const added = written.length - plain.length;
  assert.deepEqual(written.slice(0, 33), plain.slice(0, 33));
  assert.deepEqual(written.slice(33 + added), plain.slice(33));
  assert.equal(String.fromCharCode(...written.slice(37, 41)), "tEXt");
});

Deno.test("compressed texts of other programs are read", () => {
  const packed = deflateSync(new TextEncoder().encode("été"));
  const itxt = Uint8Array.from([...latin1("k\0\x01\0de\0x\0"), ...packed]);
  const ztxt = Uint8Array.from([...latin1("z\0\0"), ...deflateSync(latin1("caf\xe9"))]);
  const texts = readPngText(png(chunk("iTXt", itxt), chunk("zTXt", ztxt)));
  assert.deepEqual([...texts], [["k", "été"], ["z", "café"]]);
});

Deno.test("keys and files that are none are refused", () => {
  assert.throws(() => withPngText(png(), [["", "x"]]), RangeError);
  assert.throws(() => withPngText(png(), [["k".repeat(80), "x"]]), RangeError);
  assert.throws(() => withPngText(png(), [["k", "x\0y"]]), RangeError);
  assert.throws(() => withPngText(latin1("JFIF"), []), SyntaxError);
  assert.throws(() => readPngText(new Uint8Array()), SyntaxError);
});

Deno.test("damaged copies are read as far as they go", () => {
  const valid = withPngText(
    png(chunk("zTXt", Uint8Array.from([...latin1("z\0\0"), ...deflateSync(latin1("abc"))]))),
    [
      ["prompt", "猫"],
    ],
  );
  const random = new PythonRandom(1);
  for (let i = 0; i < 2000; i++) {
    const bytes = valid.slice(0, random.randint(0, 3) ? undefined : random.randrange(valid.length));
    for (let n = 0; n < 3 && bytes.length > 8; n++) {
      bytes[random.randrange(8, bytes.length)] = random.randint(0, 255);
    }
    try {
      readPngText(bytes);
    } catch (error) {
      assert.ok(error instanceof SyntaxError, String(error));
    }
  }
});
