import assert from "node:assert/strict";
import { changeColor } from "../../src/images/color.ts";
import type { Pixels } from "../../src/images/pixels.ts";
import { resizeArea } from "../../src/images/resampling/area.ts";
import { type Interpolation, resize } from "../../src/images/resampling/resize.ts";
import { hex } from "./fixture.ts";

/** What OpenCV 5.0.0 (AVX2) makes of the picture of a rule: its SHA-256. */
const AREA: readonly [3 | 4, number, number, number, number, string][] = [
  [3, 512, 384, 343, 256, "9d9900a88b13d6b63c9bc25323dce82c5079c7692872851f52f47fa297499a6f"],
  [4, 401, 307, 128, 96, "fff8a18ce89953569cd24b28cecdd23c57ecaba190d89b8eee589df8cda6197e"],
  [3, 300, 200, 100, 50, "81c7517b6d5c4876aef9ea40724f539f3c22f382a8fab4c4859155df323f8a17"],
  [3, 490, 245, 10, 5, "2f9a79088e3e61891acd257f4533a2790321bf507ddf74237d05aea659e5cf73"],
];
const FILTERS: readonly [Interpolation, 3 | 4, number, number, number, number, string][] = [
  ["nearest", 3, 101, 67, 64, 48, "cae56cf40f7bf5a57861afd15e1e3729ff21850db0a9e6b137005a845505ccb5"],
  ["nearest", 3, 53, 41, 96, 80, "ab060d8082ef4c16e6fc2d66daf08ba4f077cf114b357b528cf90a2dcbc569bd"],
  ["nearest", 4, 61, 47, 96, 40, "998dedfbdf3cf108cca5d21dd0b42e8e3f25bbf6a131b3464624177ff29973b2"],
  ["nearest", 3, 128, 96, 64, 48, "615f503f6bd65b74c5fd29f1b48f0d3ea2abe3fe4e9f10c5f58fb5a4c0bd6f48"],
  ["nearest", 3, 40, 96, 41, 32, "c955abe5725f884a2e28538ba2c7afee2a813438a5795c07d2efe3b6b447c4f3"],
  ["linear", 4, 61, 47, 96, 40, "873a1da7a790ada58dc2290a0417a4ea01d4ab4c33fd33d9fa2a115e7f399e7c"],
  ["linear", 3, 128, 96, 64, 48, "291b25e50f4bc8ac733cc98782038b9978978bd355ecf34887bb2a986b0894b5"],
  ["linear", 3, 40, 96, 41, 32, "690764c04fcf131b712c3831ca4a06330602bb204e8009d65711f1358edd6aca"],
  ["cubic", 3, 101, 67, 64, 48, "e7bc874989bf4a3429020e5f8829bdab484d878b0f6856ec6e14553786d33326"],
  ["cubic", 4, 61, 47, 96, 40, "dc23f7d06dfe9fa0d589a084005caa0165cf075e16b1bb2a95e91995146129b6"],
  ["cubic", 3, 128, 96, 64, 48, "723f075e1d93bb761d70e293c01a1f41fee18215ac45802877450992ba284cfe"],
  ["cubic", 3, 40, 96, 41, 32, "be436e74c5da61707fc6a19623b8eced8ab92963d0d44177775311ff2250f35d"],
  ["area", 3, 53, 41, 96, 80, "f921874d1c0d92e5f207c1c101ef608557643fb1a05ef761f1da13735f86fed4"],
  ["area", 4, 61, 47, 96, 40, "7dd8f45b29acc39d11ca8fa984019dc7a7b106c10126e6f969622a179b9a68e9"],
  ["area", 3, 40, 96, 41, 32, "79d972223e4e18f1b42d14d6004998bfb4eb37cd781bda422acfd1c36d3f10a4"],
];
const HUE: readonly [number, string][] = [
  [3.7, "d9797fda80aef9367c98c77a6b21d0db342de5a0464e4aa470cb62bfc70ea1ec"],
  [177.25, "4f955b7096789787c85c1fb3fcc93d3a511af3423c5e0c67e951c9baa59676ac"],
];

function picture(channels: 3 | 4, width: number, height: number): Pixels {
  const data = Uint8Array.from(
    { length: width * height * channels },
    (_, i) => Math.imul(i, 2654435761) >>> 24,
  );
  return { width, height, channels, data };
}

async function sha256({ data }: Pixels): Promise<string> {
  return hex(await crypto.subtle.digest("SHA-256", data.slice()));
}

Deno.test("resizeArea() gives OpenCV's bytes, for uneven steps and whole ones", async () => {
  for (const [channels, width, height, w, h, hash] of AREA) {
    const out = resizeArea(picture(channels, width, height), w, h);
    assert.equal(await sha256(out), hash, `${width}x${height} to ${w}x${h}`);
  }
});

Deno.test("resize() by a name gives OpenCV's bytes", async () => {
  for (const [name, channels, width, height, w, h, hash] of FILTERS) {
    const out = resize(picture(channels, width, height), w, h, name);
    assert.equal(await sha256(out), hash, `${name}: ${width}x${height} to ${w}x${h}`);
  }
});

Deno.test("changeColor() turns hues to OpenCV's bytes", async () => {
  for (const [hue, hash] of HUE) assert.equal(await sha256(changeColor(picture(3, 512, 256), { hue })), hash);
});
