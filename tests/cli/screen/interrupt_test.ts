/** Ctrl-C: the first asks the job to finish, the second ends it; neither leaves half a file. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { writeTinyLora, writeTinyModel } from "../../training/tiny_run.ts";
import { easelCommand, inFolder } from "../easel.ts";

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

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.test(`the first ${signal} lets the job save, the exit status is 130`, async () => {
    const folder = await Deno.makeTempDir();
    const { child, until, end } = start([join(folder, "state"), "polite"]);
    await until("ready");
    child.kill("SIGUSR1"); // what only trainings do something about
    child.kill("SIGUSR2");
    child.kill(signal);
    assert.equal((await end()).code, 130);
    assert.deepEqual([...Deno.readDirSync(folder)].map((entry) => entry.name), ["state"]);
    await Deno.remove(folder, { recursive: true });
  });
}

Deno.test("the second signal ends a computation on other threads with 130, not in a crash", async () => {
  const { child, until, end } = start(["unused", "busy"]);
  await until("ready");
  child.kill("SIGTERM");
  await until("press Ctrl-C again");
  child.kill("SIGINT");
  const { code, signal } = await end();
  assert.deepEqual([code, signal], [130, null]);
});

Deno.test("the end does not wait for exit handlers, whatever they do", async () => {
  const program = join(import.meta.dirname!, "stuck_exit.ts");
  const wait = { stdin: "null", signal: AbortSignal.timeout(120_000) } as const;
  for (
    const [words, status] of [["--version", 0], ["no_such_command", 2], [
      "inspect /nowhere.safetensors",
      1,
    ]] as const
  ) {
    const args = ["run", "--quiet", "-A", program, ...words.split(" ")];
    const { code, signal } = await new Deno.Command(Deno.execPath(), { args, ...wait }).output();
    assert.deepEqual([code, signal], [status, null], words);
  }
});

Deno.test("a log file on a full disk, and closed or full streams, end output and not the work", async () => {
  const job = join(import.meta.dirname!, "talking_job.ts");
  const shell = (line: string) =>
    new Deno.Command("bash", { args: ["-c", line, job], stdin: "null" }).output();
  const talk = `'${Deno.execPath()}' run --quiet -A "$0"`;
  for (
    const [line, said] of [
      [
        `${talk} /dev/full`,
        /^warning: \/dev\/full: cannot be written any more .*the work goes on without it\n$/,
      ],
      [`${talk} 2>/dev/full`, /^$/],
      [`${talk} 2>&-`, /^$/],
      [`set -o pipefail; ${talk} 2>&1 >/dev/null | head -n 1 >/dev/null`, /^$/],
      [`${talk} >/dev/full`, /nobody reads the events of --json any more; the work goes on/],
      [`set -o pipefail; ${talk} | true`, /./],
    ] as const
  ) {
    const { code, stderr } = await shell(line);
    assert.equal(code, 0, `${line}: ${new TextDecoder().decode(stderr)}`);
    assert.match(new TextDecoder().decode(stderr), said);
  }
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

Deno.test("Ctrl-C while merge_lora merges into a model ends it between two weights and leaves no file", async () => {
  await inFolder(async (folder) => {
    const at = (name: string) => join(folder, `${name}.safetensors`);
    writeTinyModel(at("model"));
    writeTinyLora(at("lora"), "lora", 4);
    const times = 50; // merged so often, it takes seconds
    const child = easelCommand([
      ...["merge_lora", "--json", "--sd_model", at("model"), "--save_to", at("merged")],
      ...["--models", ...Array(times).fill(at("lora")), "--ratios", ...Array(times).fill("0.1")],
    ], { stderr: "null" }).spawn();
    let events = "", stopped = false;
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      events += text;
      if (!stopped && events.includes('"merging"')) {
        child.kill("SIGINT");
        stopped = true;
      }
    }
    assert.ok(stopped, events);
    assert.equal((await child.status).code, 130);
    assert.match(events, /"kind":"interrupted"/);
    assert.deepEqual([...Deno.readDirSync(folder)].map((entry) => entry.name).sort(), [
      "lora.safetensors",
      "model.safetensors",
    ]);
  });
});
