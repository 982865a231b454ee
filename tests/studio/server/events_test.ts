/** The stream of events, where what pages listen to is not there, or goes away. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { eventStream } from "../../../src/studio/server/events.ts";
import { asked } from "../../../src/studio/server/asked.ts";
import { filesOf, writeJob } from "../../../src/studio/queue/job.ts";
import { startNext, tryNext } from "../../../src/studio/queue/queue.ts";
import { topics as queueTopics } from "../../../src/studio/queue/topics.ts";
import { topics as runTopics } from "../../../src/studio/runs/topics.ts";
import { inFolder } from "../../cli/easel.ts";
import { testStudio } from "../queue/test_studio.ts";

const TOPICS = [...runTopics, ...queueTopics];
const job = (folder: string) => ({
  ...{ command: "train_network", args: [], secrets: [], title: "one", folder, device: "cpu" },
});

Deno.test("a topic that is not there takes no other one along, and a job that is removed while it is watched ends nothing", async () => {
  await inFolder(async (folder) => {
    const studio = testStudio(folder, []), { id } = writeJob(studio, job(folder));
    const url = new URL(`http://localhost/api/events?topic=run:nothing&topic=run:${id}&topic=queue`);
    const { body } = eventStream(asked(new Request(url), url, {}), studio, TOPICS);
    const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    const seen = async (pattern: RegExp) => {
      while (!pattern.test(text)) text += (await reader.read()).value;
    };
    await seen(/^: run:nothing: there is no such job$[^]*^event: queue\ndata: .*"waiting":\[\{/m);
    await Deno.remove(filesOf(studio, id).folder, { recursive: true });
    await seen(/"waiting":\[\]/); // of two that are told of it the first finds no job any more
    await reader.cancel();
  });
});

Deno.test("jobs that cannot be started wait, and the server goes on", async () => {
  await inFolder(async (folder) => {
    const studio = testStudio(folder, ["/bin/true"]), { id } = writeJob(studio, job(folder));
    const { run, log } = filesOf(studio, id);
    await Deno.mkdir(log); // it can be written as little as on a full disk
    assert.throws(() => startNext(studio), "who queues a job is told");
    await Deno.remove(run);
    tryNext(studio);
    assert(Deno.statSync(join(run)).isDirectory, "it was tried");
  });
});
