/** Models of the hub: what is fetched, where it lies, and what is said where that is not possible. Nothing leaves the machine. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { hubName } from "../../src/base/files/hub_name.ts";
import { quietContext } from "../../src/base/job.ts";
import { chooseFiles } from "../../src/hub/choose.ts";
import { fetchModel, nameInCache } from "../../src/hub/mod.ts";
import type { HubSettings } from "../../src/hub/place.ts";
import { COMMIT, type Hub, serveHub } from "./server.ts";

const bytes = (length: number, seed: number) => Uint8Array.from({ length }, (_, i) => (i * 31 + seed) % 251);
const FILES = {
  "README.md": bytes(10, 1),
  "model_index.json": bytes(40, 2),
  "unet/config.json": bytes(50, 3),
  "unet/diffusion_pytorch_model.safetensors": bytes(100_000, 4),
  "unet/diffusion_pytorch_model.fp16.safetensors": bytes(50_000, 5),
  "vae/config.json": bytes(60, 6),
  "vae/diffusion_pytorch_model.bin": bytes(7_000, 7),
  "../evil.safetensors": bytes(10, 8),
};

async function withHub(
  files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>,
  body: (hub: Hub, settings: HubSettings) => Promise<void>,
): Promise<void> {
  const hub = serveHub(files), cache = Deno.makeTempDirSync();
  try {
    await body(hub, { endpoint: hub.endpoint, cache, offline: false, token: "hf_secret" });
  } finally {
    await hub.close();
    Deno.removeSync(cache, { recursive: true });
  }
}

const NAME = { repo: "owner/name", file: null, revision: "main" };

Deno.test("names and addresses of the hub are told from paths", () => {
  const main = { repo: "owner/name", file: null, revision: "main" };
  assert.deepEqual(hubName("owner/name"), main);
  assert.deepEqual(hubName("owner/name@refs/pr/1"), { ...main, revision: "refs/pr/1" });
  assert.deepEqual(hubName("https://huggingface.co/owner/name"), main);
  assert.deepEqual(hubName("https://huggingface.co/owner/name/blob/v1/a/b.safetensors?x=1"), {
    ...{ repo: "owner/name", file: "a/b.safetensors", revision: "v1" },
  });
  for (
    const path of [
      "./owner/name",
      "/owner/name",
      "owner/name.safetensors",
      "name",
      "a/b/c",
      "../a/b",
      "src/hub",
      "a/..",
      "https://civitai.com/models/123",
      "builtin:tiny",
      "a\\b",
    ]
  ) assert.equal(hubName(path), null, path);
});

Deno.test("a Diffusers model is fetched as a folder, only what is read, once, with the token", () =>
  withHub(FILES, async (hub, settings) => {
    const path = await fetchModel(NAME, settings, quietContext());
    assert.equal(path, join(settings.cache, "models--owner--name/snapshots", COMMIT));
    assert.equal(nameInCache(path + "/x"), "owner/name");
    for (
      const name of [
        "model_index.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.bin",
      ]
    ) {
      assert.deepEqual(Deno.readFileSync(join(path, name)), FILES[name as keyof typeof FILES], name);
    }
    const fetched = hub.requests.filter((request) => request.includes("/resolve/"));
    assert.equal(fetched.length, 5);
    assert.deepEqual([...hub.tokens], ["Bearer hf_secret"]);
    assert.equal(await fetchModel(NAME, settings, quietContext()), path);
    assert.equal(hub.requests.filter((request) => request.includes("/resolve/")).length, 5);
    // now without the hub
    assert.equal(await fetchModel(NAME, { ...settings, offline: true }, quietContext()), path);
    assert.equal(
      await fetchModel(NAME, { ...settings, endpoint: "http://127.0.0.1:1" }, quietContext()),
      path,
    );
    await assert.rejects(
      fetchModel({ ...NAME, revision: "other" }, { ...settings, offline: true }, quietContext()),
      /owner\/name: is not in the cache .*HF_HUB_OFFLINE/,
    );
  }));

Deno.test("what was cut off goes on from there, in the same run and in the next", () =>
  withHub({ "one.safetensors": bytes(60_000, 9) }, async (hub, settings) => {
    hub.cuts.push(10_000, 20_000);
    const path = await fetchModel(NAME, settings, quietContext());
    assert.deepEqual(Deno.readFileSync(path), bytes(60_000, 9));
    assert.deepEqual(hub.requests.filter((request) => request.includes("bytes=")).length, 2);
    // a killed run left a part
    const blob = Deno.realPathSync(path);
    Deno.writeFileSync(`${blob}.incomplete`, bytes(60_000, 9).subarray(0, 44_000));
    Deno.removeSync(blob);
    await fetchModel(NAME, settings, quietContext());
    assert.ok(hub.requests.at(-1)!.endsWith("bytes=44000-"));
    assert.deepEqual(Deno.readFileSync(path), bytes(60_000, 9));
    // one that holds something else is found out and not kept
    Deno.writeFileSync(`${blob}.incomplete`, new Uint8Array(44_000));
    Deno.removeSync(blob);
    await assert.rejects(fetchModel(NAME, settings, quietContext()), /is not what the hub says/);
    assert.ok([...Deno.readDirSync(join(settings.cache, "models--owner--name/blobs"))].length === 0);
  }));

Deno.test("one line says what cannot be fetched, and the token is in none", () =>
  withHub({ "a.safetensors": bytes(9, 1), "b.safetensors": bytes(9, 2) }, async (_, settings) => {
    const said = async (name: Partial<typeof NAME>, pattern: RegExp, more: Partial<HubSettings> = {}) => {
      const error = await fetchModel({ ...NAME, ...name }, { ...settings, ...more }, quietContext()).catch((
        e,
      ) => e);
      assert.match(error.message, pattern);
      assert.ok(!error.message.includes("\n") && !error.message.includes("hf_secret"), error.message);
    };
    await said({}, /holds 2 models \(a\.safetensors, b\.safetensors\); give the address of one/);
    await said(
      { repo: "owner/other" },
      /owner\/other: is no file here and no model of http.*your token does not open/,
    );
    await said({ revision: "none" }, / at none, /);
    await said({}, /cannot be asked for it \(.*\); check the path or the network/, {
      endpoint: "http://127.0.0.1:1",
    });
  }));

Deno.test("of several forms of the same weights the best is chosen", () => {
  const choose = (...paths: string[]) => chooseFiles("owner/name", paths).files;
  assert.deepEqual(
    choose(
      "model_index.json",
      "unet/diffusion_pytorch_model.fp16.bin",
      "unet/diffusion_pytorch_model.fp16.safetensors",
    ),
    [
      "model_index.json",
      "unet/diffusion_pytorch_model.fp16.safetensors",
    ],
  );
  assert.deepEqual(
    choose("config.json", "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin"),
    [
      "config.json",
      "diffusion_pytorch_model.safetensors",
    ],
  );
  assert.deepEqual(choose("config.json", "pytorch_model.bin", "tokenizer.json", "vocab.txt"), [
    "config.json",
    "pytorch_model.bin",
    "vocab.txt",
  ]);
  assert.deepEqual(choose("x.ckpt", "x.safetensors"), ["x.safetensors"]);
  assert.throws(() => choose("README.md"), /holds no model that is known here/);
});
