import assert from "node:assert/strict";
import { join } from "node:path";
import { filesOf, writeJob } from "../../../src/studio/queue/job.ts";
import { topics } from "../../../src/studio/queue/topics.ts";
import type { QueueView } from "../../../src/studio/queue/shown.ts";
import { progressOf } from "../../../src/studio/queue/view.ts";
import { testStudio, until } from "./test_studio.ts";

const topic = (name: string) => topics.find((topic) => topic.name === name)!;

Deno.test("pages are told of the queue and of a log twice a second at most, and of nothing that is as it was", async () => {
  const folder = await Deno.makeTempDir(), studio = testStudio(folder, []);
  const job = { command: "train_network", args: [], secrets: [], title: "<b>\u202e", folder, device: "cpu" };
  const { id } = writeJob(studio, job), { log } = filesOf(studio, id);
  await Deno.writeTextFile(log, "x\n".repeat(100_000) + "a line\n");
  const views: QueueView[] = [], texts: string[] = [];
  const stops = [
    topic("queue").watch((data) => views.push(data as QueueView), studio, ""),
    topic("log").watch((data) => texts.push((data as { text: string }).text), studio, id),
  ];
  assert.deepEqual(views[0].waiting.map(({ title }) => title), ["<b>\u202e"]);
  assert.ok(texts[0].length < 70_000 && texts[0].endsWith("x\na line\n"));
  for (let i = 0; i < 40; i++) {
    await Deno.writeTextFile(log, `${i} ü\n`, { append: true });
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  await until(() => texts.join("").endsWith("39 ü\n"));
  assert.ok(texts.length <= 6, `${texts.length} messages`);
  assert.equal(texts.slice(1).join(""), Array.from({ length: 40 }, (_, i) => `${i} ü\n`).join(""));
  assert.equal(views.length, 1, "the queue is as it was");
  writeJob(studio, job);
  await until(() => views.at(-1)!.waiting.length === 2);
  stops.forEach((stop) => stop());
  await Deno.remove(join(folder), { recursive: true });
});

Deno.test("a task that begins anew, such as drawing samples, has the pace of this time and not of all between", () => {
  const step = (task: string, step: number, second: number) => ({
    ...{ event: "step", task, step, total: 4 },
    time: new Date(second * 1000).toISOString(),
  });
  const first = [step("samples", 0, 0), step("samples", 4, 4), step("training", 9, 99)];
  const pace = (...more: ReturnType<typeof step>[]) => progressOf([...first, ...more])!.secondsPerStep;
  assert.equal(pace(step("samples", 0, 100)), null);
  assert.equal(pace(step("samples", 0, 100), step("samples", 2, 104)), 2);
});
