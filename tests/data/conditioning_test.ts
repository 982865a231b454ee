/** Conditioning pictures: found by name, scaled, cut and mirrored with their pictures, or refused. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { BatchLoader, createDatasetGroup, planDatasets } from "../../src/data/mod.ts";
import { CONDITIONED } from "../../src/data/dataset/config_schema.ts";
import { encodePng } from "../../src/images/png_file.ts";
import { sd1 } from "../../src/models/families/sd1.ts";
import { PythonRandom, TorchGenerator } from "../../src/random/mod.ts";
import { datasetFlags, type Picture, plansOf, withFolder, writePictures } from "./fixture.ts";

type Flags = Record<string, unknown>;

const BUCKETS = { enable_bucket: true, min_bucket_reso: 64, max_bucket_reso: 192, bucket_reso_steps: 32 };

/** Pictures in `dir`/a, what goes with them in `dir`/c. */
function write(dir: string, pictures: readonly Picture[], conditioning: readonly Picture[]): Flags {
  writePictures(join(dir, "a"), pictures);
  writePictures(join(dir, "c"), conditioning);
  return { train_data_dir: join(dir, "a"), conditioning_data_dir: join(dir, "c"), resolution: "64" };
}

async function batchesOf(flags: Flags, epochs: number, compat = false) {
  const random = new PythonRandom(1), plans = planDatasets(datasetFlags(flags), CONDITIONED);
  const group = await createDatasetGroup(plans, random, { compat });
  const options = { latent: sd1.latent, torch: new TorchGenerator(1), maxTrainSteps: 1, compat };
  const loader = new BatchLoader(group, { ...options, random, note: (line) => assert.fail(line) });
  const batches = [];
  for (let epoch = 1; epoch <= epochs; epoch++) {
    loader.startEpoch(epoch);
    batches.push((await loader.next(epoch - 1))!);
  }
  return batches;
}

const firstBatch = async (flags: Flags) => (await batchesOf(flags, 1))[0];

Deno.test("what a ControlNet sees is cut and mirrored with its picture", () =>
  withFolder(async (dir) => {
    const sizes = { width: 200, height: 120 };
    const flags = write(dir, [{ name: "x", ...sizes }], [{ name: "x", ...sizes }]);
    const batches = await batchesOf({ ...flags, ...BUCKETS, resolution: "96", flip_aug: true }, 6);
    assert.equal(new Set(batches.map(({ flippeds }) => flippeds[0])).size, 2, "mirrored and not");
    for (const { bucket, conditioning, pixels } of batches) {
      assert.deepEqual(bucket, [128, 64]);
      assert.deepEqual(conditioning, pixels, "of the same pictures the same is left");
    }
    // another size: squeezed to the training size by Pillow's LANCZOS, which keeps one colour
    const grey = { width: 90, height: 48, data: new Uint8Array(90 * 48 * 3).fill(51) };
    writePictures(join(dir, "a"), [{ name: "x" }]);
    Deno.writeFileSync(join(dir, "c/x.png"), encodePng(grey));
    const { conditioning } = await firstBatch(flags);
    assert.equal(conditioning!.length, 64 * 64 * 3);
    assert.ok(conditioning!.every((x) => Math.abs(x + 0.6) < 1e-6));
  }));

const BAD: readonly [string, readonly Picture[], readonly Picture[], Flags, RegExp][] = [
  [
    "missing",
    [{ name: "x" }, { name: "y" }],
    [{ name: "x" }],
    {},
    /^no conditioning picture of the same name for \S*a\/y\.png \(in \S*\/c\); add it, or take the picture out$/,
  ],
  [
    "extra",
    [{ name: "x" }],
    ["x", "p", "q"].map((name) => ({ name })),
    {},
    /^no picture of the same name for the conditioning \S*c\/\S*, \S*; take them out$/,
  ],
  [
    "of another size",
    [{ name: "x" }],
    [{ name: "x", width: 65 }],
    BUCKETS,
    /c\/x\.png: is 65x64 and its picture \S*a\/x\.png 64x64; with buckets both are of one size: scale it$/,
  ],
  [
    "loosely cut",
    [{ name: "x" }],
    [{ name: "x" }],
    { random_crop: true },
    /a: random_crop would cut the picture and not its conditioning picture; leave it out$/,
  ],
  [
    "of pictures that nothing cuts",
    [{ name: "x", width: 80 }],
    [{ name: "x", width: 80 }],
    {},
    /a\/x\.png: 80x64 is larger than the resolution 64x64; use --enable_bucket or --cache_latents$/,
  ],
  [
    "without a folder",
    [{ name: "x" }],
    [],
    { conditioning_data_dir: null },
    /^no conditioning images: give --conditioning_data_dir/,
  ],
  [
    "in a folder that is none",
    [{ name: "x" }],
    [],
    { conditioning_data_dir: "nowhere" },
    /nowhere: no such folder/,
  ],
];

for (const [what, pictures, conditioning, more, message] of BAD) {
  Deno.test(`conditioning pictures ${what} are refused in a line`, () =>
    withFolder(async (dir) => {
      const flags = write(dir, pictures, conditioning);
      await assert.rejects(() => firstBatch({ ...flags, ...more }), (error: Error) => {
        assert.match(error.message, message);
        assert.match(error.name, /^(User|Usage)Error$/);
        return true;
      });
    }));
}

Deno.test("a conditioning picture that is cut off is refused by name", () =>
  withFolder(async (dir) => {
    const flags = write(dir, [{ name: "x" }], [{ name: "x" }]), path = join(dir, "c/x.png");
    Deno.writeFileSync(path, Deno.readFileSync(path).subarray(0, 300));
    await assert.rejects(firstBatch(flags), /c\/x\.png: /);
  }));

Deno.test("--masked_loss takes masks from flags, in one folder or one for each folder of pictures", () =>
  withFolder((dir) => {
    writePictures(join(dir, "2_a"), [{ name: "x" }]);
    writePictures(join(dir, "1_b"), [{ name: "y" }]);
    writePictures(join(dir, "masks", "2_a"), [{ name: "x" }]);
    const flags = { train_data_dir: dir, conditioning_data_dir: join(dir, "masks"), masked_loss: true };
    const [{ kind, subsets }] = plansOf(flags);
    assert.equal(kind, "controlnet");
    assert.deepEqual(
      subsets.map((
        subset,
      ) => [subset.num_repeats, "conditioning_data_dir" in subset && subset.conditioning_data_dir]),
      [[1, join(dir, "masks")], [2, join(dir, "masks/2_a")]],
    );
    const refused = (more: Flags) =>
      assert.throws(() => plansOf({ ...flags, ...more }), { name: "UsageError" });
    refused({ masked_loss: false });
    refused({ reg_data_dir: dir });
    refused({ in_json: "meta.json" });
  }));

Deno.test("a dataset file names masks only with --masked_loss, and says so", () =>
  withFolder((dir) => {
    const path = join(dir, "d.toml");
    const subset = `[[datasets.subsets]]\nimage_dir = "a"\nconditioning_data_dir = "c"\n`;
    Deno.writeTextFileSync(path, `[[datasets]]\nresolution = 64\n${subset}`);
    assert.equal(plansOf({ dataset_config: path, masked_loss: true })[0].kind, "controlnet");
    assert.throws(() => plansOf({ dataset_config: path }), /it names the masks that --masked_loss asks for$/);
    Deno.writeTextFileSync(path, `[[datasets]]\n${subset}[[datasets.subsets]]\nimage_dir = "b"\n`);
    assert.throws(
      () => plansOf({ dataset_config: path, masked_loss: true }),
      /put the others into a \[\[datasets\]\]/,
    );
  }));
