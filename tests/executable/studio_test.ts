/** easel studio from the one file: the page is in it, and jobs are started from it. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { writeTinyLora } from "../training/tiny_run.ts";
import { asPlainUser, cannotBuild, command, executable, withFolder } from "./built.ts";

const skip = cannotBuild();
if (skip) console.log(`tests/executable/studio_test.ts is skipped: ${skip}`);

Deno.test({
  name: "the executable serves its page to whoever has the link, and knows itself by its path",
  ignore: skip !== null,
  async fn() {
    const { path } = await executable();
    await withFolder(async (folder) => {
      const words = asPlainUser([path, "studio", folder, "--json", "--no_open"]);
      const child = command(words, { EASEL_CACHE: `${folder}/cache` }).spawn();
      const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
      const { link } = JSON.parse((await lines.read()).value!);
      const admitted = await fetch(link);
      const cookie = admitted.headers.get("set-cookie")!.split(";")[0];
      await admitted.body!.cancel();
      const ask = (path: string) => fetch(new URL(path, link), { headers: { cookie } });
      assert.match(await (await ask("/")).text(), /<script type="module" src="\/app\.js">/);
      for (const name of ["/app.js", "/app.css"]) {
        assert((await (await ask(name)).text()).length > 10_000, name);
      }
      // the process that serves is no longer the file that was called, and starts that one again
      const environment = await Deno.readTextFile(`/proc/${child.pid}/environ`);
      assert(environment.split("\0").includes(`EASEL_PROGRAM=${path}`));
      // a job of it is that file once more, with its kernels, to the end
      const loras = ["a", "b"].map((name) => join(folder, `${name}.safetensors`));
      for (const path of loras) writeTinyLora(path, path, 2);
      const merged = join(folder, "merged.safetensors");
      const args = ["--models", ...loras, "--ratios", "0.5", "0.5", "--save_to", merged];
      const started = await fetch(new URL("/api/jobs", link), {
        method: "POST",
        headers: { cookie, origin: new URL(link).origin },
        body: JSON.stringify({ command: "merge_lora", args }),
      });
      const { id, error } = await started.json();
      assert.equal(started.status, 201, error);
      const job = async () => await (await ask(`/api/jobs/${id}`)).json();
      for (const end = Date.now() + 30_000; ["waiting", "running"].includes((await job()).state);) {
        assert(Date.now() < end, JSON.stringify(await job()));
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      const { state, end } = await job();
      assert.equal(state, "done", JSON.stringify(end));
      assert((await Deno.stat(merged)).size > 0);
      child.kill("SIGINT");
      assert.equal((await child.status).code, 130);
      await Promise.all([lines.cancel(), child.stderr.cancel()]);
    });
  },
});
