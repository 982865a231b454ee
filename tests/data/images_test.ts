import assert from "node:assert/strict";
import { join } from "node:path";
import { decodeImage, loadImage, looksWhole, probeSize, UnreadableImage } from "../../src/images/load.ts";
import { changeColor } from "../../src/images/color.ts";
import { applyOrientation } from "../../src/images/exif.ts";
import { flip, ImageError, type Pixels } from "../../src/images/pixels.ts";
import { alphaMask, fit, writeNormalized } from "../../src/data/batches/prepare.ts";
import { resizePillow } from "../../src/images/resampling/pillow.ts";
import { resizeArea } from "../../src/images/resampling/area.ts";
import { resize } from "../../src/images/resampling/resize.ts";
import { PythonRandom } from "../../src/random/mod.ts";
import { hex, PICTURES, withFolder } from "./fixture.ts";

interface Expected {
  size: [number, number];
  rgb: string;
  rgba: string;
  upright: string;
}
const pillow: Record<string, Expected> = JSON.parse(Deno.readTextFileSync(join(PICTURES, "pillow.json")));

async function sha256(data: Uint8Array): Promise<string> {
  return hex(await crypto.subtle.digest("SHA-256", data.slice()));
}

for (const [name, expected] of Object.entries(pillow)) {
  Deno.test(`loadImage() gives Pillow's bytes for ${name}`, async () => {
    const path = join(PICTURES, name);
    const rgb = await loadImage(path, { compat: true });
    assert.deepEqual([rgb.width, rgb.height, rgb.channels], [...expected.size, 3]);
    assert.equal(await sha256(rgb.data), expected.rgb);
    assert.equal(await sha256((await loadImage(path, { compat: true, alpha: true })).data), expected.rgba);
    const upright = await loadImage(path);
    assert.deepEqual({ width: upright.width, height: upright.height }, probeSize(path));
    // 16-bit grey is the one place where Pillow's own conversion is not what anybody wants.
    if (name !== "g16.png") assert.equal(await sha256(upright.data), expected.upright);
  });
}

Deno.test("16-bit grey keeps its high byte, and is cut at 255 as Pillow does with compat", async () => {
  const path = join(PICTURES, "g16.png");
  const ours = await loadImage(path), theirs = await loadImage(path, { compat: true });
  const bright = ours.data.filter((v) => v > 0).length;
  assert.ok(bright > ours.data.length * 0.9);
  assert.ok(theirs.data.filter((v) => v === 255).length > theirs.data.length * 0.9);
});

Deno.test("CMYK JPEG is within one step of Pillow", async () => {
  const ours = await loadImage(join(PICTURES, "cmyk.jpg"));
  const theirs = await loadImage(join(PICTURES, "cmyk.expected.png"));
  assert.equal(ours.data.length, theirs.data.length);
  assert.ok(ours.data.every((v, i) => Math.abs(v - theirs.data[i]) <= 1));
});

Deno.test("whole files look whole", () => {
  for (const name of Object.keys(pillow)) {
    if (!name.endsWith(".bmp")) assert.ok(looksWhole(join(PICTURES, name)), name);
  }
});

Deno.test("a file cut anywhere is an ImageError, never a picture with a made-up rest", async () => {
  const random = new PythonRandom(1);
  for (const name of ["rgba.png", "adam7.png", "exif6.jpg", "aprog.jpg", "cmyk.jpg", "a.webp", "l.bmp"]) {
    const bytes = Deno.readFileSync(join(PICTURES, name));
    // The last bytes of a PNG (IEND) and padding of a BMP row may be missing without harm.
    const cuts = Array.from({ length: 25 }, () => random.randint(0, bytes.length - 20));
    for (const cut of [0, 1, 2, 8, ...cuts]) {
      await assert.rejects(decodeImage(bytes.slice(0, cut)), isImageError, `${name} cut at ${cut}`);
    }
  }
});

Deno.test("damaged files decode to their size or are an ImageError", async () => {
  const random = new PythonRandom(2);
  for (const name of [...Object.keys(pillow), "cmyk.jpg"]) {
    const bytes = Deno.readFileSync(join(PICTURES, name));
    for (let round = 0; round < 20; round++) {
      const broken = bytes.slice();
      for (let i = 0; i <= round % 4; i++) {
        broken[random.randint(0, bytes.length - 1)] = random.randint(0, 255);
      }
      try {
        const image = await decodeImage(broken);
        assert.equal(image.data.length, image.width * image.height * image.channels);
      } catch (error) {
        assert.ok(isImageError(error), `${name}: ${error}`);
      }
    }
  }
});

function isImageError(error: unknown): boolean {
  return error instanceof ImageError || error instanceof RangeError;
}

Deno.test("loadImage() and probeSize() name the file and what is wrong", () =>
  withFolder(async (dir) => {
    const write = (name: string, bytes: Uint8Array) => {
      Deno.writeFileSync(join(dir, name), bytes);
      return join(dir, name);
    };
    const empty = write("empty.png", new Uint8Array(0));
    assert.throws(() => probeSize(empty), { name: "UnreadableImage", message: `${empty}: is empty` });
    const text = write("text.jpg", new TextEncoder().encode("hello, this is no picture at all"));
    assert.throws(() => probeSize(text), {
      message: `${text}: is no PNG, JPEG, WebP, BMP, AVIF or JPEG XL file`,
    });
    const huge = Deno.readFileSync(join(PICTURES, "l.bmp"));
    new DataView(huge.buffer).setUint32(18, 2 ** 30, true);
    const bomb = write("huge.bmp", huge);
    await assert.rejects(loadImage(bomb), UnreadableImage);
    assert.throws(() => probeSize(bomb), /huge.bmp: claims 1073741824x37 pixels, too many/);
    await assert.rejects(loadImage(join(dir, "none.png")), /none.png: no such file/);
  }));

Deno.test("applyOrientation() turns back what a turned camera stored", () => {
  // a b c
  // d e f   stored, one letter a pixel
  const image = letters(3, 2, "abcdef");
  const seen = (orientation: number) => {
    const { width, height, data } = applyOrientation(image, orientation);
    return `${width}x${height} ${String.fromCharCode(...data.filter((_, i) => i % 3 === 0))}`;
  };
  assert.deepEqual([1, 2, 3, 4, 5, 6, 7, 8].map(seen), [
    "3x2 abcdef",
    "3x2 cbafed",
    "3x2 fedcba",
    "3x2 defabc",
    "2x3 adbecf",
    "2x3 daebfc",
    "2x3 fcebda",
    "2x3 cfbead",
  ]);
});

function letters(width: number, height: number, text: string): Pixels {
  const data = Uint8Array.from([...text].flatMap((c) => Array(3).fill(c.charCodeAt(0))));
  return { width, height, channels: 3, data };
}

Deno.test("resizePillow() gives Pillow's bytes, with and without alpha", async () => {
  const rgba = await loadImage(join(PICTURES, "rgba.png"), { alpha: true });
  const rgb = await loadImage(join(PICTURES, "rgba.png"));
  const cases: [number, number, string, string][] = JSON.parse(
    Deno.readTextFileSync(join(PICTURES, "lanczos.json")),
  );
  for (const [width, height, mode, hash] of cases) {
    const out = resizePillow(mode === "RGB" ? rgb : rgba, width, height, "lanczos");
    assert.equal(await sha256(out.data), hash, `${width}x${height} ${mode}`);
  }
});

Deno.test("resizing keeps a plain colour plain and chooses area only when both sides shrink", () => {
  const plain: Pixels = { width: 40, height: 30, channels: 3, data: new Uint8Array(40 * 30 * 3).fill(77) };
  for (const [w, h] of [[13, 7], [20, 15], [80, 90], [40, 10], [33, 31]]) {
    const out = resize(plain, w, h);
    assert.deepEqual([out.width, out.height], [w, h]);
    assert.ok(out.data.every((v) => v === 77), `${w}x${h}`);
  }
  assert.throws(() => resizeArea(plain, 41, 30), RangeError);
  const steps: Pixels = { width: 4, height: 2, channels: 3, data: new Uint8Array(24).map((_, i) => i * 10) };
  // 2x2 blocks: (0 + 30 + 120 + 150 + 2) >> 2 and so on.
  assert.deepEqual([...resizeArea(steps, 2, 1).data], [75, 85, 95, 135, 145, 155]);
});

Deno.test("fit() cuts the middle, and reports what was cut as the reference does", () => {
  const image = letters(5, 1, "abcde");
  const { image: cut, originalSize, cropBox } = fit(image, [2, 1], [5, 1]);
  assert.deepEqual([...cut.data], [..."bc"].flatMap((c) => Array(3).fill(c.charCodeAt(0))));
  assert.deepEqual([originalSize, cropBox], [[5, 1], [0, 0, 2, 0.4]]);
  assert.deepEqual(
    [...fit(image, [2, 1], [5, 1], 3).image.data],
    [..."de"].flatMap((c) => Array(3).fill(c.charCodeAt(0))),
  );
});

Deno.test("pixels become -1 to 1, alpha 0 to 1", () => {
  const image: Pixels = {
    width: 2,
    height: 1,
    channels: 4,
    data: Uint8Array.of(0, 255, 51, 0, 255, 0, 0, 255),
  };
  const out = new Float32Array(6);
  writeNormalized(image, out, 0);
  assert.deepEqual([...out], [-1, 1, Math.fround(Math.fround(Math.fround(0.2) - 0.5) * 2), 1, -1, -1]);
  assert.deepEqual([...alphaMask(image)], [0, 1]);
  assert.deepEqual([...flip(image).data], [255, 0, 0, 255, 0, 255, 51, 0]);
});

Deno.test("changeColor() leaves grey alone when it turns the hue, and alpha always", () => {
  const image: Pixels = { width: 2, height: 1, channels: 4, data: Uint8Array.of(9, 9, 9, 7, 200, 30, 30, 8) };
  // The reference hands RGB over as BGR: its red is OpenCV's blue, a third of the circle on is the last channel.
  const [a, b, c, d, ...red] = changeColor(image, { hue: 60 }).data;
  assert.deepEqual([a, b, c, d], [9, 9, 9, 7]);
  assert.ok([30, 30, 200, 8].every((v, i) => Math.abs(v - red[i]) <= 1), String(red));
  assert.deepEqual([...changeColor(image, { gamma: 0.95 }).data], [8, 8, 8, 7, 153, 25, 25, 8]);
});
