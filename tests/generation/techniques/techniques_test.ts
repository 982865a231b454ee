import assert from "node:assert/strict";
import { GEN_IMG_DEFAULTS } from "../defaults.ts";
import { pictureRequests } from "../../../src/generation/prompts/requests.ts";
import { depthAt } from "../../../src/generation/techniques/deep_shrink.ts";
import { Growing, unsharpOf } from "../../../src/generation/techniques/gradual_latent.ts";
import { firstSettings, highresOf } from "../../../src/generation/techniques/highres.ts";
import { keptShares, putBack } from "../../../src/generation/techniques/inpainting.ts";

const SIZE = { width: 64, height: 64 };

function settingsOf(prompts: string[], flags: Partial<typeof GEN_IMG_DEFAULTS> = {}) {
  return [...pictureRequests({ ...GEN_IMG_DEFAULTS, ...flags }, prompts, SIZE)].map(({ settings }) =>
    settings
  );
}

Deno.test("Deep Shrink acts at its depths while timesteps are high", () => {
  const shrink = { depth1: 1, timesteps1: 650, depth2: 2, timesteps2: 300, ratio: 0.5 };
  assert.deepEqual([999, 650, 649, 300, 299].map((t) => depthAt(shrink, t)), [1, 1, 2, 2, null]);
  assert.equal(depthAt({ ...shrink, depth2: null }, 400), null);
});

Deno.test("a prompt's Deep Shrink is its own; under --compat it stays on for those after it", () => {
  const prompts = ["a --dsd1 0 --dst1 500 --dsr 0.75", "a", "a --dsr 0.25"];
  const [own, none, ratio] = settingsOf(prompts).map((s) => s.deepShrink);
  assert.deepEqual(own, { depth1: 0, timesteps1: 500, depth2: null, timesteps2: 650, ratio: 0.75 });
  assert.equal(none, null);
  assert.deepEqual([ratio?.depth1, ratio?.timesteps1, ratio?.ratio], [3, 650, 0.25]);
  assert.deepEqual(settingsOf(prompts, { compat: "0.9.1" })[1].deepShrink, own);
});

Deno.test("latents of Gradual Latent grow to multiples of 8 and end at their size", () => {
  const [{ gradualLatent }] = settingsOf(["a --glt 750 --glr 0.5 --gls 0.25 --gle 2 --glus 3,0.5,0.5,0"]);
  assert.deepEqual(gradualLatent?.unsharp, { ksize: 3, sigma: 0.5, strength: 0.5, targetX: false });
  const full = { batch: 1, channels: 4, height: 32, width: 24 }, growing = new Growing(gradualLatent!, full);
  const begun = growing.begin(new Float32Array(32 * 24 * 4).fill(2));
  assert.deepEqual(begun.shape, { batch: 1, channels: 4, height: 16, width: 12 });
  assert.ok(begun.latents.every((x) => Math.abs(x - 2) < 1e-5), "an even picture stays even");
  const sizes = [999, 800, 700, 600, 500, 400, 300].map((t) => growing.next(t)?.width ?? null);
  assert.deepEqual(sizes, [null, null, 16, null, 24, null, null]);
  // a picture of 96x64: no side vanishes, and the last one is what was asked for
  const small = new Growing({ ...gradualLatent!, ratio: 0.1, unsharp: null }, {
    ...full,
    height: 12,
    width: 8,
  });
  assert.deepEqual(small.begin(new Float32Array(12 * 8 * 4)).shape, { ...full, height: 1, width: 1 });
  const grown = Array.from({ length: 12 }, () => small.next(100)).filter((shape) => shape !== null);
  assert.deepEqual(grown.map(({ height, width }) => [height, width]), [[8, 8], [8, 8], [8, 8], [12, 8]]);
});

Deno.test("inpainting keeps what the mask has in black", () => {
  const mask = { width: 16, height: 8, channels: 3, data: new Uint8Array(16 * 8 * 3) } as const;
  for (let i = 0; i < mask.data.length; i++) mask.data[i] = Math.floor(i / 3) % 16 < 8 ? 255 : 0;
  const kept = keptShares(mask, { batch: 1, channels: 4, height: 1, width: 2 });
  assert.deepEqual([...kept].map((x) => Math.round(x)), [0, 1]);
  assert.deepEqual([
    ...putBack(new Float32Array(8).fill(1), new Float32Array(8).fill(5), kept.map(Math.round)),
  ], [
    ...[1, 1, 1, 1],
    ...[5, 5, 5, 5],
  ]);
});

Deno.test("the first pass has sizes that are multiples of 32, and its own steps and strength", () => {
  const highres = highresOf({
    ...GEN_IMG_DEFAULTS,
    highresFixScale: 0.5,
    highresFixSteps: 9,
    highresFixStrength: 0.4,
  })!;
  const [settings] = settingsOf(["a --w 200 --h 136 --ow 300 --t 0.9"]);
  const first = firstSettings(settings, highres);
  assert.deepEqual([first.width, first.height, first.originalWidth, first.cropTop], [96, 64, 150, null]);
  assert.deepEqual([first.steps, first.strength], [9, 0.4]);
  assert.equal(highresOf(GEN_IMG_DEFAULTS), null);
  const small = { ...highres, scale: 0.01 };
  assert.throws(
    () => firstSettings(settings, small),
    /^UsageError: --highres_fix_scale 0\.01 makes 0x0 of 200x136, since .*; give at least 0\.236$/,
  );
  assert.doesNotThrow(() => firstSettings(settings, { ...small, scale: 0.236 }));
});

Deno.test("numbers that make no sense are refused in a line", () => {
  assert.throws(() => unsharpOf("4,0.5,0.5"), /kernel size \(odd\)/);
  assert.throws(() => unsharpOf("3,0.5"), /"3,0.5" is no/);
  assert.throws(() => settingsOf(["a --glus 4,1,1"]), /prompt option --glus 4,1,1: /);
  assert.throws(() => settingsOf(["a --dsr 1.5"]), /--dsr 1\.5: a share above 0 and below 1/);
  assert.throws(() => settingsOf(["a --dsd1 1.5"]), /--dsd1 1\.5: "1\.5" is no whole number/);
  assert.throws(
    () => settingsOf(["a"], { gradualLatentTimesteps: 700, gradualLatentUnsharpParams: "x" }),
    /unsharp_params/,
  );
});
