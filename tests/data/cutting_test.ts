/** How pictures are cut and scaled; cuts around faces by a Python transcript of sd-scripts' crop_target(), seed 7. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { BatchLoader, createDatasetGroup } from "../../src/data/mod.ts";
import type { Size } from "../../src/data/batches/buckets.ts";
import { drawFaceCrop, faceNamed } from "../../src/data/batches/face_crop.ts";
import type { SubsetParams } from "../../src/data/dataset/params.ts";
import { sd1 } from "../../src/models/families/sd1.ts";
import { PythonRandom, TorchGenerator } from "../../src/random/mod.ts";
import { plansOf, withFolder, writePictures } from "./fixture.ts";

/** Picture, target, name, range, random_crop; then what it is scaled to, left and top. */
const CUTS: readonly [Size, Size, string, [number, number], boolean, Size, number, number][] = [
  [[200, 160], [64, 64], "120_60_50_44", [1, 2], false, [151, 121], 59, 11],
  [[200, 160], [64, 64], "120_60_50_44", [1.5, 1.5], false, [171, 137], 70, 19],
  [[200, 160], [96, 64], "0120_0060_0030_0044", [1, 2], true, [163, 130], 41, 5],
  [[80, 64], [64, 64], "70_30_30_20", [2, 4], false, [80, 64], 16, 0],
];

Deno.test("faces are cut out where sd-scripts cuts them", () => {
  for (const [size, target, name, face_crop_aug_range, random_crop, scaled, left, top] of CUTS) {
    const subset = { face_crop_aug_range, random_crop } as unknown as SubsetParams;
    const cut = drawFaceCrop(faceNamed(`d/cat_${name}.png`)!, size, target, subset, new PythonRandom(7));
    assert.deepEqual(cut, { scaled, left, top }, name);
  }
  for (const none of ["cat.png", "1_2_3_4.png", "my_cat_at_the_beach.png", "cat_0_3_4_5.png"]) {
    assert.equal(faceNamed(none), null, none);
  }
});

Deno.test("--face_crop_aug_range scales and cuts what a step sees; with buckets it says that it does nothing", () =>
  withFolder(async (dir) => {
    writePictures(join(dir, "1_a"), [{ name: "x_120_60_50_44", width: 200, height: 160 }]);
    const open = async (flags: Record<string, unknown>) => {
      const random = new PythonRandom(7),
        plans = plansOf({ train_data_dir: dir, resolution: "64", ...flags });
      const group = await createDatasetGroup(plans, random, { compat: false });
      const options = { latent: sd1.latent, torch: new TorchGenerator(7), maxTrainSteps: 1, compat: false };
      const loader = new BatchLoader(group, { ...options, random, note: (line) => assert.fail(line) });
      loader.startEpoch(1);
      return { loader, notes: group.datasets[0].notes };
    };
    const { loader, notes } = await open({ face_crop_aug_range: "1.0,2.0" });
    const batch = (await loader.next(0))!;
    assert.deepEqual([batch.pixels!.length, batch.originalSizes], [64 * 64 * 3, [[64, 64]]]);
    assert.deepEqual(notes, []);
    await assert.rejects(open({}), /is larger than the resolution 64x64/);
    const bucketed = await open({ face_crop_aug_range: "1.0,2.0", enable_bucket: true, min_bucket_reso: 64 });
    assert.match(bucketed.notes.join(), /face_crop_aug_range has no effect with buckets/);
    for (const range of ["0,2", "3,2", "1", "a,b"]) {
      assert.throws(() => plansOf({ train_data_dir: dir, face_crop_aug_range: range }), /give "lower,upper"/);
    }
  }));

Deno.test("pictures of a folder are in the order of their code points", () =>
  withFolder(async (dir) => {
    writePictures(join(dir, "1_a"), ["\u{1f600}", "\uff5e", "B", "a"].map((name) => ({ name })));
    const plans = plansOf({ train_data_dir: dir, resolution: "64" });
    const { datasets } = await createDatasetGroup(plans, new PythonRandom(1), { compat: false });
    const names = datasets[0].entries.map(({ path }) => path.split("/").at(-1));
    assert.deepEqual(names, ["B.png", "a.png", "\uff5e.png", "\u{1f600}.png"]);
  }));

Deno.test("resize_interpolation of a subset goes before the flag, and changes what a step sees", () =>
  withFolder(async (dir) => {
    writePictures(join(dir, "1_a"), [{ name: "x", width: 150, height: 130 }]);
    const config = join(dir, "c.toml");
    const seen = async (line: string, flags: Record<string, unknown> = {}) => {
      const subset = `[[datasets.subsets]]\nimage_dir = '${join(dir, "1_a")}'\n${line}`;
      Deno.writeTextFileSync(config, `[[datasets]]\nresolution = 64\nenable_bucket = true\n${subset}`);
      const random = new PythonRandom(7),
        plans = plansOf({ dataset_config: config, min_bucket_reso: 64, ...flags });
      const group = await createDatasetGroup(plans, random, { compat: false });
      const options = { latent: sd1.latent, torch: new TorchGenerator(7), maxTrainSteps: 1, compat: false };
      const loader = new BatchLoader(group, { ...options, random, note: (line) => assert.fail(line) });
      loader.startEpoch(1);
      return [...(await loader.next(0))!.pixels!];
    };
    const area = await seen(""), nearest = await seen("resize_interpolation = 'nearest'");
    assert.notDeepEqual(area, nearest);
    assert.deepEqual(await seen("", { resize_interpolation: "nearest" }), nearest);
    assert.deepEqual(await seen("resize_interpolation = 'area'", { resize_interpolation: "nearest" }), area);
    await assert.rejects(seen("resize_interpolation = 'hamming'"), /"hamming" is none; use lanczos, nearest/);
  }));
