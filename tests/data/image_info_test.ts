/** cache_info: metadata_cache.json as sd-scripts writes it, and what becomes of one that does not fit. */

import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { createDatasetGroup, type Dataset, type DatasetGroup } from "../../src/data/mod.ts";
import { encodePng } from "../../src/images/png_file.ts";
import { PythonRandom } from "../../src/random/mod.ts";
import { plansOf, withFolder, writePictures } from "./fixture.ts";
import { firstBatch } from "./latent_fixture.ts";

const BUCKETS = { enable_bucket: true, min_bucket_reso: 32, max_bucket_reso: 128, bucket_reso_steps: 16 };

const open = async (dir: string, share = 0) => (await openGroup(dir, share)).datasets[0];

async function openGroup(dir: string, validation_split = 0): Promise<DatasetGroup> {
  const flags = { train_data_dir: dir, resolution: "64", caption_extension: ".txt", cache_info: true };
  const plans = plansOf({ ...flags, ...BUCKETS, validation_split });
  return await createDatasetGroup(plans, new PythonRandom(1), {
    compat: false,
    split: { part: "training", seed: 1 },
  });
}

const facts = ({ entries }: Dataset) =>
  entries.map(({ path, caption, size, bucket }) => [basename(path), caption, size, bucket]);

Deno.test("cache_info writes sizes and captions of all images once, and reads nothing else after", () =>
  withFolder(async (dir) => {
    const folder = join(dir, "2_a cat"), file = join(folder, "metadata_cache.json");
    writePictures(folder, [{ name: "x", caption: "a, b", width: 96 }, { name: "y" }, {
      name: "z",
      caption: "é",
    }]);
    const first = await open(dir, 0.5);
    assert.ok(first.entries.length < 3, "some are held out");
    assert.deepEqual(JSON.parse(Deno.readTextFileSync(file)), {
      [join(folder, "x.png")]: { caption: "a, b", resolution: [96, 64] },
      [join(folder, "y.png")]: { caption: "a cat", resolution: [64, 64] },
      [join(folder, "z.png")]: { caption: "é", resolution: [64, 64] },
    });
    const written = Deno.readTextFileSync(file), all = facts(await open(dir));
    Deno.writeTextFileSync(join(folder, "x.txt"), "other words");
    Deno.writeTextFileSync(join(folder, "y.png"), "no picture, and not looked at");
    writePictures(folder, [{ name: "new" }]);
    const again = await open(dir);
    assert.deepEqual(facts(again), all);
    assert.deepEqual(all.map(([name]) => name), ["x.png", "y.png", "z.png"]);
    assert.match(
      again.notes.join(),
      /metadata_cache\.json, which has no line for 1 of 4 images: they are left out/,
    );
    assert.equal(Deno.readTextFileSync(file), written);
  }));

Deno.test("a metadata_cache.json of a folder that was moved is found by the images' names, in its order", () =>
  withFolder(async (dir) => {
    const folder = join(dir, "1_a");
    writePictures(folder, [{ name: "x" }, { name: "y" }]);
    const line = (name: string) => [`C:\\old\\${name}.png`, { caption: `of ${name}`, resolution: [64, 64] }];
    const table = Object.fromEntries(["y", "gone", "x"].map(line));
    Deno.writeTextFileSync(join(folder, "metadata_cache.json"), JSON.stringify(table));
    assert.deepEqual(facts(await open(dir)).map(([name, caption]) => [name, caption]), [
      ["y.png", "of y"],
      ["x.png", "of x"],
    ]);
  }));

Deno.test("a metadata_cache.json that is none, or says another size, is one line with the remedy", () =>
  withFolder(async (dir) => {
    const folder = join(dir, "1_a"), file = join(folder, "metadata_cache.json");
    writePictures(folder, [{ name: "x", caption: "a" }]);
    const cases = [
      ["[]", /is no table of images; remove it/],
      ["{", /is not JSON .*; remove it so that it is made again$/],
      ['{"x.png": {"caption": null, "resolution": [64, 64]}}', /"x.png" has no caption and resolution/],
      ['{"x.png": {"caption": "a", "resolution": [0, 64]}}', /"x.png" has no caption and resolution/],
    ] as const;
    for (const [text, message] of cases) {
      Deno.writeTextFileSync(file, text);
      await assert.rejects(open(dir), message);
    }
    Deno.removeSync(file);
    const group = await openGroup(dir);
    Deno.writeFileSync(
      join(folder, "x.png"),
      encodePng({ width: 32, height: 64, data: new Uint8Array(32 * 64 * 3) }),
    );
    await assert.rejects(
      firstBatch(group),
      /x\.png: is 32x64, \S+metadata_cache\.json says 64x64; remove that file/,
    );
  }));
