import assert from "node:assert/strict";
import { join } from "node:path";
import { decodeImage } from "../../src/images/load.ts";
import { crc32 } from "../../src/formats/crc32.ts";
import { createDatasetGroup } from "../../src/data/mod.ts";
import { PythonRandom } from "../../src/random/mod.ts";
import { plansOf, withFolder, writePictures } from "./fixture.ts";
import { checkMemory, dropAlpha, type ImageHeader } from "../../src/images/pixels.ts";

/** Headers that say 13000x13000, and nothing behind them. */
const view = (length: number, fill: (v: DataView, bytes: Uint8Array) => void) => {
  const bytes = new Uint8Array(length);
  fill(new DataView(bytes.buffer), bytes);
  return bytes;
};
const HEADERS: Record<string, Uint8Array> = {
  png: view(200, (v, b) => {
    b.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52]);
    v.setUint32(16, 13000);
    v.setUint32(20, 13000);
    b.set([8, 2], 24); // 8-bit RGB
    v.setUint32(29, crc32(b.subarray(12, 29)));
    b.set([0, 0, 1, 0, 0x49, 0x44, 0x41, 0x54], 33); // pixels, cut off
  }),
  jpeg: view(200, (v, b) => {
    b.set([0xff, 0xd8, 0xff, 0xc2, 0, 17, 8]);
    v.setUint16(7, 13000);
    v.setUint16(9, 13000);
    b[11] = 3;
  }),
  webp: view(200, (v, b) => {
    b.set(new TextEncoder().encode("RIFF....WEBPVP8L"));
    v.setUint32(21, 12999 | 12999 << 14, true);
  }),
  bmp: view(200, (v, b) => {
    b.set([0x42, 0x4d]);
    v.setUint32(14, 40, true);
    v.setInt32(18, 13000, true);
    v.setInt32(22, 13000, true);
    v.setUint16(28, 8, true);
    v.setUint32(30, 1, true); // run lengths
  }),
};

for (const [format, bytes] of Object.entries(HEADERS)) {
  Deno.test(`a ${format} file of 200 bytes gets no gigabyte to fill`, async () => {
    const wanted = /claims 13000x13000 pixels, which take .* in a file of 200 B; set EASEL_NO_LIMITS=1/;
    await assert.rejects(() => decodeImage(bytes), wanted);
  });
}

Deno.test("a panorama of some megabytes is let through, as are smaller pictures of any file size", () => {
  const header = (width: number, height: number): ImageHeader => ({
    ...{ format: "jpeg", width, height, orientation: 1, bytesPerPixel: 14 },
  });
  checkMemory(header(13000, 13000), 8 << 20);
  checkMemory(header(5000, 5000), 1000);
  assert.throws(() => checkMemory(header(13000, 13000), 4 << 20), /in a file of 4.0 MB/);
});

Deno.test("a picture that is too wide to be one is refused whatever its size", async () => {
  const bytes = HEADERS.bmp.slice();
  new DataView(bytes.buffer).setInt32(18, 20_000_000, true);
  new DataView(bytes.buffer).setInt32(22, 1, true);
  await assert.rejects(() => decodeImage(bytes), /claims 20000000x1 pixels, too many/);
});

Deno.test("dropAlpha() keeps colours and can do without memory of its own", () => {
  const data = Uint8Array.of(1, 2, 3, 255, 4, 5, 6, 0), buffer = data.buffer;
  const image = dropAlpha({ width: 2, height: 1, channels: 4, data }, data);
  assert.deepEqual([...image.data], [1, 2, 3, 4, 5, 6]);
  assert.equal(image.data.buffer, buffer);
});

Deno.test("a picture that would be scaled beyond sense to fill its bucket is left out with a line", () =>
  withFolder(async (dir) => {
    writePictures(join(dir, "1_a"), [{ name: "line", width: 4000, height: 1 }, {
      name: "good",
      width: 64,
      height: 64,
    }]);
    const plans = plansOf({ train_data_dir: dir, resolution: "512", caption_extension: ".txt" });
    const group = await createDatasetGroup(plans, new PythonRandom(1), { compat: false });
    assert.equal(group.datasets[0].buckets[0].members.length, 1);
    assert.match(
      group.datasets[0].notes.join("\n"),
      /line\.png: is 4000x1 and would be scaled to 2048000x512/,
    );
  }));

Deno.test("resolutions and lists of buckets that no memory holds are refused in a line", () =>
  withFolder(async (dir) => {
    writePictures(join(dir, "1_a"), [{ name: "good", width: 64, height: 64 }]);
    const open = (flags: Record<string, unknown>) =>
      createDatasetGroup(
        plansOf({ train_data_dir: dir, resolution: "512", caption_extension: ".txt", ...flags }),
        new PythonRandom(1),
        { compat: false },
      );
    await assert.rejects(open({ resolution: "16384" }), /resolution 16384x16384 is above 67108864 pixels/);
    const wide = { enable_bucket: true, min_bucket_reso: 1, max_bucket_reso: 16384, bucket_reso_steps: 1 };
    await assert.rejects(open(wide), /too many buckets; raise bucket_reso_steps, or set EASEL_NO_LIMITS=1/);
  }));
