/** Tools that go through pictures: several threads at work, and all that they write and say as of one. */

import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { Interrupted } from "../../../src/base/errors.ts";
import { type JobContext, quietContext } from "../../../src/base/job.ts";
import { Pool } from "../../../src/base/workers/pool.ts";
import { UnreadableImage } from "../../../src/images/load.ts";
import { decodeTask } from "../../../src/images/tasks.ts";
import { writePicture } from "../../../src/images/write.ts";
import { withDefaults } from "../../../src/options/mod.ts";
import { compatOptions } from "../../../src/options/shared.ts";
import { deviceOptions } from "../../../src/runtime/options.ts";
import { cacheLatents } from "../../../src/tools/dataset/caches/cache_latents.ts";
import { cacheLatentsGroups } from "../../../src/tools/dataset/caches/cache_options.ts";
import { prepareBuckets } from "../../../src/tools/dataset/caches/prepare_buckets.ts";
import { prepareBucketsOptions, resizeImagesOptions } from "../../../src/tools/dataset/options.ts";
import { facesOptions } from "../../../src/tools/dataset/options.ts";
import { cutFaces } from "../../../src/tools/dataset/pictures/faces.ts";
import { resizeImages } from "../../../src/tools/dataset/pictures/resize_images.ts";
import { parseResolutions } from "../../../src/tools/dataset/pictures/resolutions.ts";
import { taggerOptions } from "../../../src/tools/tagging/options.ts";
import { tagImages } from "../../../src/tools/tagging/tag_images.ts";
import { drawn } from "../../golden/prepare/pictures.ts";
import { listening, writeTinyModel } from "../../training/tiny_run.ts";

const PICTURES = 9, BROKEN = "5.png";

/** `s`: pictures of several sizes, with one among them that is none, captions and what a detector found. */
async function folder(): Promise<string> {
  const dir = Deno.makeTempDirSync({ prefix: "easel-threads-" }), at = (name: string) => join(dir, name);
  Deno.mkdirSync(at("s"));
  for (let i = 0; i < PICTURES; i++) {
    const name = `${i}.${i % 2 ? "png" : "jpg"}`, picture = drawn({ w: 64 + 32 * (i % 2), h: 64, seed: i });
    if (name === BROKEN) Deno.writeTextFileSync(at(`s/${name}`), "no picture");
    else await writePicture(at(`s/${name}`), picture);
    Deno.writeTextFileSync(at(`s/${i}.txt`), "a thing");
  }
  const face = { bbox: [10, 10, 40, 44, 0.99], right_eye: [16, 20], left_eye: [34, 24] };
  const faces = Object.fromEntries([...Deno.readDirSync(at("s"))].map(({ name }) => [name, [face]]));
  Deno.writeTextFileSync(at("faces.json"), JSON.stringify(faces));
  Deno.writeTextFileSync(at("in.json"), "{}");
  writeTinyModel(at("model.safetensors"));
  const tagger = join(import.meta.dirname!, "../../golden/data/tagger"), model = at("m/x_y");
  Deno.mkdirSync(model, { recursive: true });
  Deno.copyFileSync(join(tagger, "selected_tags.csv"), join(model, "selected_tags.csv"));
  Deno.copyFileSync(join(tagger, "convnext_batch2.onnx"), join(model, "model.onnx"));
  return dir;
}

type Run = (dir: string, threads: number, context: JobContext) => Promise<unknown>;

const TOOLS: Readonly<Record<string, Run>> = {
  resize_images_to_resolution: (dir, threads, context) =>
    resizeImages({
      ...withDefaults([resizeImagesOptions, compatOptions], { threads, copyAssociatedFiles: true }),
      ...{
        source: join(dir, "s"),
        target: join(dir, "s/o"),
        maxResolutions: parseResolutions("32x32,16x16")!,
      },
    }, context),
  detect_face_rotate: (dir, threads, context) =>
    cutFaces({
      ...withDefaults([facesOptions, deviceOptions, compatOptions], {
        ...{ srcDir: join(dir, "s"), dstDir: join(dir, "s/o"), detections: join(dir, "faces.json") },
        ...{ threads, rotate: true, debug: true },
      }),
      ...{ cropSize: [90, 60], cropRatio: null },
    }, context),
  prepare_buckets_latents: (dir, threads, context) =>
    prepareBuckets({
      ...withDefaults([prepareBucketsOptions, deviceOptions, compatOptions], {
        threads,
        device: "cpu",
        seed: 1,
      }),
      ...{ trainDataDir: join(dir, "s"), inJson: join(dir, "in.json"), outJson: join(dir, "s/out.json") },
      ...{
        vae: join(dir, "model.safetensors"),
        maxResolution: [64, 64],
        minBucketReso: 32,
        bucketResoSteps: 32,
      },
      ...{ batchSize: 2, alphaMask: false, endAtDamaged: false },
    }, context),
  cache_latents: (dir, threads, context) => {
    const data = { trainDataDir: join(dir, "data"), captionExtension: ".txt", resolution: "64" };
    Deno.mkdirSync(data.trainDataDir);
    Deno.renameSync(join(dir, "s"), join(dir, "data/1_thing"));
    Deno.symlinkSync("data/1_thing", join(dir, "s"));
    Deno.writeTextFileSync(join(dir, "s", BROKEN), ""); // else left out when sizes are read
    const model = {
      pretrainedModelNameOrPath: join(dir, "model.safetensors"),
      vaeBatchSize: 2,
      device: "cpu",
    };
    return cacheLatents(withDefaults(cacheLatentsGroups, { ...data, ...model, seed: 1, threads }), context);
  },
  tag_images_by_wd14_tagger: (dir, threads, context) =>
    tagImages({
      ...withDefaults([taggerOptions, deviceOptions, compatOptions], { threads: 1, device: "cpu" }),
      ...{ maxDataLoaderNWorkers: threads, trainDataDir: join(dir, "s"), modelDir: join(dir, "m") },
      ...{ repoId: "x/y", thresh: 0.5, captionExtension: ".tags" },
    }, context),
};

/** What each thread was asked while `run` ran. */
async function counted(run: () => Promise<unknown>): Promise<number[]> {
  const asked: number[] = [], Real = globalThis.Worker;
  globalThis.Worker = class extends Real {
    readonly #number = asked.push(0) - 1;
    override postMessage(message: unknown): void {
      asked[this.#number]++;
      super.postMessage(message);
    }
  };
  try {
    await run();
  } finally {
    globalThis.Worker = Real;
  }
  return asked;
}

/** Every file below `s` with its bytes, and what was said without the names of folders. */
async function outcome(run: Run, threads: number) {
  const dir = await folder(), context = listening(), files = new Map<string, Uint8Array>();
  const asked = await counted(() => run(dir, threads, context));
  const visit = (at: string) => {
    for (const { name, isDirectory } of Deno.readDirSync(join(dir, at))) {
      if (isDirectory) visit(`${at}/${name}`);
      else files.set(`${at}/${name}`, Deno.readFileSync(join(dir, at, name)));
    }
  };
  visit("s");
  Deno.removeSync(dir, { recursive: true });
  const said = context.lines.map((line) => line.replaceAll(dir, ""));
  return { asked, files: new Map([...files].sort()), said, events: context.events };
}

for (const [name, run] of Object.entries(TOOLS)) {
  Deno.test(`${name} has several threads at work and writes and says what one does`, async () => {
    const one = await outcome(run, 1), two = await outcome(run, 2);
    strictEqual(one.asked.length, 0);
    strictEqual(two.asked.length, 2);
    ok(two.asked.every((tasks) => tasks >= 2), two.asked.join());
    ok(one.files.size > 2 * PICTURES + 2);
    deepStrictEqual(two.files, one.files);
    ok(one.said.some((line) => line.includes(BROKEN)), one.said.join("\n"));
    deepStrictEqual([two.said, two.events], [one.said, one.events]);
  });
}

Deno.test("a tool with threads that is interrupted ends them and leaves the first pictures whole", async () => {
  const dir = await folder(), stop = new AbortController(), names: string[] = [];
  const context: JobContext = {
    ...quietContext(stop.signal),
    progress: ({ step }) => step === 3 && stop.abort(new Interrupted("interrupted")),
  };
  await rejects(TOOLS.detect_face_rotate(dir, 2, context), Interrupted);
  for (const { name } of Deno.readDirSync(join(dir, "s/o"))) names.push(name);
  ok(
    names.length >= 1 && names.length < PICTURES - 1 && names.every((name) => name.endsWith(".png")),
    names.join(),
  );
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("an error of another thread is of its kind, and the thread goes on", async () => {
  using pool = new Pool(2);
  const read = (path: string) => pool.run(decodeTask, { path, options: {} });
  const picture = join(import.meta.dirname!, "../../data/pictures/a420.jpg");
  const found = await Promise.allSettled(["/no/such.png", picture, "/no/other.png", picture].map(read));
  deepStrictEqual(found.map(({ status }) => status), ["rejected", "fulfilled", "rejected", "fulfilled"]);
  const [{ reason }] = found as PromiseRejectedResult[];
  ok(reason instanceof UnreadableImage && reason.path === "/no/such.png", String(reason));
  strictEqual(reason.message, "/no/such.png: no such file");
});
