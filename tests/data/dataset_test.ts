import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { createDatasetGroup, type DatasetGroup, describeDatasets } from "../../src/data/mod.ts";
import { adjustLimits, bucketResolutions, Buckets, cropBox } from "../../src/data/batches/buckets.ts";
import { processCaption } from "../../src/data/batches/captions.ts";
import type { DatasetFile } from "../../src/data/dataset/config_file.ts";
import { settle } from "../../src/data/dataset/params.ts";
import { PythonRandom } from "../../src/random/mod.ts";
import { datasetFlags, plansOf, withFolder, writePictures } from "./fixture.ts";

function open(dir: string, flags: Record<string, unknown> = {}, compat = false): Promise<DatasetGroup> {
  const plans = plansOf({ train_data_dir: dir, resolution: "64", caption_extension: ".txt", ...flags });
  return createDatasetGroup(plans, new PythonRandom(1), { compat });
}

const BUCKETS = { enable_bucket: true, min_bucket_reso: 32, max_bucket_reso: 128, bucket_reso_steps: 16 };

Deno.test("every bucket is inside its limits and every image covers its bucket", () => {
  const random = new PythonRandom(5);
  for (let round = 0; round < 200; round++) {
    const steps = random.choice([8, 16, 32, 64]), side = steps * random.randint(6, 16);
    const rules = adjustLimits({
      ...{ resolution: [side, side], noUpscale: round % 2 === 0, steps },
      ...{ minSize: steps * random.randint(1, 4), maxSize: side + steps * random.randint(0, 9) },
    });
    for (const [w, h] of bucketResolutions(rules.resolution, rules.minSize, rules.maxSize, steps)) {
      assert.ok(
        w % steps === 0 && h % steps === 0 && w * h <= side * side && Math.max(w, h) <= rules.maxSize,
      );
    }
    const buckets = Buckets.byRules(rules);
    const [width, height] = [random.randint(steps, 2000), random.randint(steps, 2000)];
    if (Math.max(width / height, height / width) > 8) continue;
    const { bucket, resized } = buckets.place(width, height);
    assert.ok(resized[0] >= bucket[0] && resized[1] >= bucket[1], `${width}x${height} ${resized} ${bucket}`);
    if (rules.noUpscale) assert.ok(resized[0] <= width && resized[1] <= height);
    const [left, top, right, bottom] = cropBox(bucket, [width, height]);
    assert.ok(left >= -1 && top >= -1 && right <= bucket[0] + 1e-9 && bottom <= bucket[1] + 1e-9);
  }
});

Deno.test("bucket limits that leave the resolution out are errors with the remedy", () => {
  const rules = { resolution: [512, 512], noUpscale: false, minSize: 256, maxSize: 1024, steps: 64 } as const;
  assert.deepEqual(adjustLimits({ ...rules, minSize: 300, maxSize: 1000 }), {
    ...rules,
    minSize: 256,
    maxSize: 1024,
  });
  assert.throws(
    () => adjustLimits({ ...rules, minSize: 640 }),
    /min_bucket_reso 640 is larger than resolution 512x512/,
  );
  assert.throws(() => adjustLimits({ ...rules, maxSize: 448 }), /max_bucket_reso 448 is smaller/);
  assert.throws(() => adjustLimits({ ...rules, steps: 0 }), /bucket_reso_steps/);
});

Deno.test("no caption found, but others lie there: refused, naming the flag, but for an ending that none has", () =>
  withFolder(async (dir) => {
    writePictures(join(dir, "1_a"), [{ name: "x", caption: "a cat" }, { name: "y" }]);
    await assert.rejects(open(dir, { caption_extension: ".caption" }), {
      name: "UserError",
      message: `${join(dir, "1_a")}: no caption file ends in .caption, but 1 of 2 images have a .txt file; ` +
        "use --caption_extension .txt",
    });
    assert.equal((await open(dir, { caption_extension: "txt" })).datasets[0].reports[0].captionFiles, 1);
    const plans = plansOf({ train_data_dir: dir, resolution: "64", caption_extension: ".caption" });
    await createDatasetGroup(plans, new PythonRandom(1), { compat: false, captionsUnread: true });
    const named = await open(dir, { caption_extension: ".none-use-foldername" });
    assert.deepEqual(named.datasets[0].entries.map((e) => e.caption), ["a", "a"]);
    assert.match(
      named.datasets[0].notes.join(),
      /no caption file ends in \.none-use-foldername, but 1 of 2 .* not read/,
    );
  }));

Deno.test("captions come from files, else from the class; an empty file counts and is told", () =>
  withFolder(async (dir) => {
    writePictures(join(dir, "2_cls tok"), [
      { name: "a", caption: "first line \r\nsecond\n" },
      { name: "b", caption: "" },
      { name: "c" },
      { name: "d_1_2_3_4" },
    ]);
    Deno.writeTextFileSync(join(dir, "2_cls tok", "d.txt"), "\uFEFFa face");
    const group = await open(dir);
    const [dataset] = group.datasets;
    assert.deepEqual(dataset.entries.map((e) => e.caption), ["first line", "", "cls tok", "a face"]);
    const wild = await open(dir, { enable_wildcard: true });
    assert.equal(wild.datasets[0].entries[0].caption, "first line\nsecond");
    assert.deepEqual(describeDatasets(group), [
      "dataset 1: 64x64, batch size 1",
      "  2_cls tok: 4 images x 2, 3 captions, 1 empty, 1 without",
      "8 training images with repeats, 8 batches an epoch",
    ]);
    assert.deepEqual(dataset.tagFrequency, { "2_cls tok": { "first line": 1, "cls tok": 1, "a face": 1 } });
    Deno.writeFileSync(join(dir, "2_cls tok", "c.txt"), Uint8Array.of(0xff, 0x41));
    await assert.rejects(open(dir), /c.txt: is not UTF-8 text/);
  }));

Deno.test("unreadable images are named once and left out; none left is an error", () =>
  withFolder(async (dir) => {
    const folder = join(dir, "1_a");
    writePictures(folder, [{ name: "good" }, { name: "cut" }]);
    const bytes = Deno.readFileSync(join(folder, "cut.png"));
    Deno.writeFileSync(join(folder, "cut.png"), bytes.subarray(0, bytes.length - 40));
    Deno.writeTextFileSync(join(folder, "text.jpg"), "no picture");
    const [dataset] = (await open(dir)).datasets;
    assert.deepEqual(dataset.entries.map((e) => basename(e.path)), ["good.png"]);
    assert.equal(dataset.notes.length, 2);
    assert.match(dataset.notes[0], /1_a.cut.png: is cut off in its \w+ chunk; left out$/);
    assert.match(
      dataset.notes[1],
      /1_a.text.jpg: is no PNG, JPEG, WebP, BMP, AVIF or JPEG XL file; left out$/,
    );
    Deno.removeSync(join(folder, "good.png"));
    await assert.rejects(open(dir), /1_a: no image to train on \(.*cut.png: is cut off/);
    for (const { name } of Deno.readDirSync(folder)) Deno.removeSync(join(folder, name));
    await assert.rejects(
      open(dir),
      /1_a: no image to train on \(.*1_a: has no images; the subset is left out\)/,
    );
  }));

Deno.test("images that are left out are told: by folder, by format, by what they are instead", () =>
  withFolder(async (dir) => {
    const picture = [{ name: "a", width: 32, height: 32 }];
    for (
      const name of [
        ...["2_cat", "dog", "0_bird", "5x_fish", ".hidden", "2_cat/sub", "2_cat/.ipynb_checkpoints"],
        ...["2_cat/deep/er", "set/5_owl", "set/.trash"],
      ]
    ) {
      writePictures(join(dir, name), picture);
    }
    Deno.mkdirSync(join(dir, "empty"));
    const folder = join(dir, "2_cat");
    for (const name of ["b.tiff", "c.GIF", "d.gif", "._e.gif"]) {
      Deno.writeTextFileSync(join(folder, name), "");
    }
    Deno.writeTextFileSync(join(folder, "f.png"), "<!DOCTYPE html><html>");
    Deno.writeTextFileSync(join(folder, "f.txt"), "a cat");
    Deno.writeTextFileSync(join(folder, "a.txt"), "a cat");
    const group = await open(dir);
    const notes = group.datasets[0].notes.map((note) =>
      note.replaceAll(dir, "D").replace(basename(dir), "D")
    );
    assert.deepEqual(notes, [
      "D/0_bird: 1 image is left out, for its name asks for no repeats",
      "D/5x_fish: 1 image is left out, for its name does not begin with a number of repeats; call it 5_fish",
      "D/dog: 1 image is left out, for its name does not begin with a number of repeats; call it 1_dog",
      "D/set/5_owl: 1 image is left out; only folders directly in D are trained on",
      "D/2_cat/f.png: is no PNG, JPEG, WebP, BMP, AVIF or JPEG XL file; it is a web page (HTML): the site wanted a sign-in or " +
      "found nothing there; download it again; left out",
      "D/2_cat/sub: 1 image is left out; only those directly in 2_cat are trained on",
      "D/2_cat/deep/er: 1 image is left out; only those directly in 2_cat are trained on",
      "D/2_cat: left out: 1 .tiff, 2 .gif; only PNG, JPEG, WebP, BMP, AVIF or JPEG XL files are read",
    ]);
    assert.match(describeDatasets(group)[1], /2_cat: 1 image x 2, 1 caption$/);
    Deno.removeSync(folder, { recursive: true });
    assert.throws(() => void open(dir), /has no folder named REPEATS_NAME.*0_bird: 1 image is left out/);
  }));

Deno.test("an image smaller than a bucket step is left out and named", () =>
  withFolder(async (dir) => {
    writePictures(join(dir, "1_a"), [{ name: "thin", width: 4, height: 60 }, {
      name: "ok",
      width: 60,
      height: 60,
    }]);
    const [dataset] = (await open(dir, { ...BUCKETS, bucket_no_upscale: true })).datasets;
    assert.equal(dataset.notes.length, 1);
    assert.match(dataset.notes[0], /thin.png: is 4x60, a side is below bucket_reso_steps 16; left out/);
    assert.deepEqual(dataset.buckets, [{ size: [48, 48], members: [0] }]);
  }));

Deno.test("regularisation images become as many as training images, or are cut off", () =>
  withFolder(async (dir) => {
    const names = (prefix: string, n: number) =>
      Array.from({ length: n }, (_, i) => ({ name: `${prefix}${i}` }));
    writePictures(join(dir, "t", "3_a"), names("a", 3));
    writePictures(join(dir, "r", "1_a"), names("r", 4));
    writePictures(join(dir, "many", "5_a"), names("m", 4));
    const repeats = async (reg: string) => {
      const [{ entries }] = (await open(join(dir, "t"), { reg_data_dir: join(dir, reg) })).datasets;
      return entries.filter((e) => e.isReg).map((e) => e.repeats);
    };
    assert.deepEqual(await repeats("r"), [3, 2, 2, 2]); // 9 in all
    assert.deepEqual(await repeats("many"), [5, 5]); // the rest is not used
  }));

Deno.test("the same folder twice counts once; what is not supported says so", () =>
  withFolder(async (dir) => {
    const folder = join(dir, "imgs");
    writePictures(folder, [{ name: "a" }]);
    const config = join(dir, "c.toml");
    const subset = `[[datasets.subsets]]\nimage_dir = '${folder}'\n`;
    const load = (text: string) => {
      Deno.writeTextFileSync(config, text);
      return createDatasetGroup(plansOf({ dataset_config: config }), new PythonRandom(1), {
        compat: false,
      });
    };
    const head = "[[datasets]]\nresolution = 64\n";
    const [dataset] = (await load(head + subset + subset)).datasets;
    assert.equal(dataset.entries.length, 1);
    assert.match(dataset.notes[0], /imgs: is listed twice/);
    await assert.rejects(
      load(head + subset + "face_crop_aug_range = [0.0, 2.0]"),
      /face_crop_aug_range \[0, 2\] must be above 0/,
    );
    await assert.rejects(load("[[datasets]]\n" + subset), /resolution is required/);
    await assert.rejects(
      load(head + "[[datasets.subsets]]\nimage_dir = '/nowhere/at/all'\n"),
      /no such folder/,
    );
  }));

Deno.test("metadata files name images, captions and tags; missing images are told", () =>
  withFolder(async (dir) => {
    writePictures(join(dir, "imgs"), ["a", "b", "c", "d"].map((name) => ({ name })));
    const file = join(dir, "meta.json");
    const metadata = {
      [join(dir, "imgs", "a.png")]: { caption: "a cat", tags: "fur, tail" },
      b: { tags: "only tags" },
      "c.png": { caption: "with ending" },
      d: {},
      gone: { caption: "x" },
    };
    Deno.writeTextFileSync(file, JSON.stringify(metadata));
    const [dataset] = (await open(join(dir, "imgs"), { in_json: file })).datasets;
    assert.deepEqual(dataset.entries.map((e) => e.caption), [
      "a cat,fur, tail",
      "only tags",
      "with ending",
      "",
    ]);
    assert.deepEqual(dataset.tagFrequency, { "meta.json": { fur: 1, tail: 1 } });
    assert.match(dataset.notes[0], /no image is found for "gone"/);
    for (const text of ["[]", "{", '{"b": 3}', '{"b": {"caption": 3}}', '{"b": {"train_resolution": [1]}}']) {
      Deno.writeTextFileSync(file, text);
      await assert.rejects(open(join(dir, "imgs"), { in_json: file }), /meta.json: /, text);
    }
  }));

Deno.test("captions: a dropped one is empty, separators and templates are literal", () => {
  const given = { image_dir: "a", caption_separator: "$&", secondary_separator: "+" };
  const file: DatasetFile = {
    general: {},
    datasets: [{ method: "dreambooth", values: {}, subsets: [given] }],
  };
  const [options] = settle(file, datasetFlags({}))[0].subsets;
  const at = { epoch: 1, step: 0, maxTrainSteps: 10 }, random = new PythonRandom(0);
  assert.equal(processCaption(options, "a+b", at, random), "a$&b");
  assert.equal(processCaption(options, "x sks", at, random, [["sks", "$1"]]), "x $1");
  const dropped = { ...options, caption_dropout_rate: 1 };
  assert.equal(processCaption(dropped, "a", at, random), "");
  const subset = { ...options, enable_wildcard: true };
  assert.equal(processCaption(subset, "{{a}} {b|b}", at, random), "{a} b");
});
