/** ./run, as far as it goes without setting anything up; CI starts from a bare clone and covers the rest. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { COMMANDS } from "../../src/cli/commands/index.ts";
import { installed } from "./easel.ts";

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

Deno.test("./run help lists the commands, as easel help does, before anything is set up", async () => {
  const { stdout } = await new Deno.Command("sh", { args: [RUN, "help"] }).output();
  const shown = new TextDecoder().decode(stdout).match(/Commands of easel:\n\n([\s\S]*)/)?.[1];
  assert.equal(shown, COMMANDS.map(({ name, summary }) => `  ${name.padEnd(28)}${summary}\n`).join(""));
  for (const words of [["help"], ["--help"], ["task"]]) {
    const again = await new Deno.Command("sh", { args: [RUN, "help", ...words] }).output();
    assert.deepEqual(again.stdout, stdout);
  }
});

Deno.test({
  name: "a second ./run says what it waits for",
  ignore: installed("flock") === null,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "easel run " });
    await Deno.copyFile(RUN, join(folder, "run"));
    await Deno.mkdir(join(folder, ".tools"));
    await Deno.writeTextFile(join(folder, ".tools/step"), "process 7 is at this: compiling");
    // the lock is held until this process' standard input ends
    const holder = new Deno.Command("flock", {
      args: [join(folder, ".tools/lock"), "sh", "-c", "echo held; cat"],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const held = holder.stdout.getReader();
    await held.read();
    const second = new Deno.Command("sh", { args: [join(folder, "run"), "doctor"], stderr: "piped" }).spawn();
    const said = second.stderr.getReader();
    const line = new TextDecoder().decode((await said.read()).value);
    assert.equal(
      line,
      "run: another ./run sets up this checkout (process 7 is at this: compiling); waiting for it\n",
    );
    second.kill("SIGKILL");
    await Promise.all([said.cancel(), second.status]);
    await holder.stdin.close();
    await Promise.all([held.cancel(), holder.status]);
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test("./run pins the Deno that the tests run on", async () => {
  const pinned = /^DENO_VERSION=(.+)$/m.exec(await Deno.readTextFile(RUN))?.[1];
  assert.equal(pinned, Deno.version.deno);
});
