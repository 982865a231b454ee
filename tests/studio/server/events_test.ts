/** The stream of events, where what pages listen to is not there, or goes away. */

import assert from "node:assert/strict";
import { eventStream } from "../../../src/studio/server/events.ts";
import { asked } from "../../../src/studio/server/asked.ts";
import { filesOf, writeJob } from "../../../src/studio/queue/job.ts";
import { seeJobs, startNext, tryNext } from "../../../src/studio/queue/queue.ts";
import { topics as queueTopics } from "../../../src/studio/queue/topics.ts";
import { topics as runTopics } from "../../../src/studio/runs/topics.ts";
import type { Topic } from "../../../src/studio/studio.ts";
import { inFolder } from "../../cli/easel.ts";
import { testStudio, until } from "../queue/test_studio.ts";

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

Deno.test("a job that cannot be started says why, one that cannot even say so waits, and the server goes on", async () => {
  await inFolder(async (folder) => {
    const studio = testStudio(folder, ["/bin/true"]), { id } = writeJob(studio, job(folder));
    const { log } = filesOf(studio, id);
    await Deno.mkdir(log);
    startNext(studio);
    await until(() => seeJobs(studio)[0].seen.end);
    assert.match(seeJobs(studio)[0].seen.end!.message!, /^one: cannot be started in .* \(.*log\.txt/);
    const { run, events } = filesOf(studio, writeJob(studio, job(folder)).id);
    await Deno.mkdir(events); // as little as on a full disk
    tryNext(studio);
    assert(Deno.statSync(run).isDirectory, "it was tried");
    await new Promise((resolve) => setTimeout(resolve, 100));
    Deno.utimeSync(run, 0, 0);
    tryNext(studio);
    tryNext(studio);
    assert.ok(Deno.statSync(run).mtime!.getTime() > 0, "and tried anew after a while");
  });
});

Deno.test("a page that does not read is let go, and nothing goes on for it", () => {
  const url = new URL("http://localhost/api/events?topic=much&topic=other");
  let stopped = 0;
  const much: Topic = {
    name: "much",
    watch(send) {
      for (let i = 0; i < 100; i++) send("x".repeat(1 << 20));
      return () => stopped++;
    },
  };
  const { body } = eventStream(asked(new Request(url), url, {}), testStudio("/tmp", []), [
    much,
    { name: "other", watch: () => () => stopped++ },
  ]);
  assert.equal(stopped, 1, "what is over before it has begun to be watched is stopped too");
  return body!.cancel();
});

Deno.test("a name with a line's end is no topic", () => {
  const url = new URL("http://localhost/api/events?topic=queue%0Adata:x");
  assert.throws(() => eventStream(asked(new Request(url), url, {}), testStudio("/tmp", []), TOPICS), {
    status: 400,
  });
});
