import assert from "node:assert/strict";
import { changeColor } from "../../src/images/color.ts";
import type { Pixels } from "../../src/images/pixels.ts";
import { resizeArea } from "../../src/images/resampling/resize.ts";
import { hex } from "./fixture.ts";

/** What OpenCV 5.0.0 (AVX2) makes of the picture of a rule: its SHA-256. */
const AREA: readonly [3 | 4, number, number, number, number, string][] = [
  [3, 512, 384, 343, 256, "9d9900a88b13d6b63c9bc25323dce82c5079c7692872851f52f47fa297499a6f"],
  [4, 401, 307, 128, 96, "fff8a18ce89953569cd24b28cecdd23c57ecaba190d89b8eee589df8cda6197e"],
  [3, 300, 200, 100, 50, "81c7517b6d5c4876aef9ea40724f539f3c22f382a8fab4c4859155df323f8a17"],
  [3, 490, 245, 10, 5, "2f9a79088e3e61891acd257f4533a2790321bf507ddf74237d05aea659e5cf73"],
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

Deno.test("changeColor() turns hues to OpenCV's bytes", async () => {
  for (const [hue, hash] of HUE) assert.equal(await sha256(changeColor(picture(3, 512, 256), { hue })), hash);
});
