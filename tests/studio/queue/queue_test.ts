/** The queue on the disk, with a script in easel's place; tests/studio/queue/killed_test.ts has easel itself. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { filesOf, readJobs, writeJob } from "../../../src/studio/queue/job.ts";
import { processOf } from "../../../src/studio/queue/process.ts";
import { startNext } from "../../../src/studio/queue/queue.ts";
import { routes } from "../../../src/studio/queue/routes.ts";
import type { JobView, QueueView } from "../../../src/studio/queue/shown.ts";
import { queueView } from "../../../src/studio/queue/view.ts";
import type { Studio } from "../../../src/studio/studio.ts";
import { answerOf, testStudio, until } from "./test_studio.ts";

const STAND_IN = ["/bin/sh", join(import.meta.dirname!, "stand_in.sh")];

interface Queue {
  readonly studio: Studio;
  readonly folder: string;
  ask(
    ...call: Parameters<typeof answerOf> extends [unknown, unknown, ...infer R] ? R : never
  ): Promise<unknown>;
  /** Queues a training whose end `what` decides. */
  add(what: string, ...more: string[]): Promise<string>;
  states(): Record<string, string>;
  all(): JobView[];
}

async function withQueue(body: (queue: Queue) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "easel queue " }), ending = new AbortController();
  const studio = testStudio(folder, STAND_IN, ending.signal);
  const all = () => Object.values(queueView(studio)).flat() as JobView[];
  const ask: Queue["ask"] = async (...call) => await (await answerOf(routes, studio, ...call)).json();
  try {
    await body({
      studio,
      folder,
      ask,
      all,
      async add(what, ...more) {
        const args = ["--training_comment", what, "--output_dir", "out", ...more];
        const job = await ask("POST", "/api/jobs", { body: { command: "train_network", args, title: what } });
        return (job as JobView).id;
      },
      states: () => Object.fromEntries(all().map(({ title, state }) => [title, state])),
    });
  } finally {
    ending.abort();
    for (const job of readJobs(studio)) {
      const process = processOf(filesOf(studio, job.id));
      if (process) {
        try {
          Deno.kill(process.pid, "SIGKILL");
        } catch { /* has ended */ }
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("every way to end is told: status, signal, line and remedy", async () => {
  await withQueue(async ({ add, all, studio }) => {
    for (const what of ["done", "failed", "bug", "silent", "crash"]) await add(what);
    await until(() => all().every(({ state }) => state !== "waiting" && state !== "running"));
    const ends = Object.fromEntries(all().map(({ title, state, end }) => [title, [state, end]]));
    assert.deepEqual(ends, {
      done: ["done", null],
      failed: ["failed", {
        status: 1,
        signal: null,
        message: "model.safetensors: does not exist",
        remedy: "message",
      }],
      bug: ["failed", { status: 1, signal: null, message: "internal error", remedy: "bug" }],
      silent: ["died", { status: 3, signal: null, message: null, remedy: "bug" }],
      crash: ["died", { status: null, signal: 11, message: null, remedy: "bug" }],
    });
    const missing = testStudio(studio.folders.roots[0], ["/nowhere/easel"], studio.signal);
    await answerOf(routes, missing, "POST", "/api/jobs", {
      body: { command: "train_network", args: [], title: "none" },
    });
    const none = await until(() => all().find(({ title, state }) => title === "none" && state === "died"));
    assert.deepEqual(none.end, { status: 127, signal: null, message: null, remedy: "start" });
  });
});

Deno.test("one at a time on each device, in the order that is wished, and cancelled ones never", async () => {
  await withQueue(async ({ add, ask, states, folder, all }) => {
    const ids: Record<string, string> = {};
    for (const name of ["a", "b", "c", "d"]) ids[name] = await add(`${folder}/${name}`);
    ids.gpu = await add(`${folder}/gpu`, "--device", "cuda:1");
    const short = () =>
      Object.fromEntries(Object.entries(states()).map(([title, state]) => [title.split("/").at(-1), state]));
    const waits = { a: "running", b: "waiting", c: "waiting", d: "waiting", gpu: "running" };
    assert.deepEqual(short(), waits);
    const { waiting } = await ask("PUT", "/api/queue/order", {
      body: [ids.d, "nonsense", ids.b],
    }) as QueueView;
    assert.deepEqual(waiting.map(({ id }) => id), [ids.d, ids.b, ids.c]);
    await ask("DELETE", `/api/jobs/${ids.b}`);
    await assert.rejects(ask("DELETE", `/api/jobs/${ids.a}`), {
      status: 409,
      message: /runs; stop it first/,
    });
    await Deno.writeTextFile(join(folder, "a"), "");
    await until(() => short().d === "running");
    assert.deepEqual(short(), { a: "done", c: "waiting", d: "running", gpu: "running" });
    await Deno.writeTextFile(join(folder, "d"), "");
    await until(() => short().c === "running");
    await ask("DELETE", `/api/jobs/${ids.a}`);
    assert.deepEqual(all().map(({ id }) => id).sort(), [ids.c, ids.d, ids.gpu].sort());
  });
});

Deno.test("a job is told to save, to stop, and goes on from its state with the same words", async () => {
  await withQueue(async ({ add, ask, all, studio, folder }) => {
    const id = await add(
      `${folder}/never`,
      "--resume",
      "old-state",
      "--huggingface_token",
      "hf_secret",
      "--seed=1",
    );
    const job = () => all().find((job) => job.id === id)!;
    await until(() => job().progress?.step === 2);
    assert.deepEqual(job().progress, { task: "training", step: 2, total: 9, loss: 0.5, secondsPerStep: 1 });
    await ask("POST", `/api/jobs/${id}/tell`, { body: { what: "save" } });
    await until(() => Deno.readTextFileSync(filesOf(studio, id).events).includes('"path":"now"'));
    await assert.rejects(ask("POST", `/api/jobs/${id}/tell`, { body: { what: "constructor" } }), {
      status: 400,
    });
    await ask("POST", `/api/jobs/${id}/tell`, { body: { what: "stop" } });
    await until(() => job().state === "interrupted");
    assert.equal(job().end?.status, 130);
    assert.match(job().end!.message!, /go on with --resume out\/thing-state$/);
    assert.equal(job().resume, null, "the state has gone meanwhile");
    await assert.rejects(ask("POST", `/api/jobs/${id}/resume`), { status: 409 });
    await Deno.mkdir(join(folder, "out/thing-state"), { recursive: true });
    const again = await ask("POST", `/api/jobs/${id}/resume`) as JobView;
    assert.deepEqual([again.resumes, again.args], [id, [
      ...[
        "--training_comment",
        `${folder}/never`,
        "--output_dir",
        "out",
        "--huggingface_token",
        "***",
        "--seed=1",
      ],
      ...["--resume", "out/thing-state"],
    ]]);
    const stored = JSON.parse(Deno.readTextFileSync(join(filesOf(studio, again.id).folder, "job.json")));
    assert.ok(stored.args.includes("hf_secret"));
  });
});

Deno.test("what is no command line of easel, or leads out of the folders, is not queued", async () => {
  await withQueue(async ({ ask, folder, studio }) => {
    const wrong = async (body: unknown, status: number, message: RegExp) =>
      await assert.rejects(ask("POST", "/api/jobs", { body }), (error: Error & { status: number }) => {
        assert.match(error.message, message);
        assert.equal(error.status, status);
        return true;
      });
    const train = (...args: unknown[]) => ({ command: "train_network", args });
    await Deno.writeTextFile(join(folder, "job.toml"), 'output_dir = "/etc"\n');
    await wrong(null, 400, /command names/);
    await wrong(train("--seed", 1), 400, /list of words/);
    await wrong({ command: "train_network", args: "--seed 1" }, 400, /list of words/);
    await wrong(train("--seeed", "1"), 400, /--seeed is not a flag of this command; did you mean --seed/);
    await wrong(train("--output_dir", "/etc"), 403, /\/etc: lies in none/);
    await wrong(train("--output_dir=../x"), 403, /\.\.\/x: lies in none/);
    await wrong(train("--config_file", "job.toml"), 403, /\/etc: lies in none/);
    await wrong(train("--config_file", "/etc/passwd"), 403, /lies in none/);
    const written = async (name: string, text: string) => await Deno.writeTextFile(join(folder, name), text);
    await written("d.toml", '[[datasets]]\n[[datasets.subsets]]\nimage_dir = "/etc/ssl"\n');
    await written("m.json", JSON.stringify({ "/etc/ssl/x.png": { caption: "x" } }));
    await written("n.json", JSON.stringify({ datasets: [{ subsets: [{ metadata_file: "m.json" }] }] }));
    await written("p.txt", "a cat --cn /etc/ssl/x.png\n");
    for (
      const [option, file] of [["dataset_config", "d.toml"], ["dataset_config", "n.json"], [
        "in_json",
        "m.json",
      ]]
    ) {
      await wrong(train(`--${option}`, file), 403, /\/etc\/ssl: lies in none/);
    }
    await wrong(train("--sample_prompts", "p.txt"), 403, /\/etc\/ssl\/x\.png: lies in none/);
    await Deno.symlink("/etc", join(folder, "out"));
    await wrong(train("--output_dir", "out/new"), 403, /out\/new: lies in none/);
    await wrong(train("--output_dir", "builtin:/../../x"), 403, /lies in none/);
    await wrong(train("--output_dir", "https://a.b/../../../../x"), 403, /lies in none/);
    await Deno.remove(join(folder, "out"));
    await wrong(train("--training_comment", "고".repeat(50_000)), 400, /longer than a system takes/);
    await wrong(train("--help"), 400, /help is no job/);
    for (const command of ["man", "studio"]) await wrong({ command, args: [] }, 400, /nothing to queue/);
    for (const id of ["..", "%2e%2e%2fx", "20260101000000000-0000000"]) {
      await assert.rejects(ask("GET", `/api/jobs/${id}`), { status: 404 });
    }
    assert.deepEqual(readJobs(studio), []);
  });
});

Deno.test("two servers on one queue start a job once, and one that was claimed and never begun waits again", async () => {
  await withQueue(async ({ add, studio, states, folder }) => {
    const other = testStudio(folder, STAND_IN, studio.signal);
    const id = await add(`${folder}/x`);
    startNext(other);
    await until(() => processOf(filesOf(studio, id)));
    const { pid } = processOf(filesOf(studio, id))!;
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(processOf(filesOf(studio, id))!.pid, pid);
    await Deno.writeTextFile(join(folder, "x"), "");
    await until(() => Object.values(states())[0] === "done");
    const lost = writeJob(studio, {
      ...readJobs(studio)[0],
      args: ["--training_comment", "done"],
      title: "lost",
    });
    const { run } = filesOf(studio, lost.id);
    Deno.mkdirSync(run);
    assert.equal(states().lost, "running", "it may be about to begin");
    Deno.utimeSync(run, 0, 0);
    assert.equal(states().lost, "died");
    startNext(other);
    startNext(other);
    await until(() => states().lost === "done");
  });
});
