/** kill -9 of a server and of a job in the middle of a training: nothing is lost, nothing runs twice. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { acceptJob } from "../../../src/studio/queue/accept.ts";
import { filesOf, writeJob } from "../../../src/studio/queue/job.ts";
import { processOf } from "../../../src/studio/queue/process.ts";
import { resumeJob, seeJob } from "../../../src/studio/queue/queue.ts";
import { jobView } from "../../../src/studio/queue/view.ts";
import { writePictures, writeTinyModel } from "../../training/tiny_run.ts";
import { EASEL, testStudio, until } from "./test_studio.ts";

function keepInAnotherProcess(folder: string): Deno.ChildProcess {
  const program = join(import.meta.dirname!, "test_studio.ts");
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "--no-prompt", program, folder, ...EASEL],
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
}

Deno.test("a training outlives its server; killed itself, it is told and goes on from its last state", async () => {
  const folder = await Deno.makeTempDir({ prefix: "easel killed " }), ending = new AbortController();
  const studio = testStudio(folder, EASEL, ending.signal), servers: Deno.ChildProcess[] = [];
  writeTinyModel(join(folder, "model.safetensors"));
  writePictures(join(folder, "images"), 2);
  const training = async (name: string, steps: number, ...more: string[]) => {
    const flags = {
      pretrained_model_name_or_path: "model.safetensors",
      train_data_dir: "images",
      resolution: "64",
    };
    const own = {
      output_dir: "out",
      output_name: name,
      network_dim: "2",
      max_train_steps: String(steps),
      threads: "1",
    };
    const args = Object.entries({ ...flags, ...own }).flatMap(([flag, value]) => [`--${flag}`, value]);
    const words = [
      ...args,
      "--caption_extension",
      ".txt",
      "--network_module",
      "networks.lora",
      "--device",
      "cpu",
      "--seed",
      "1",
      ...more,
    ];
    return writeJob(studio, await acceptJob({ command: "train_network", args: words }, studio));
  };
  const view = (job: Parameters<typeof seeJob>[1]) => jobView(seeJob(studio, job));
  try {
    const first = await training(
      "first",
      1_000_000,
      "--save_every_n_steps",
      "3",
      "--save_state",
      "--save_last_n_steps",
      "3",
      "--save_last_n_steps_state",
      "3",
    );
    const second = await training("second", 1);
    servers.push(keepInAnotherProcess(folder));
    await until(() => view(first).progress?.step! >= 4);
    assert.equal(view(second).state, "waiting");
    servers[0].kill("SIGKILL");
    await servers[0].status;
    const { pid } = processOf(filesOf(studio, first.id))!, before = view(first).progress!.step;
    await until(() => view(first).progress!.step > before);
    servers.push(keepInAnotherProcess(folder));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.deepEqual([view(first).state, view(second).state], ["running", "waiting"]);
    assert.equal(processOf(filesOf(studio, first.id))!.pid, pid);
    Deno.kill(pid, "SIGKILL");
    const died = await until(() => view(first).state === "died" && view(first));
    assert.deepEqual(died.end, { status: null, signal: 9, message: null, remedy: "memory" });
    await until(() => view(second).state === "done");
    servers[1].kill("SIGKILL");
    assert.match(died.resume!, /^out\/first-step\d{8}-state$/);
    const step = Number(/step(\d+)/.exec(died.resume!)![1]);
    const shortened = {
      ...first,
      args: first.args.map((word) => word === "1000000" ? String(step + 1) : word),
    };
    await Deno.writeTextFile(join(filesOf(studio, first.id).folder, "job.json"), JSON.stringify(shortened));
    const resumed = await resumeJob(studio, first.id);
    await until(() => view(resumed).state === "done");
    assert.deepEqual([view(resumed).progress!.step, view(resumed).resumes], [step + 1, first.id]);
    await Deno.stat(join(folder, "out/first.safetensors"));
  } finally {
    ending.abort();
    for (const server of servers) {
      try {
        server.kill("SIGKILL");
      } catch { /* has ended */ }
    }
    await Promise.all(servers.map(({ status }) => status));
    await Deno.remove(folder, { recursive: true });
  }
});
