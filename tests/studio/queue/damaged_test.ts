/** What the queue does with what it did not write itself, and with jobs that cannot be started. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { acceptJob } from "../../../src/studio/queue/accept.ts";
import { watchJobs } from "../../../src/studio/queue/changes.ts";
import { filesOf, jobsFolder, readJobs, writeJob } from "../../../src/studio/queue/job.ts";
import { isAlive } from "../../../src/studio/queue/process.ts";
import { orderJobs, startNext } from "../../../src/studio/queue/queue.ts";
import { routes } from "../../../src/studio/queue/routes.ts";
import type { JobView } from "../../../src/studio/queue/shown.ts";
import { topics } from "../../../src/studio/queue/topics.ts";
import { queueView } from "../../../src/studio/queue/view.ts";
import { JobReader } from "../../../src/studio/runs/job_record.ts";
import type { Studio } from "../../../src/studio/studio.ts";
import { answerOf, testStudio, until } from "./test_studio.ts";

const JOB = {
  ...{ command: "train_network", args: ["--seed", "1"], secrets: [] },
  ...{ title: "a", device: "cpu" },
};

/** With a program that ends at once in easel's place. */
async function withFolder(body: (studio: Studio, folder: string) => void | Promise<void>): Promise<void> {
  const folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "easel queue " }));
  const ending = new AbortController();
  try {
    await body(testStudio(folder, ["/bin/true"], ending.signal), folder);
  } finally {
    ending.abort();
    await Deno.remove(folder, { recursive: true });
  }
}

const viewsOf = (studio: Studio) => Object.values(queueView(studio)).flat() as JobView[];

const pipe = (path: string) => new Deno.Command("mkfifo", { args: [path] }).outputSync();

Deno.test("a job whose file is damaged, half or somebody else's is passed over, and pipes are not waited for", async () => {
  await withFolder((studio, folder) => {
    const good = writeJob(studio, { ...JOB, folder }),
      path = join(filesOf(studio, good.id).folder, "job.json");
    const text = Deno.readTextFileSync(path);
    const changed = (change: object) => JSON.stringify({ ...JSON.parse(text), ...change });
    const damaged: [string, string | Uint8Array][] = [
      ["cut off", text.slice(0, 40)],
      ["binary", new Uint8Array([0, 255, 254, 1])],
      ["nothing", "null"],
      ["numbers for words", changed({ args: [1] })],
      ["no secrets", changed({ secrets: undefined })],
      ["another's id", changed({ id: good.id.replace(/^2/, "1") })],
      ["a zero", changed({ args: ["a\0b"] })],
      ["no title", changed({ title: 5 })],
      ["a later version", changed({ format: "easel studio job 2" })],
    ];
    for (const [what, bytes] of damaged) {
      if (typeof bytes === "string") Deno.writeTextFileSync(path, bytes);
      else Deno.writeFileSync(path, bytes);
      assert.deepEqual(readJobs(studio), [], what);
      startNext(studio);
      assert.deepEqual(queueView(studio), { running: [], waiting: [], ended: [] }, what);
    }
    Deno.removeSync(path);
    pipe(path);
    assert.deepEqual(readJobs(studio), []);
    Deno.removeSync(path);
    Deno.writeTextFileSync(path, text);
    for (const name of ["events.jsonl", "log.txt", "run/process", "run/exit"]) {
      Deno.mkdirSync(filesOf(studio, good.id).run, { recursive: true });
      pipe(join(filesOf(studio, good.id).folder, name));
    }
    pipe(join(jobsFolder(studio), "order.json"));
    assert.deepEqual(viewsOf(studio).map(({ title }) => title), ["a"]);
    for (const topic of topics) topic.watch(() => {}, studio, good.id)();
  });
});

Deno.test("a queue that came with its folder does not begin by itself", async () => {
  await withFolder(async (studio, folder) => {
    const { id } = writeJob(studio, { ...JOB, folder }), { folder: place, run } = filesOf(studio, id);
    const text = Deno.readTextFileSync(join(place, "job.json"));
    for (const change of [{ seal: undefined }, { seal: "x" }, { args: ["--seed", "2"] }, { folder: "/" }]) {
      Deno.writeTextFileSync(join(place, "job.json"), JSON.stringify({ ...JSON.parse(text), ...change }));
      startNext(studio);
      const [view] = viewsOf(studio);
      assert.deepEqual([view.state, view.end?.remedy], ["failed", "message"]);
      assert.match(view.end!.message!, /came with its folder and does not begin by itself/);
      assert.throws(() => Deno.statSync(run), Deno.errors.NotFound);
    }
    Deno.writeTextFileSync(join(place, "job.json"), text);
    startNext(studio);
    await until(() => viewsOf(studio)[0].state === "done");
  });
});

Deno.test("what the studio keeps is written through no link, and nobody else looks into it", async () => {
  await withFolder((studio, folder) => {
    const mine = join(folder, "mine");
    Deno.writeTextFileSync(mine, "mine");
    Deno.mkdirSync(jobsFolder(studio), { recursive: true });
    Deno.symlinkSync(mine, join(jobsFolder(studio), "order.json"));
    assert.throws(() => orderJobs(studio, []), /order\.json: is a link to elsewhere, where nothing is kept/);
    assert.equal(Deno.readTextFileSync(mine), "mine");
    Deno.removeSync(studio.home, { recursive: true });
    writeJob(studio, { ...JOB, folder });
    assert.equal(Deno.statSync(studio.home).mode! & 0o777, 0o700);
    Deno.removeSync(studio.home, { recursive: true });
    watchJobs(studio, () => {})();
    assert.equal(Deno.statSync(studio.home).mode! & 0o777, 0o700);
  });
});

Deno.test("a job that the system cannot start ends with the reason, and the next one has its turn", async () => {
  await withFolder(async (studio, folder) => {
    writeJob(studio, { ...JOB, folder: join(folder, "gone"), title: "no folder" });
    writeJob(studio, { ...JOB, folder, args: ["--training_comment", "x".repeat(200_000)], title: "long" });
    writeJob(studio, { ...JOB, folder, title: "last" });
    startNext(studio);
    await until(() => viewsOf(studio).every(({ state }) => state !== "waiting" && state !== "running"));
    const views = Object.fromEntries(viewsOf(studio).map(({ title, state, end }) => [title, [state, end]]));
    assert.deepEqual(views.last, ["done", null]);
    for (const title of ["no folder", "long"]) {
      const [state, end] = views[title] as [string, JobView["end"]];
      assert.deepEqual([state, end?.status], ["failed", 126], title);
      assert.match(end!.message!, new RegExp(`^${title}: cannot be started in .*; mend that`));
    }
  });
});

Deno.test("a job whose files lead out of the folders by the time that it begins is not started", async () => {
  await withFolder(async (studio, folder) => {
    const toml = join(folder, "d.toml"), elsewhere = join(folder, "below");
    const writes = (path: string) =>
      Deno.writeTextFileSync(toml, `[[datasets]]\n[[datasets.subsets]]\nimage_dir = "${path}"\n`);
    writes("pictures");
    Deno.mkdirSync(elsewhere);
    const args = ["--dataset_config", "d.toml"];
    const changed = await acceptJob({ command: "train_network", args, title: "changed" }, studio);
    writeJob(studio, changed);
    // a path is looked up where its job runs
    writeJob(studio, { ...JOB, folder: elsewhere, args: ["--output_dir", "../../x"], title: "below" });
    writeJob(studio, { ...JOB, folder: elsewhere, args: ["--output_dir", "../x"], title: "inside" });
    writes("/etc/ssl");
    startNext(studio);
    await until(() => viewsOf(studio).every(({ state }) => state !== "waiting" && state !== "running"));
    const ends = Object.fromEntries(viewsOf(studio).map(({ title, end }) => [title, end?.message ?? null]));
    assert.match(
      ends.changed!,
      /^changed: cannot be started in .* \(\/etc\/ssl: lies in none of .*; mend that/,
    );
    assert.match(ends.below!, /\/x: lies in none/);
    assert.equal(ends.inside, null);
  });
});

Deno.test("a page that watches what is gone hears no more, and the server goes on", async () => {
  await withFolder(async (studio, folder) => {
    writeJob(studio, { ...JOB, folder });
    let heard = 0;
    const stops = [
      watchJobs(studio, () => {
        throw new Error("there is no such job");
      }),
      watchJobs(studio, () => heard++),
    ];
    writeJob(studio, { ...JOB, folder });
    await until(() => heard > 0);
    for (const stop of stops) stop();
  });
});

Deno.test("a number without the time of its start is nobody's process", () => {
  assert.equal(isAlive({ pid: Deno.pid }), Deno.build.os !== "linux");
});

Deno.test("a job is resumed once at a time", async () => {
  await withFolder(async (studio, folder) => {
    const { id } = writeJob(studio, { ...JOB, folder, device: "cuda:9" }),
      { run, events } = filesOf(studio, id);
    Deno.mkdirSync(run);
    Deno.writeTextFileSync(join(run, "exit"), "130\n");
    const save = { v: 1, event: "save", what: "state", path: "s-state" };
    const error = { v: 1, event: "error", kind: "interrupted", message: "stopped", exit_code: 130 };
    Deno.writeTextFileSync(events, [save, error].map((event) => JSON.stringify(event) + "\n").join(""));
    Deno.mkdirSync(join(folder, "s-state"));
    writeJob(studio, { ...JOB, folder, device: "cpu", resumes: id });
    await assert.rejects(answerOf(routes, studio, "POST", `/api/jobs/${id}/resume`), {
      status: 409,
      message: /goes on already/,
    });
  });
});

Deno.test("a line without end is passed over", () => {
  const path = Deno.makeTempFileSync();
  try {
    const file = Deno.openSync(path, { write: true }), piece = new Uint8Array(16 << 20).fill(97);
    const step = '\n{"event":"step","task":"training","step":3,"total":9,"batch_loss":1,"loss":1}\n';
    for (let i = 0; i < 3; i++) file.writeSync(piece);
    file.writeSync(new TextEncoder().encode(step));
    file.close();
    const reader = new JobReader(path), begun = performance.now();
    reader.update();
    assert.equal(reader.record.step, 3);
    assert.ok(reader.kept < 1 << 20 && performance.now() - begun < 5000);
  } finally {
    Deno.removeSync(path);
  }
});
