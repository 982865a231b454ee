/** Latents of pictures that several datasets, or several folders of one, have. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { withFolder } from "./fixture.ts";
import { cache, firstBatch, open, pictures } from "./latent_fixture.ts";

Deno.test("two images that would share a cache file are refused", () =>
  withFolder(async (dir) => {
    pictures(dir);
    Deno.copyFileSync(join(dir, "1_a", "s1.png"), join(dir, "1_a", "s1.webp"));
    await assert.rejects(
      async () => cache(await open(dir), true),
      /s1.png and .*s1.webp would share the cache file/,
    );
  }));

Deno.test("a folder that a dataset names twice, once by a link, has its latents once in files", () =>
  withFolder(async (dir) => {
    pictures(dir);
    const folder = join(dir, "1_a"), link = join(dir, "link"), config = join(dir, "sets.toml");
    Deno.symlinkSync(folder, link);
    for (const [other, flips] of [[link, true], [`${folder}/`, false]] as const) {
      const subset = (path: string, flip: boolean) =>
        `[[datasets.subsets]]\nimage_dir = "${path}"\nflip_aug = ${flip}\n`;
      Deno.writeTextFileSync(config, `[[datasets]]\n${subset(folder, flips)}${subset(other, false)}`);
      for (const _ of ["to files", "from files"]) {
        const group = await open(dir, { dataset_config: config });
        const { notes } = await cache(group, true), [{ entries }] = group.datasets;
        const inMemory = entries.filter(({ latents }) => latents !== null);
        assert.deepEqual(
          inMemory.map(({ path }) => path.startsWith(other)),
          flips ? Array(4).fill(true) : [],
        );
        assert.equal(
          notes.some((line) => /holds latents for an earlier folder; those of 4/.test(line)),
          flips,
        );
        await firstBatch(group);
      }
    }
  }));

Deno.test("two datasets of one folder do not take each other's files", () =>
  withFolder(async (dir) => {
    pictures(dir);
    const owned = new Map<string, string>();
    const large = await open(dir, { resolution: "128" }), small = await open(dir);
    await cache(large, true, { owned });
    const { notes } = await cache(small, true, { owned });
    assert.match(notes.join(), /npz: holds latents for an earlier dataset; .* 4 pictures .* stay in memory/);
    for (const group of [large, small]) {
      const { latentShape, bucket } = await firstBatch(group);
      assert.deepEqual(latentShape, [bucket[1] / 8, bucket[0] / 8, 4]);
    }
    const again = new Map<string, string>(), largeAgain = await open(dir, { resolution: "128" });
    assert.deepEqual((await cache(largeAgain, true, { owned: again })).encoder.calls, []);
  }));
