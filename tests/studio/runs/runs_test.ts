/** Runs found from their folders, and their curves. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { EventWriter } from "../../../src/formats/mod.ts";
import { filesOf, writeJob } from "../../../src/studio/queue/job.ts";
import { routes } from "../../../src/studio/runs/routes.ts";
import { Series } from "../../../src/studio/runs/series.ts";
import type { Points, RunDetails, RunNews, RunSummary } from "../../../src/studio/runs/shown.ts";
import { askCard, deviceLoad } from "../../../src/studio/runs/device_load.ts";
import { topics } from "../../../src/studio/runs/topics.ts";
import type { Studio } from "../../../src/studio/studio.ts";
import { answerOf, testStudio, until } from "../queue/test_studio.ts";

const time = (second: number) => new Date(second * 1000).toISOString();
const line = (event: string, fields: object) => JSON.stringify({ v: 1, event, ...fields }) + "\n";
const stepLine = (step: number, total: number) =>
  line("step", {
    ...{ time: time(step / 10), task: "training", step, total, loss: 0.1, memory_bytes: 1e9 },
    ...{ epoch: 1 + Math.floor((step - 1) / 1000), batch_loss: step === 77_777 ? 9 : 0.1, grad_norm: null },
    ...{ learning_rates: { unet: 1e-4 } },
  });

/** A job that has said this; it has no process. */
function toldJob(studio: Studio, told: string): string {
  const folder = studio.folders.roots[0];
  const job = { command: "train_network", args: [], secrets: [], title: "thing", folder, device: "cpu" };
  const { id } = writeJob(studio, job), files = filesOf(studio, id);
  Deno.mkdirSync(files.run);
  Deno.writeTextFileSync(files.events, told);
  return id;
}

async function inStudio(body: (studio: Studio, folder: string) => Promise<void>) {
  const folder = Deno.realPathSync(await Deno.makeTempDir({ prefix: "easel runs " }));
  try {
    await body(testStudio(folder, []), folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const get = async <T>(studio: Studio, path: string, query = "") =>
  await (await answerOf(routes, studio, "GET", path, { query })).json() as T;

Deno.test("a run of 100,000 steps is drawn at once: few points, and no peak is lost", async () => {
  await inStudio(async (studio) => {
    const lines = Array.from({ length: 100_000 }, (_, i) => stepLine(i + 1, 100_000));
    const id = toldJob(studio, lines.join("")), began = performance.now();
    const details = await get<RunDetails>(studio, `/api/runs/${id}`);
    const first = performance.now() - began;
    assert.deepEqual([details.step, details.total, details.marks.length], [100_000, 100_000, 99]);
    assert.deepEqual(details.marks[0], { epoch: 2, step: 1000 });
    const metrics = ["average", "grad_norm", "loss", "memory", "rate:unet", "seconds"];
    assert.deepEqual(details.metrics.toSorted(), metrics);
    const query = "?metric=loss&metric=seconds&metric=nothing&width=500";
    const text = await (await answerOf(routes, studio, "GET", `/api/runs/${id}/series`, { query })).text();
    const { loss, seconds, ...rest } = JSON.parse(text) as Record<string, Points>;
    assert.deepEqual([loss.steps.length, loss.steps.at(-1), Object.keys(rest)], [500, 100_000, []]);
    assert.equal(Math.max(...loss.high!.map(Number)), 9);
    assert.ok(Math.abs(seconds.values[250]! - 0.1) < 1e-6);
    assert.ok(text.length < 80_000, `${text.length} bytes`);
    const near = "?metric=loss&from=77770&to=77780&width=500";
    const part = await get<Record<string, Points>>(studio, `/api/runs/${id}/series`, near);
    assert.deepEqual([part.loss.steps.length, part.loss.values[7]], [11, 9]);
    assert.ok(first < 5000, `the first look took ${Math.round(first)} ms`);
    await assert.rejects(get(studio, `/api/runs/${id}/series`, "?width=x"), { status: 400 });
  });
});

Deno.test("logs, states and sample pictures are found in the folders, whatever their names", async () => {
  await inStudio(async (studio, folder) => {
    const writer = new EventWriter(join(folder, "logs/20260101000000/network_train"), 1_700_000_000_000);
    for (let step = 1; step <= 4; step++) {
      writer.scalar("loss/current", step, step, step * 2000);
      writer.scalar("loss/average", 1, step);
      writer.scalar("lr/unet", 0.5, step);
      writer.scalar("lr/d*lr/unet", 0.25, step);
      if (step % 2 === 0) writer.scalar("loss/epoch", 1, step / 2);
    }
    writer.scalar("loss/validation/epoch_average", 7, 2);
    writer.close();
    await Deno.writeTextFile(writer.path, "rubbish that is no frame", { append: true });
    const name = "<img src=x onerror=alert(1)>\u202e" + "n".repeat(60);
    const state = join(folder, "out", `${name}-step00000012-state`), samples = join(folder, "out/sample");
    await Deno.mkdir(state, { recursive: true });
    await Deno.mkdir(samples);
    await Deno.mkdir(join(folder, "out/not easel's-state"));
    const text = '{"format":"easel training state 4","position":{"globalStep":12}}';
    await Deno.writeTextFile(join(state, "state.json"), text);
    await Deno.writeTextFile(join(samples, `${name}_000012_01_20260101000000_3.png`), "png");
    await Deno.symlink("/etc", join(folder, "elsewhere"));
    const runs = await get<RunSummary[]>(studio, "/api/runs");
    const found = (kind: string) => runs.find((run) => run.kind === kind)!;
    assert.equal(runs.length, 2);
    assert.deepEqual([found("log").title, found("output").title], ["20260101000000/network_train", name]);
    const log = await get<RunDetails>(studio, `/api/runs/${found("log").id}`);
    const latest = { loss: 4, average: 1, "rate:unet": 0.5, "adapted:unet": 0.25, validation: 7, seconds: 2 };
    assert.deepEqual(log.latest, latest);
    assert.deepEqual([log.step, log.damaged], [4, writer.path]);
    assert.deepEqual(log.marks, [{ epoch: 2, step: 2 }, { epoch: 3, step: 4 }]);
    const output = await get<RunDetails>(studio, `/api/runs/${found("output").id}`);
    assert.deepEqual(output.files, [{ what: "state", path: state, step: 12 }]);
    assert.deepEqual(output.pictures.map(({ step, prompt, seed }) => [step, prompt, seed]), [[12, "#2", 3]]);
    const picture = await answerOf(routes, studio, "GET", `/api/runs/${output.summary.id}/samples/0`);
    assert.equal(await picture.text(), "png");
    const outside = new TextEncoder().encode("/etc").toBase64({ alphabet: "base64url", omitPadding: true });
    await assert.rejects(get(studio, `/api/runs/log-${outside}`), { status: 403 });
    const told = toldJob(studio, line("sample", { path: "/etc/passwd", prompt: "x", seed: 1, step: 1 }));
    await assert.rejects(get(studio, `/api/runs/${told}/samples/0`), { status: 403 });
    await assert.rejects(get(studio, `/api/runs/${told}/samples/1`), { status: 404 });
  });
});

Deno.test("logs of each of sd-scripts' programs have their losses and rates", async () => {
  await inStudio(async (studio, folder) => {
    const writer = new EventWriter(join(folder, "logs/20260101000000/textual_inversion"), 1_700_000_000_000);
    for (let step = 1; step <= 4; step++) {
      writer.scalar("loss", step, step, step * 2000);
      writer.scalar("lr", 0.5, step);
      writer.scalar("lr/d*lr", 0.25, step);
    }
    writer.close();
    const [run] = await get<RunSummary[]>(studio, "/api/runs");
    const { step, latest } = await get<RunDetails>(studio, `/api/runs/${run.id}`);
    assert.deepEqual([step, latest], [4, { loss: 4, "rate:all": 0.5, "adapted:all": 0.25, seconds: 2 }]);
  });
});

Deno.test("news of a run are what was added, at most twice a second, few bytes however fast it goes", async () => {
  await inStudio(async (studio) => {
    const id = toldJob(studio, stepLine(1, 1000)), { events } = filesOf(studio, id), news: RunNews[] = [];
    const stop = topics[0].watch((data) => news.push(data as RunNews), studio, id);
    assert.deepEqual([news[0].now.step, news[0].added], [1, {}]);
    for (let i = 0; i < 40; i++) {
      const some = Array.from({ length: 40 }, (_, k) => stepLine(i * 40 + k + 2, 2000));
      await Deno.writeTextFile(events, some.join(""), { append: true });
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    await until(() => news.at(-1)!.now.step === 1601);
    stop();
    assert.ok(news.length <= 8, `${news.length} messages`);
    const bytes = JSON.stringify(news).length;
    assert.ok(bytes < 80_000, `${bytes} bytes`);
    assert.deepEqual(news.flatMap(({ marks }) => marks), [{ epoch: 2, step: 1000 }]);
    const steps = news.slice(1).flatMap(({ added }) => added.loss.steps);
    assert.deepEqual([steps.at(-1), steps.every((step, i) => i === 0 || step > steps[i - 1])], [1601, true]);
  });
});

Deno.test("Series goes back with a run that is resumed from an earlier step", () => {
  const series = new Series();
  for (const step of [1, 2, 3, 4, 3, 4, 5]) series.add(step, step === 5 ? NaN : step);
  assert.deepEqual(series.points(0, Infinity, 100), { steps: [1, 2, 3, 4, 5], values: [1, 2, 3, 4, null] });
  assert.deepEqual(series.points(2, 4, 2), { steps: [2, 4], values: [2, 3.5], low: [2, 3], high: [2, 4] });
});

Deno.test("a card's load and memory are what nvidia-smi says of it, and unknown without it", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    const program = join(dir, "smi");
    Deno.writeTextFileSync(program, '#!/bin/sh\n[ "$2" = 1 ] && echo "35, 1024, 2048" || exit 6\n');
    Deno.chmodSync(program, 0o755);
    assert.deepEqual(await askCard("1", program), { load: 0.35, used: 2 ** 30, total: 2 ** 31 });
    assert.equal(await askCard("0", program), null);
    assert.equal(await askCard("0", join(dir, "none")), null);
    assert.equal(deviceLoad("cpu"), null);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
