/** Names of the hub on a command line, with a hub of the test's own. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { quietContext } from "../../../src/base/job.ts";
import { withHubModels } from "../../../src/cli/front/hub_models.ts";
import { COMMANDS } from "../../../src/cli/commands/index.ts";
import { writeCheckpoint } from "../../models/sample.ts";
import { COMMIT, serveHub } from "../../hub/server.ts";

Deno.test("a model's name on the hub becomes its path in the cache, paths stay what they are", async () => {
  const folder = Deno.makeTempDirSync(), file = join(folder, "m.safetensors");
  writeCheckpoint(file, new Map([["w", [2]]]));
  const hub = serveHub({ "m.safetensors": Deno.readFileSync(file) });
  const before = ["HF_ENDPOINT", "HF_HUB_CACHE", "HF_TOKEN"].map((name) =>
    [name, Deno.env.get(name)] as const
  );
  Deno.env.set("HF_ENDPOINT", hub.endpoint);
  Deno.env.set("HF_HUB_CACHE", folder);
  Deno.env.delete("HF_TOKEN");
  try {
    const cached = join(folder, "models--owner--name/snapshots", COMMIT, "m.safetensors");
    const command = async (name: string) => await COMMANDS.find((entry) => entry.name === name)!.load();
    const input = (values: unknown, ...positionals: string[]) => ({
      values,
      source: () => "default" as const,
      positionals,
    });
    const drawing = input({
      ckpt: "owner/name@v1",
      vae: file,
      networkWeights: [file, "owner/name"],
      prompt: "owner/name",
    });
    assert.deepEqual((await withHubModels(await command("gen_img"), drawing, quietContext())).values, {
      ...{ ckpt: cached, vae: file, networkWeights: [file, cached], prompt: "owner/name" },
    });
    const address = `${hub.endpoint}/owner/name/blob/main/m.safetensors`;
    const shown = await withHubModels(await command("inspect"), input({}, address), quietContext());
    assert.deepEqual(shown.positionals, [cached]);
  } finally {
    for (const [name, value] of before) {
      value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
    }
    await hub.close();
    Deno.removeSync(folder, { recursive: true });
  }
});
