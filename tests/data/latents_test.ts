import assert from "node:assert/strict";
import { join } from "node:path";
import { type CacheOptions, createDatasetGroup, datasetName } from "../../src/data/mod.ts";
import { unzipSync, zipSync } from "fflate";
import { f32Array, i64Array, readNpz, writeNpz } from "../../src/formats/npz.ts";
import { PythonRandom } from "../../src/random/mod.ts";
import { plansOf, withFolder, writePictures } from "./fixture.ts";
import { cache, firstBatch, loaderOf, open, pictures } from "./latent_fixture.ts";

Deno.test("latents from memory and from files make the same batch, flips included", () =>
  withFolder(async (dir) => {
    pictures(dir);
    const inMemory = await open(dir, { flip_aug: true }), onDisk = await open(dir, { flip_aug: true });
    const { encoder } = await cache(inMemory, false);
    // Smallest bucket first, at most two of a bucket together, and each batch again mirrored.
    assert.deepEqual(encoder.calls, [1, 1, 2, 2, 1, 1]);
    await cache(onDisk, true);
    const a = await firstBatch(inMemory), b = await firstBatch(onDisk);
    assert.equal(a.pixels, null);
    assert.deepEqual(a, b);
    assert.deepEqual(a.latentShape, [a.bucket[1] / 8, a.bucket[0] / 8, 4]);
    assert.equal(a.latents!.length, a.captions.length * a.bucket[0] * a.bucket[1] / 16);
    assert.deepEqual(a.targetSizes[0], [a.bucket[1], a.bucket[0]]);
  }));

Deno.test("whoever caches several datasets hears which one is at work, where anything is to be made", () =>
  withFolder(async (dir) => {
    pictures(dir);
    const started = async () => {
      const group = await open(dir);
      let name = "";
      await cache(group, true, { onStart: () => void (name = datasetName(group.datasets[0], 1)) });
      return name;
    };
    assert.equal(await started(), "dataset 2 (1_a)");
    assert.equal(await started(), "");
  }));

Deno.test("cache files carry sd-scripts' names, keys, types and shapes", () =>
  withFolder(async (dir) => {
    pictures(dir);
    await cache(await open(dir, { flip_aug: true, alpha_mask: true }), true);
    const arrays = readNpz(join(dir, "1_a", "tall.npz"));
    const kinds = [...arrays].map(([name, { dtype, shape }]) => `${name} ${dtype} ${shape}`);
    assert.deepEqual(kinds, [
      "latents F32 4,12,4",
      "original_size I64 2",
      "crop_ltrb F64 4",
      "latents_flipped F32 4,12,4",
      "alpha_mask F32 96,32",
    ]);
    // Channels first in the file: the last plane of this encoder holds the columns.
    const { data } = arrays.get("latents")!;
    const latents = new Float32Array(data.buffer, data.byteOffset, data.length / 4);
    assert.deepEqual([...latents.subarray(3 * 48, 3 * 48 + 8)], [0, 1, 2, 3, 0, 1, 2, 3]);
  }));

Deno.test("a second run uses the files; other buckets, options or damage make them anew", () =>
  withFolder(async (dir) => {
    pictures(dir);
    const calls = async (flags: Record<string, unknown> = {}) => {
      const { encoder } = await cache(await open(dir, flags), true);
      return encoder.calls.reduce((a, b) => a + b, 0);
    };
    assert.equal(await calls(), 4);
    assert.equal(await calls(), 0);
    assert.equal(await calls({ flip_aug: true }), 8);
    assert.equal(await calls(), 0); // files with more than is asked for serve
    assert.equal(await calls({ alpha_mask: true }), 4);
    assert.equal(await calls(), 4); // but not with a mask that is not asked for
    assert.equal(await calls({ resolution: "96" }), 4);
    assert.equal(await calls({ resolution: "96" }), 0);
    const file = join(dir, "1_a", "s1.npz"), bytes = Deno.readFileSync(file);
    Deno.writeFileSync(file, bytes.subarray(0, bytes.length / 2));
    assert.equal(await calls({ resolution: "96" }), 1);
  }));

Deno.test("caching refuses what it cannot do and leaves out what it cannot read", () =>
  withFolder(async (dir) => {
    pictures(dir);
    await assert.rejects(
      async () => cache(await open(dir, { random_crop: true }), false),
      /random_crop exclude/,
    );
    await assert.rejects(async () => cache(await open(dir, { color_aug: true }), false), /color_aug exclude/);
    const nan: CacheOptions["encode"] = (_, n, h, w) =>
      Promise.resolve({
        latents: new Float32Array(n * h * w / 16).fill(NaN),
        channels: 4,
        height: h / 8,
        width: w / 8,
      });
    await assert.rejects(async () => cache(await open(dir), false, { encode: nan }), /no_half_vae/);
    const group = await open(dir);
    Deno.writeTextFileSync(join(dir, "1_a", "s1.png"), "broken now");
    const { notes } = await cache(group, false);
    assert.equal(notes.length, 1);
    assert.match(notes[0], /s1.png: .*left out/);
    const seen = new Set<string>();
    const loader = loaderOf(group, (line) => notes.push(line));
    for (let b = await loader.next(0); b; b = await loader.next(0)) b.imagePaths.forEach((p) => seen.add(p));
    assert.equal(seen.size, 3);
    assert.equal(notes.length, 1);
  }));

Deno.test("metadata with latents beside it trains without the images", () =>
  withFolder(async (dir) => {
    pictures(dir);
    const folder = join(dir, "1_a");
    await cache(await open(dir), true);
    const sizes: Record<string, [number, number]> = { s1: [64, 64], s2: [64, 64] };
    const metadata = Object.fromEntries(
      Object.entries(sizes).map(([name, size]) => [name, { caption: `a ${name}`, train_resolution: size }]),
    );
    const file = join(dir, "meta.json");
    Deno.writeTextFileSync(file, JSON.stringify(metadata));
    for (const name of ["s1", "s2"]) Deno.removeSync(join(folder, `${name}.png`));
    const plans = plansOf({ in_json: file, train_data_dir: folder, train_batch_size: 4 });
    const group = await createDatasetGroup(plans, new PythonRandom(1), { compat: false });
    const batch = await firstBatch(group);
    assert.deepEqual([...batch.captions].sort(), ["a s1", "a s2"]);
    assert.deepEqual([batch.bucket, batch.latentShape], [[64, 64], [8, 8, 4]]);
  }));

Deno.test("cache files with odd arrays are made again, with one line; what nobody asked for is not read", () =>
  withFolder(async (dir) => {
    writePictures(join(dir, "1_a"), [{ name: "s1", width: 64, height: 64 }]);
    const file = join(dir, "1_a", "s1.npz");
    const plane = (n: number, value = 0) => f32Array(new Float32Array(n * 64).fill(value), [n, 8, 8]);
    const good = {
      latents: plane(4),
      original_size: i64Array([64, 64]),
      crop_ltrb: i64Array([0, 0, 64, 64]),
    };
    const floatSize = { dtype: "F64", shape: [2], data: new Uint8Array(Float64Array.of(64, 64).buffer) };
    const odd: [Partial<typeof good>, RegExp][] = [
      [{ latents: plane(3) }, /has latents of \[3, 8, 8\], \[4, 8, 8\] are wanted/],
      [{ latents: plane(8) }, /has latents of \[8, 8, 8\]/],
      [{ latents: plane(4, NaN) }, /has latents that are no numbers/],
      [{ latents: { ...plane(4), dtype: "I32" } }, /has latents as I32/],
      [{ original_size: floatSize } as Partial<typeof good>, /has original_size as F64/],
      [{ original_size: i64Array([64]) }, /has original_size of \[1\]/],
      [{ original_size: i64Array([64, -1]) }, /has original_size 64x-1/],
      [{ original_size: i64Array([64, 2 ** 40]) }, /has original_size 64x1099511627776/],
      [{ crop_ltrb: i64Array([0, 0, 64]) }, /has crop_ltrb of \[3\]/],
      [{ crop_ltrb: undefined }, /has no crop_ltrb/],
    ];
    for (const [wrong, why] of odd) {
      const arrays = Object.entries({ ...good, ...wrong }).filter(([, array]) => array);
      writeNpz(file, Object.fromEntries(arrays));
      const { encoder, notes } = await cache(await open(dir), true);
      assert.deepEqual(encoder.calls, [1], String(why));
      assert.equal(notes.length, 1);
      assert.match(notes[0], why);
      assert.match(notes[0], /^\S+s1\.npz: .*; is made again$/);
      assert.deepEqual((await cache(await open(dir), true)).encoder.calls, []);
    }
    const mine = { depth: plane(1), pose: plane(1) };
    writeNpz(file, mine);
    await assert.rejects(
      cache(await open(dir), true),
      /s1\.npz: holds depth, pose and no latents, and would be replaced/,
    );
    assert.deepEqual(readNpz(file).get("depth")?.shape, [1, 8, 8]);
    writeNpz(file, good);
    Deno.writeTextFileSync(`${file}.4194304.tmp`, "half");
    assert.match(
      (await cache(await open(dir), true)).notes[0],
      /s1\.npz\.4194304\.tmp: removed, a run that was killed/,
    );
    const entries = unzipSync(Deno.readFileSync(file)), zeros = new Uint8Array(2 ** 20);
    Deno.writeFileSync(file, zipSync({ ...entries, "other.npy": zeros }));
    assert.deepEqual((await cache(await open(dir), true)).encoder.calls, []);
    Deno.writeFileSync(file, zipSync({ ...entries, "alpha_mask.npy": zeros }));
    assert.match(
      (await cache(await open(dir), true)).notes[0],
      /the entry alpha_mask.npy has 1048576 bytes, at most/,
    );
  }));

Deno.test("--skip_cache_check takes files by the names of their arrays; what is odd in them ends the step", () =>
  withFolder(async (dir) => {
    writePictures(join(dir, "1_a"), [{ name: "s1", width: 64, height: 64 }]);
    const group = await open(dir), file = join(dir, "1_a", "s1.npz");
    await cache(group, true);
    const good = Deno.readFileSync(file), trusted = { trusted: true };
    writeNpz(file, { latents: f32Array(new Float32Array(8), [8]) });
    const fresh = await open(dir), { encoder, notes } = await cache(fresh, true, trusted);
    assert.deepEqual([encoder.calls, notes], [[], []]);
    await assert.rejects(firstBatch(fresh), /s1\.npz: has latents of \[8\], \[4, 8, 8\] are wanted/);
    Deno.writeFileSync(file, good);
    const flipped = await cache(await open(dir, { flip_aug: true }), true, trusted);
    assert.match(flipped.notes[0], /holds no mirrored latents; is made again/);
    writeNpz(file, { depth: f32Array(new Float32Array(1), [1]) });
    await assert.rejects(cache(await open(dir), true, trusted), /holds depth and no latents/);
  }));
