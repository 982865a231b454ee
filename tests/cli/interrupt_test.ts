/** Ctrl-C: the first asks the job to finish, the second ends it; neither leaves half a file. */

import assert from "node:assert/strict";
import { join } from "node:path";

function start(args: string[]) {
  const program = join(import.meta.dirname!, "waiting_job.ts");
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", program, ...args],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const until = async (word: string) => {
    while (!text.includes(word)) {
      const { value, done } = await reader.read();
      assert.ok(!done, `ended before "${word}": ${text}`);
      text += value;
    }
  };
  const end = async () => {
    while (!(await reader.read()).done);
    return await child.status;
  };
  return { child, until, end };
}

Deno.test("the first Ctrl-C lets the job save, the exit status is 130", async () => {
  const folder = await Deno.makeTempDir();
  const { child, until, end } = start([join(folder, "state"), "polite"]);
  await until("ready");
  child.kill("SIGINT");
  assert.equal((await end()).code, 130);
  assert.deepEqual([...Deno.readDirSync(folder)].map((entry) => entry.name), ["state"]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("the second Ctrl-C ends a job that does not listen", async () => {
  const folder = await Deno.makeTempDir();
  const { child, until, end } = start([join(folder, "state"), "stubborn"]);
  await until("ready");
  child.kill("SIGINT");
  await until("press Ctrl-C again");
  child.kill("SIGINT");
  assert.equal((await end()).code, 130);
  assert.deepEqual([...Deno.readDirSync(folder)], []);
  await Deno.remove(folder, { recursive: true });
});
