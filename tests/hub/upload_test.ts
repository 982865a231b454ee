/** Uploads of what a training saves, and states that are fetched, with a hub of the test's own. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { quietContext } from "../../src/base/job.ts";
import { checkUploads, fetchFolder, type UploadConfig, Uploads } from "../../src/hub/mod.ts";
import { COMMIT, type Hub, serveHub } from "./server.ts";

const CONFIG: UploadConfig = {
  huggingfaceRepoId: "owner/name",
  huggingfaceRepoType: null,
  huggingfacePathInRepo: "runs/one",
  huggingfaceToken: "hf_secret",
  huggingfaceRepoVisibility: null,
  asyncUpload: false,
};

/** With HF_ENDPOINT at a hub, and a folder. */
async function withHub(
  files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>,
  body: (hub: Hub, path: (name: string) => string) => Promise<void>,
): Promise<void> {
  const hub = serveHub(files),
    folder = Deno.makeTempDirSync(),
    names = ["HF_ENDPOINT", "HF_HUB_OFFLINE", "HF_TOKEN", "HF_HOME"];
  const before = names.map((name) => [name, Deno.env.get(name)] as const);
  names.forEach((name) => Deno.env.delete(name));
  Deno.env.set("HF_ENDPOINT", hub.endpoint);
  Deno.env.set("HF_HOME", folder);
  try {
    await body(hub, (name) => join(folder, name));
  } finally {
    for (const [name, value] of before) {
      value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
    }
    await hub.close();
    Deno.removeSync(folder, { recursive: true });
  }
}

function saved(path: (name: string) => string): void {
  Deno.writeTextFileSync(path("thing.safetensors"), "weights");
  Deno.mkdirSync(path("thing-state"));
  Deno.writeTextFileSync(path("thing-state/state.json"), "state");
}

Deno.test("files and folders arrive under their names, one after the other", () =>
  withHub({}, async (hub, path) => {
    saved(path);
    const lines: string[] = [], context = { ...quietContext(), log: (line: string) => lines.push(line) };
    const uploads = Uploads.open(CONFIG, context)!;
    uploads.add(path("thing.safetensors"));
    uploads.add(path("thing-state"));
    await uploads.settle(false);
    assert.deepEqual(Object.fromEntries(hub.uploaded), {
      "runs/one/thing.safetensors": btoa("weights"),
      "runs/one/thing-state/state.json": btoa("state"),
    });
    assert.deepEqual([...hub.tokens], ["Bearer hf_secret"]);
    assert.equal(lines.length, 2);
    assert.ok(!lines.join().includes("hf_secret"));
  }));

Deno.test("a repository that is not there is made, hidden unless it shall be public; in the background only the end waits", () =>
  withHub({}, async (hub, path) => {
    saved(path);
    for (const huggingfaceRepoVisibility of [null, "public"]) {
      const config = {
        ...CONFIG,
        huggingfaceRepoId: "owner/new",
        huggingfaceRepoVisibility,
        asyncUpload: true,
      };
      const uploads = Uploads.open(config, quietContext())!;
      uploads.add(path("thing.safetensors"));
      await uploads.settle(false);
      await uploads.settle(true);
      assert.equal(hub.uploaded.get("owner/new"), huggingfaceRepoVisibility ?? "private");
      assert.equal(hub.uploaded.get("runs/one/thing.safetensors"), btoa("weights"));
    }
    assert.equal(Uploads.open({ ...CONFIG, huggingfaceRepoId: null }, quietContext()), null);
  }));

Deno.test("an upload that fails is told without the token, and nothing ends", () =>
  withHub({}, async (hub, path) => {
    saved(path);
    const warnings: string[] = [],
      context = { ...quietContext(), warn: (line: string) => warnings.push(line) };
    Deno.env.set("HF_ENDPOINT", "http://127.0.0.1:1");
    const uploads = Uploads.open(CONFIG, context)!;
    uploads.add(path("thing.safetensors"));
    await uploads.settle(true);
    assert.match(
      warnings.join("\n"),
      /^.*thing\.safetensors: was not uploaded to owner\/name \(.*\); it is on the disk$/,
    );
    assert.ok(!warnings[0].includes("hf_secret"));
    assert.equal(hub.uploaded.size, 0);
  }));

Deno.test("uploads that cannot work are refused before a training starts", () =>
  withHub({}, async () => {
    const said = (more: Partial<UploadConfig>, pattern: RegExp) =>
      assert.throws(() => checkUploads({ ...CONFIG, ...more }), pattern);
    said({ huggingfaceRepoId: "name" }, /is no owner\/name/);
    said({ huggingfaceRepoType: "thing" }, /is none of model, dataset, space/);
    said({ huggingfaceToken: null }, /uploads want a token/);
    Deno.env.set("HF_HUB_OFFLINE", "1");
    said({}, /HF_HUB_OFFLINE forbids/);
    await Promise.resolve();
  }));

Deno.test("a state on the hub is fetched as a folder", () => {
  const state = new TextEncoder().encode("state"), other = new TextEncoder().encode("other");
  return withHub({ "runs/one-state/state.json": state, "runs/other": other }, async (hub, path) => {
    const settings = { endpoint: hub.endpoint, cache: path("hub"), offline: false, token: null };
    const found = await fetchFolder("owner/name/runs/one-state:v1:model", settings, quietContext());
    assert.equal(found, path(`hub/models--owner--name/snapshots/${COMMIT}/runs/one-state`));
    assert.deepEqual(Deno.readFileSync(join(found, "state.json")), state);
    assert.equal(hub.requests.filter((request) => request.includes("/resolve/")).length, 1);
    const refused = (text: string, pattern: RegExp) =>
      assert.rejects(fetchFolder(text, settings, quietContext()), pattern);
    await refused("owner/name/none", /owner\/name has no such folder/);
    await refused("owner/name/../x", /is no folder on the hub/);
    await refused("owner/name/a:main:dataset", /no dataset of /);
    await refused("owner/name/a:main:folder", /folder is none of model, dataset, space/);
  });
});
