/** prepare_buckets_latents where sd-scripts ends in an error, and what is left when it is interrupted. */

import { deepStrictEqual, match, notDeepStrictEqual, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { Interrupted } from "../../../src/base/errors.ts";
import { quietContext } from "../../../src/base/job.ts";
import { listNpz, readNpz } from "../../../src/formats/npz.ts";
import { writePicture } from "../../../src/images/write.ts";
import {
  prepareBuckets,
  type PrepareBucketsConfig,
} from "../../../src/tools/dataset/caches/prepare_buckets.ts";
import { drawn } from "../../golden/prepare/pictures.ts";
import { listening, writeTinyModel } from "../../training/tiny_run.ts";

async function folder(): Promise<{ at: (name: string) => string; config: PrepareBucketsConfig }> {
  const dir = Deno.makeTempDirSync({ prefix: "easel-buckets-" }), at = (name: string) => join(dir, name);
  Deno.mkdirSync(at("d"));
  for (const [i, w] of [64, 160, 64].entries()) {
    await writePicture(at(`d/${i}.png`), drawn({ w, h: 64, seed: i, mode: "RGBA" }));
  }
  writeTinyModel(at("model.safetensors"));
  Deno.writeTextFileSync(at("in.json"), "{}");
  return {
    at,
    config: {
      ...{
        trainDataDir: at("d"),
        inJson: at("in.json"),
        outJson: at("out.json"),
        vae: at("model.safetensors"),
      },
      ...{
        batchSize: 2,
        maxResolution: [64, 64],
        minBucketReso: 32,
        maxBucketReso: 128,
        bucketResoSteps: 32,
      },
      ...{
        bucketNoUpscale: false,
        fullPath: false,
        recursive: false,
        flipAug: false,
        alphaMask: true,
        compat: null,
      },
      ...{
        skipExisting: true,
        endAtDamaged: false,
        maxDataLoaderNWorkers: null,
        mixedPrecision: "no",
        seed: 1,
        device: "cpu",
        threads: 1,
      },
      ...{ vramBudget: null, noVendorLibs: false },
    },
  };
}

Deno.test("prepareBuckets() keeps alpha, leaves out damaged pictures and makes again only what does not fit", async () => {
  const { at, config } = await folder(), context = listening();
  Deno.writeTextFileSync(at("d/bad.png"), "no picture");
  await prepareBuckets(config, context);
  match(context.lines.join("\n"), /warning: .*bad\.png: is no PNG.*; left out/);
  deepStrictEqual(listNpz(at("d/0.npz")).sort(), ["alpha_mask", "crop_ltrb", "latents", "original_size"]);
  const alpha = new Float32Array(readNpz(at("d/0.npz")).get("alpha_mask")!.data.buffer);
  ok(Math.max(...alpha) <= 1 && Math.min(...alpha) < 0.1, "alpha goes from 0 to 1");
  const bytes = () => [0, 1, 2].map((i) => Deno.readFileSync(at(`d/${i}.npz`)));
  const before = bytes();
  Deno.writeFileSync(at("d/1.npz"), before[0]); // of another size
  await prepareBuckets({ ...config, seed: 2 }, quietContext());
  const after = bytes();
  deepStrictEqual([after[0], after[2]], [before[0], before[2]]);
  notDeepStrictEqual(after[1], before[0]);
  await prepareBuckets({ ...config, seed: 2, skipExisting: false }, quietContext());
  notDeepStrictEqual(bytes()[0], before[0]);
});

Deno.test("prepareBuckets() that is interrupted writes no metadata, and pictures of one name are refused", async () => {
  const { at, config } = await folder();
  await rejects(
    prepareBuckets(config, quietContext(AbortSignal.abort(new Interrupted("interrupted")))),
    Interrupted,
  );
  await writePicture(at("d/0.bmp"), drawn({ w: 64, h: 64, seed: 1 }));
  await rejects(
    prepareBuckets(config, quietContext()),
    /0\.bmp and .*0\.png would share .*0\.npz; rename one/,
  );
  deepStrictEqual(
    [...Deno.readDirSync(at("."))].map(({ name }) => name).filter((n) => n.startsWith("out")),
    [],
  );
});
