/** ./run, as far as it goes without setting anything up; CI starts from a bare clone and covers the rest. */

import assert from "node:assert/strict";
import { join } from "node:path";

const RUN = join(import.meta.dirname!, "../../run");

Deno.test("./run help needs no set-up, no HOME and no particular folder", async () => {
  const folder = await Deno.makeTempDir({ prefix: "easel run " });
  // a copy shows that nothing is installed or built: there is nothing beside it
  await Deno.copyFile(RUN, join(folder, "run"));
  for (const args of [[], ["help"], ["--help"]]) {
    const { code, stdout } = await new Deno.Command("sh", {
      args: [join(folder, "run"), ...args],
      clearEnv: true,
      env: { PATH: "/usr/bin:/bin" },
      cwd: "/",
    }).output();
    assert.equal(code, 0);
    assert.match(new TextDecoder().decode(stdout), /^\.\/run demo /);
  }
  assert.deepEqual([...Deno.readDirSync(folder)].map((entry) => entry.name), ["run"]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("./run pins the Deno that the tests run on", async () => {
  const pinned = /^DENO_VERSION=(.+)$/m.exec(await Deno.readTextFile(RUN))?.[1];
  assert.equal(pinned, Deno.version.deno);
});
