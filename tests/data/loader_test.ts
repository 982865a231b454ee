import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { type Batch, BatchLoader, createDatasetGroup, type LoaderState } from "../../src/data/mod.ts";
import { PythonRandom, TorchGenerator } from "../../src/random/mod.ts";
import { plansOf, withFolder, writePictures } from "./fixture.ts";
import { firstBatch } from "./latent_fixture.ts";
import { sd1 } from "../../src/models/families/sd1.ts";

interface Mode {
  readonly compat: boolean;
  readonly workers?: number;
  readonly persistentWorkers?: boolean;
}

/** A run over 5 + 4 pictures in two buckets, batches of 2, captions shuffled, flips, multires-like draws between. */
class Run {
  readonly torch = new TorchGenerator(7);
  readonly random = new PythonRandom(7);
  readonly seen: string[] = [];
  readonly notes: string[] = [];
  loader!: BatchLoader;
  step = 0;

  static async open(dir: string, mode: Mode, flags: Record<string, unknown> = {}): Promise<Run> {
    const run = new Run();
    const plans = plansOf({
      ...{ train_data_dir: dir, resolution: "96", caption_extension: ".txt", train_batch_size: 2 },
      ...{ enable_bucket: true, min_bucket_reso: 32, max_bucket_reso: 192, bucket_reso_steps: 32 },
      ...{ shuffle_caption: true, flip_aug: true, token_warmup_step: 12, ...flags },
    });
    const group = await createDatasetGroup(plans, run.random, { compat: mode.compat });
    const note = (line: string) => run.notes.push(line);
    run.loader = new BatchLoader(group, {
      latent: sd1.latent,
      torch: run.torch,
      random: run.random,
      maxTrainSteps: 20,
      note,
      ...mode,
    });
    return run;
  }

  /** Trains until `steps` steps are done. */
  async go(steps: number): Promise<void> {
    while (this.step < steps) {
      if (!this.loader.inEpoch) this.loader.startEpoch(this.loader.epoch + 1);
      const batch = await this.loader.next(this.step);
      if (!batch) continue;
      this.seen.push(describe(batch, this.loader.epoch));
      this.step++;
      this.torch.randn(32);
      this.random.random();
    }
  }

  save(): string {
    const { torch, random, loader, step } = this;
    return JSON.stringify([[...torch.getState()], random.getState(), loader.state(), step]);
  }

  load(saved: string): void {
    const [torch, random, loader, step] = JSON.parse(saved);
    this.torch.setState(Uint8Array.from(torch));
    this.random.setState(random);
    this.loader.restore(loader as LoaderState);
    this.step = step;
  }
}

function describe({ imagePaths, captions, flippeds }: Batch, epoch: number): string {
  return `${epoch}: ${imagePaths.map((p, i) => `${basename(p)} ${flippeds[i]} ${captions[i]}`).join(" | ")}`;
}

function pictures(dir: string): void {
  const square = Array.from(
    { length: 5 },
    (_, i) => ({ name: `a${i}`, width: 96, height: 96, caption: "a, b, c, d" }),
  );
  const tall = Array.from(
    { length: 4 },
    (_, i) => ({ name: `b${i}`, width: 64, height: 128, caption: "e, f, g" }),
  );
  writePictures(join(dir, "2_a"), square);
  writePictures(join(dir, "1_b"), tall);
}

const MODES: [string, Mode][] = [
  ["by default", { compat: false }],
  ["as 0.9.1 without workers", { compat: true, workers: 0 }],
  ["as 0.9.1 with two workers", { compat: true, workers: 2 }],
  ["as 0.9.1 with persistent workers", { compat: true, workers: 2, persistentWorkers: true }],
];

for (const [name, mode] of MODES) {
  Deno.test(`${name}: a run resumed between any two batches goes on like one never stopped`, () =>
    withFolder(async (dir) => {
      pictures(dir);
      const whole = await Run.open(dir, mode);
      await whole.go(24);
      for (const stop of [0, 1, 6, 7, 8, 14, 20]) {
        const first = await Run.open(dir, mode);
        await first.go(stop);
        const saved = first.save();
        const second = await Run.open(dir, mode);
        second.load(saved);
        await second.go(24);
        assert.deepEqual([...first.seen, ...second.seen], whole.seen, `stopped after ${stop}`);
        assert.deepEqual(second.random.getState(), whole.random.getState());
        assert.deepEqual(second.torch.getState(), whole.torch.getState());
      }
    }));
}

Deno.test("by default every epoch has every image as often as it is repeated, in its own order", () =>
  withFolder(async (dir) => {
    pictures(dir);
    const run = await Run.open(dir, { compat: false });
    assert.equal(run.loader.length, 7);
    await run.go(21);
    const names = [...Array(5).keys()].flatMap((i) => [`a${i}.png`, `a${i}.png`]);
    const wanted = [...names, "b0.png", "b1.png", "b2.png", "b3.png"];
    const orders = [1, 2, 3].map((epoch) => run.seen.filter((line) => line.startsWith(`${epoch}: `)));
    for (const order of orders) {
      assert.deepEqual(order.flatMap((line) => line.match(/\w+\.png/g)).sort(), wanted);
    }
    assert.equal(new Set(orders.map((order) => order.map((line) => line.slice(3)).join())).size, 3);
  }));

Deno.test("by default captions see the step they are trained at; 0.9.1 sees an older one", () =>
  withFolder(async (dir) => {
    writePictures(join(dir, "1_a"), [{ name: "x", caption: "a, b, c, d, e, f, g, h, i, j, k" }]);
    const tags = async (mode: Mode) => {
      const run = await Run.open(dir, mode, {
        shuffle_caption: false,
        flip_aug: false,
        token_warmup_step: 10,
      });
      await run.go(6);
      return run.seen.map((line) => line.split(", ").length);
    };
    assert.deepEqual(await tags({ compat: false }), [1, 2, 3, 4, 5, 6]);
    const late = await tags({ compat: true });
    assert.ok(late.at(-1)! < 6, String(late));
  }));

Deno.test("a state of other images is refused", () =>
  withFolder(async (dir) => {
    pictures(dir);
    const run = await Run.open(dir, { compat: false });
    await run.go(3);
    const saved = run.save();
    Deno.removeSync(join(dir, "2_a", "a0.png"));
    const other = await Run.open(dir, { compat: false });
    assert.throws(() => other.load(saved), /was made with 7 batches an epoch, the dataset now has 6/);
  }));

Deno.test("an image that breaks during training is named once and the rest goes on; all broken is an error", () =>
  withFolder(async (dir) => {
    pictures(dir);
    const run = await Run.open(dir, { compat: false }, { train_batch_size: 1 });
    Deno.writeTextFileSync(join(dir, "2_a", "a3.png"), "gone");
    await run.go(14);
    assert.equal(run.loader.epoch, 2);
    assert.equal(run.notes.length, 1);
    assert.match(run.notes[0], /a3.png: is no PNG, JPEG, WebP, BMP, AVIF or JPEG XL file; left out/);
    for (const folder of ["2_a", "1_b"]) {
      for (const { name } of Deno.readDirSync(join(dir, folder))) Deno.removeSync(join(dir, folder, name));
    }
    await assert.rejects(run.go(40), /none of the images can be read any more/);
  }));

Deno.test("without buckets images are cut at random, or refused with the remedy", () =>
  withFolder(async (dir) => {
    writePictures(join(dir, "1_a"), [{ name: "x", width: 120, height: 100 }]);
    await assert.rejects(
      Run.open(dir, { compat: false }, { enable_bucket: false }),
      /x.png: 120x100 is larger than the resolution 96x96; use --enable_bucket or --cache_latents, or --random_crop/,
      "before the first batch",
    );
    const cut = await Run.open(dir, { compat: false }, { enable_bucket: false, random_crop: true });
    cut.loader.startEpoch(1);
    const batch = (await cut.loader.next(0))!;
    assert.equal(batch.pixels!.length, 96 * 96 * 3);
    assert.deepEqual([batch.originalSizes, batch.cropTopLefts, batch.targetSizes], [[[96, 96]], [[0, 0]], [[
      96,
      96,
    ]]]);
  }));

Deno.test("alpha masks, loss weights and multipliers reach the batch", () =>
  withFolder(async (dir) => {
    pictures(dir);
    const config = join(dir, "c.toml");
    Deno.writeTextFileSync(
      config,
      `[[datasets]]\nresolution = 96\nbatch_size = 20\nnetwork_multiplier = 0.5\nenable_bucket = false\nrandom_crop = true\n` +
        `[[datasets.subsets]]\nimage_dir = '${
          join(dir, "2_a")
        }'\nalpha_mask = true\ncaption_extension = '.txt'\n` +
        `[[datasets.subsets]]\nimage_dir = '${join(dir, "reg")}'\nis_reg = true\n`,
    );
    writePictures(join(dir, "reg"), [{ name: "r", width: 96, height: 96 }]);
    const plans = plansOf({ dataset_config: config, prior_loss_weight: 0.25 });
    const batch = await firstBatch(await createDatasetGroup(plans, new PythonRandom(1), { compat: false }));
    assert.deepEqual([...batch.lossWeights].sort(), [...Array(5).fill(0.25), ...Array(5).fill(1)]);
    assert.deepEqual([...batch.networkMultipliers], Array(10).fill(0.5));
    assert.equal(batch.alphaMasks!.length, 10 * 96 * 96);
    assert.ok(batch.alphaMasks!.every((v) => v === 1));
  }));
