import assert from "node:assert/strict";
import { join } from "node:path";
import { copyChanged } from "./copied.ts";

Deno.test("sources copied beside a build: what changed is newer than the build, the rest keeps its time", async () => {
  const folder = await Deno.makeTempDir(), from = join(folder, "from"), to = join(folder, "to");
  const old = new Date(1e12);
  const write = async (name: string, text: string) => {
    await Deno.mkdir(join(from, "cuda"), { recursive: true });
    await Deno.writeTextFile(join(from, name), text);
    await Deno.utime(join(from, name), old, old);
  };
  try {
    for (const name of ["program.h", "cuda/kept.cu", "gone.h"]) await write(name, "one");
    await copyChanged(from, to);
    const built = new Date(2e12); // whatever lies there now has been built
    for (const name of ["program.h", "cuda/kept.cu"]) await Deno.utime(join(to, name), built, built);
    await write("program.h", "two"); // older than the build by its own time
    await Deno.remove(join(from, "gone.h"));
    const before = Date.now();
    await copyChanged(from, to);
    const time = async (name: string) => (await Deno.stat(join(to, name))).mtime!.getTime();
    assert.deepEqual(await Deno.readTextFile(join(to, "program.h")), "two");
    assert.ok(await time("program.h") >= before - 2000, "a changed file is as new as the copy");
    assert.deepEqual(await time("cuda/kept.cu"), built.getTime());
    assert.deepEqual([...Deno.readDirSync(to)].map((entry) => entry.name).sort(), ["cuda", "program.h"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
