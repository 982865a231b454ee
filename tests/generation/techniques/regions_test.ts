import assert from "node:assert/strict";
import { GEN_IMG_DEFAULTS } from "../defaults.ts";
import { planBatches } from "../../../src/generation/plan.ts";
import { samplingOf } from "../../../src/generation/pipeline/sampling.ts";
import { regionSizes, regionsOf } from "../../../src/generation/techniques/regions.ts";

/** Red, green, yellow and black pixels, 2 x 2. */
const data = Uint8Array.of(255, 0, 0, 0, 255, 0, 255, 255, 0, 0, 0, 0);
const MASK = { width: 2, height: 2, channels: 3, data } as const;

Deno.test("a mask's channels are the regions of the first three networks; an empty one is everywhere", () => {
  const regions = regionsOf(MASK, 4, null).map(({ values }) => [...values]);
  assert.deepEqual(regions, [[1, 0, 1, 0], [0, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1]]);
});

Deno.test("with colour codes a network's region is where the pixel's bits are its number", () => {
  const regions = regionsOf(MASK, 4, 3).map(({ values }) => [...values]);
  assert.deepEqual(regions, [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1, 1, 1, 1]]);
});

Deno.test("regions are there for every size of the U-Net's activations, odd and shrunk ones too", () => {
  const scene = { batch: 1, parts: 2, before: 1, behind: 0, height: 10, width: 8, shrinkRatio: 0.5 };
  const sizes = regionSizes(regionsOf(MASK, 1, null)[0], scene);
  for (const [h, w] of [[10, 8], [5, 4], [6, 4], [3, 2], [4, 2], [2, 1], [2, 2]]) {
    assert.equal(sizes.get(h * w)?.length, h * w, `${h}x${w}`);
  }
});

Deno.test("AND without regions, and fewer parts than networks, are refused in a line", () => {
  const told: string[] = [];
  const plan = (prompt: string, regions: typeof MASK | null) =>
    planBatches(
      { ...GEN_IMG_DEFAULTS, networkWeights: ["a.safetensors", "b.safetensors"] },
      [prompt],
      { images: null, paths: null, names: null, masks: null, regions, guides: null },
      { multiple: 8, size: { width: 64, height: 64 }, sampling: samplingOf(GEN_IMG_DEFAULTS) },
      (line) => void told.push(line),
    );
  assert.throws(() => plan("a cat AND a dog", null), /AND joins a prompt for each region; give networks/);
  assert.throws(() => plan("a cat", MASK), /"a cat" has 1 part for 2 networks/);
  assert.equal(plan("a cat AND a dog AND grass", MASK)[0].requests[0].settings.regionParts, 3);
  plan("a cat --am 1,0.5", null);
  assert.deepEqual(told, []);
  plan("a cat --am 1,0.5,2", null);
  assert.match(
    told.join(),
    /^prompt "a cat --am 1,0.5,2": --am has 3 strengths for 2 --network_weights that/,
  );
});
