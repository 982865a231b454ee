import assert from "node:assert/strict";
import { jpegWithComment } from "../../../src/images/codecs/exif_comment.ts";
import { decodeImage } from "../../../src/images/load.ts";
import { writePicture } from "../../../src/images/write.ts";

/** UserComment read as piexif reads it: the TIFF block, its EXIF directory, "UNICODE", UTF-16 with the high byte first. */
function comment(bytes: Uint8Array): string {
  const at = new TextDecoder("latin1").decode(bytes).indexOf("MM\0*");
  const view = new DataView(bytes.buffer, bytes.byteOffset + at);
  const entry = (directory: number, tag: number) => {
    const count = view.getUint16(directory);
    for (let i = 0, at = directory + 2; i < count; i++, at += 12) {
      if (view.getUint16(at) === tag) return { count: view.getUint32(at + 4), value: view.getUint32(at + 8) };
    }
    throw new Error(`no ${tag}`);
  };
  const { count, value } = entry(entry(view.getUint32(4), 0x8769).value, 0x9286);
  const found = bytes.subarray(at + value, at + value + count);
  assert.equal(new TextDecoder().decode(found.subarray(0, 8)), "UNICODE\0");
  return new TextDecoder("utf-16be").decode(found.subarray(8));
}

Deno.test("JPEG and WebP files carry the parameters and are still pictures", async () => {
  const dir = Deno.makeTempDirSync(), width = 33, height = 17;
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => Math.floor(i / 3) % width * 7);
  const text = "ein Bär 猫 \n Steps: 3", texts = [["prompt", "no"], ["parameters", text]] as const;
  try {
    for (
      const [name, quality, most] of [["a.jpg", 95, 12], ["a.webp", 90, 12], ["b.webp", 100, 0]] as const
    ) {
      const path = `${dir}/${name}`;
      await writePicture(path, { width, height, data }, { jpeg: quality, webp: quality }, texts);
      const bytes = Deno.readFileSync(path), read = await decodeImage(bytes);
      assert.equal(comment(bytes), text, name);
      assert.deepEqual([read.width, read.height], [width, height]);
      assert.ok(read.data.every((x, i) => Math.abs(x - data[i]) <= most), `${name}: the pixels`);
    }
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("a text that is too long for a JPEG's segment is left away", () => {
  const jpeg = Uint8Array.of(0xff, 0xd8, 0xff, 0xd9),
    length = (n: number) => jpegWithComment(jpeg, "x".repeat(n)).length;
  assert.equal(length(32_738), jpeg.length);
  assert.equal(length(32_737), jpeg.length + 4 + 6 + 44 + 8 + 2 * 32_737);
});
