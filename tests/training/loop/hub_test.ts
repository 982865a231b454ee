/** A training whose files go to the hub, and one that goes on from a state there; the hub is the test's own. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fetchFolder } from "../../../src/hub/mod.ts";
import { trainNetwork } from "../../../src/training/jobs/train_network.ts";
import { serveHub } from "../../hub/server.ts";
import { listening, tinyRun } from "../tiny_run.ts";

Deno.test("models and states are uploaded while they are saved, and a state on the hub is gone on from", async () => {
  const { dir, config } = tinyRun();
  const first = serveHub({}), before = Deno.env.get("HF_ENDPOINT");
  Deno.env.set("HF_ENDPOINT", first.endpoint);
  const short = { ...config, maxTrainSteps: 3, saveEveryNSteps: 2, saveState: true };
  try {
    await trainNetwork({
      ...short,
      huggingfaceRepoId: "owner/name",
      huggingfacePathInRepo: "cat",
      huggingfaceToken: "hf_secret",
      saveStateToHuggingface: true,
      asyncUpload: true,
    }, listening());
    const bytes = (name: string) => Uint8Array.fromBase64(first.uploaded.get(`cat/${name}`)!);
    for (const name of ["thing.safetensors", "thing-step00000002.safetensors", "thing-state/state.json"]) {
      assert.deepEqual(bytes(name), Deno.readFileSync(join(dir, "out", name)), name);
    }
    const state = [...first.uploaded.keys()].filter((name) =>
      name.startsWith("cat/thing-step00000002-state/")
    );
    const second = serveHub(
      Object.fromEntries(state.map((name) => [name, bytes(name.slice("cat/".length))])),
      "dataset",
    );
    const settings = { endpoint: second.endpoint, cache: join(dir, "hub"), offline: false, token: null };
    const resume = await fetchFolder(
      "owner/name/cat/thing-step00000002-state:main:dataset",
      settings,
      listening(),
    );
    await trainNetwork({ ...short, outputDir: join(dir, "again"), saveState: false, resume }, listening());
    await second.close();
    assert.deepEqual(
      Deno.readFileSync(join(dir, "again/thing.safetensors")).subarray(-1000),
      Deno.readFileSync(join(dir, "out/thing.safetensors")).subarray(-1000),
    );
  } finally {
    before === undefined ? Deno.env.delete("HF_ENDPOINT") : Deno.env.set("HF_ENDPOINT", before);
    await first.close();
    Deno.removeSync(dir, { recursive: true });
  }
});
