import assert from "node:assert/strict";
import { decodeImage } from "../../src/images/load.ts";
import { toBytes } from "../../src/generation/pictures/pixels.ts";
import { encodePng } from "../../src/images/png_file.ts";

Deno.test("a PNG reads back to the byte, with its texts inside", async () => {
  const data = Uint8Array.from({ length: 5 * 4 * 3 }, (_, i) => (i * 37 + i * i) & 255);
  const png = encodePng({ width: 5, height: 4, data }, [["prompt", "a cat"], ["raw", "\u732b"]]);
  const back = await decodeImage(png);
  assert.deepEqual([back.width, back.height, [...back.data]], [5, 4, [...data]]);
  const text = new TextDecoder().decode(png);
  assert.ok(text.includes("tEXtprompt\0a cat"));
  assert.ok(text.includes("iTXtraw\0\0\0\0\0\u732b"));
});

Deno.test("toBytes() clamps and rounds half to even", () => {
  assert.deepEqual([...toBytes(Float32Array.of(-2, -1, 0, 1, 3))], [0, 0, 128, 255, 255]);
});
