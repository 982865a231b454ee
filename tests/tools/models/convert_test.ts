/** easel convert: from form to form and back with the same bytes, Ctrl-C on the way, and what is refused. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { quietContext } from "../../../src/base/job.ts";
import { modelPath } from "../../../src/base/assets.ts";
import { openCheckpoint } from "../../../src/formats/checkpoint.ts";
import { openModel } from "../../../src/models/mod.ts";
import { withDefaults } from "../../../src/options/mod.ts";
import { compatOptions } from "../../../src/options/shared.ts";
import { convertModel } from "../../../src/tools/models/convert.ts";
import { convertConfig, convertDiffusersConfig } from "../../../src/tools/models/convert_jobs.ts";
import { referenceFolder } from "../../../src/tools/models/reference_folder.ts";
import { convertDiffusersOptions, convertOptions } from "../../../src/tools/models/options.ts";
import { serveHub } from "../../hub/server.ts";

const own = withDefaults([convertOptions] as const, {});
const reference = withDefaults([convertDiffusersOptions, compatOptions] as const, {});

async function withFolder(body: (path: (name: string) => string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    await body((name) => join(folder, name));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function contents(path: string): Record<string, string> {
  using file = openCheckpoint(path);
  return Object.fromEntries(
    file.keys().sort().map((
      key,
    ) => [key, `${file.info(key).dtype} [${file.info(key).shape}] ${crc32(file.bytes(key))}`]),
  );
}

Deno.test("builtin:tiny goes through every form and comes back with the same bytes and metadata", () =>
  withFolder(async (path) => {
    const forms = ["a.safetensors", "b", "c.ckpt", "d.safetensors"];
    let from = "builtin:tiny";
    for (const name of forms) {
      await convertModel(convertConfig(own, from, path(name)), quietContext());
      from = path(name);
    }
    assert.deepEqual(contents(path("a.safetensors")), contents(modelPath("builtin:tiny")));
    assert.deepEqual(contents(path("d.safetensors")), contents(modelPath("builtin:tiny")));
    using first = openCheckpoint(modelPath("builtin:tiny")), copy = openCheckpoint(path("a.safetensors"));
    assert.deepEqual(copy.metadata, first.metadata);
  }));

Deno.test("convert_diffusers20_original_sd: counters, metadata, precision, the scheduler of a reference", () =>
  withFolder(async (path) => {
    const run = (from: string, to: string, more: Partial<typeof reference>) =>
      convertModel(convertDiffusersConfig({ ...reference, ...more }, from, path(to)), quietContext());
    await run("builtin:tiny", "a.ckpt", { epoch: 3, globalStep: 40, v1: true });
    await run(path("a.ckpt"), "b.safetensors", { fp16: true, metadata: "{'title': 'mine'}" });
    using first = openCheckpoint(path("a.ckpt")), second = openCheckpoint(path("b.safetensors"));
    assert.deepEqual(first.counters, { epoch: 3, globalStep: 40 });
    assert.deepEqual(second.metadata, { title: "mine" });
    assert.deepEqual([...new Set(second.keys().map((key) => second.info(key).dtype))], ["F16"]);

    await run("builtin:tiny", "plain", {});
    const scheduler = path("plain/scheduler/scheduler_config.json");
    const settings = JSON.parse(Deno.readTextFileSync(scheduler));
    Deno.writeTextFileSync(
      scheduler,
      JSON.stringify({ ...settings, prediction_type: "v_prediction", beta_end: 0.02 }),
    );
    await run("builtin:tiny", "like_it", { referenceModel: path("plain"), useSafetensors: true });
    const { prediction_type, beta_end } = JSON.parse(
      Deno.readTextFileSync(path("like_it/scheduler/scheduler_config.json")),
    );
    assert.deepEqual([prediction_type, beta_end], ["v_prediction", 0.02]);
    assert.ok(Deno.statSync(path("like_it/unet/diffusion_pytorch_model.safetensors")).isFile);
    assert.ok(Deno.statSync(path("plain/unet/diffusion_pytorch_model.bin")).isFile);
    // what a folder says of its predictions holds for the model
    const model = openModel(path("like_it"));
    assert.ok(model.marks.vPrediction);
    model.close();
  }));

Deno.test("of a reference on the hub the small files are fetched, and nothing else", () =>
  withFolder(async (path) => {
    const hub = serveHub({
      "model_index.json": new Uint8Array(2),
      "scheduler/scheduler_config.json": new TextEncoder().encode("{}"),
      "unet/diffusion_pytorch_model.safetensors": new Uint8Array(9),
    });
    const set = { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: path("cache") };
    const before = Object.keys(set).map((name) => [name, Deno.env.get(name)] as const);
    for (const [name, value] of Object.entries(set)) Deno.env.set(name, value);
    try {
      const folder = await referenceFolder("owner/name", quietContext());
      assert.equal(Deno.readTextFileSync(join(folder, "scheduler/scheduler_config.json")), "{}");
      const fetched = hub.requests.filter((request) => request.includes("/resolve/"));
      assert.deepEqual(fetched.map((request) => request.replace(/.*\/resolve\/[0-9a-f]+\//, "")), [
        "scheduler/scheduler_config.json",
      ]);
      assert.equal(await referenceFolder(path(""), quietContext()), path(""));
    } finally {
      for (const [name, value] of before) {
        value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
      }
      await hub.close();
    }
  }));

Deno.test("what contradicts itself or the model is refused, and Ctrl-C leaves nothing", () =>
  withFolder(async (path) => {
    const said = (values: Partial<typeof reference>, pattern: RegExp) =>
      assert.throws(() => convertDiffusersConfig({ ...reference, ...values }, "a", path("b.ckpt")), pattern);
    said({ v1: true, v2: true }, /--v1 and --v2 contradict/);
    said({ fp16: true, savePrecisionAs: "bf16" }, /fp16 and bf16 are asked for at once/);
    said({ metadata: "{'a': 1}" }, /holds something else than texts/);
    said({ metadata: "__import__('os')" }, /is no Python literal/);
    assert.throws(() => convertConfig(own, "a", path("b.bin2")), /is written as \.safetensors/);
    await assert.rejects(
      convertModel(
        convertDiffusersConfig({ ...reference, v2: true }, "builtin:tiny", path("x.ckpt")),
        quietContext(),
      ),
      /is an SD1 checkpoint, the flags ask for SD2/,
    );
    await convertModel(convertConfig(own, "builtin:tiny", path("same.ckpt")), quietContext());
    const itself = convertModel(convertConfig(own, path("same.ckpt"), path("same.ckpt")), quietContext());
    await assert.rejects(itself, /is the model that is read and would be replaced/);
    const signal = AbortSignal.abort(new Error("stopped"));
    for (const name of ["y", "y.ckpt", "y.safetensors"]) {
      const stopped = convertModel(convertConfig(own, "builtin:tiny", path(name)), {
        ...quietContext(),
        signal,
      });
      await assert.rejects(stopped, /stopped/);
    }
    assert.deepEqual([...Deno.readDirSync(path("."))].map(({ name }) => name), ["same.ckpt"]);
  }));
