/** Watches a child that runs mutants: what throws, hangs, or takes too much is found, and kept. */

import { join } from "node:path";
import { TextLineStream } from "./lines.ts";

export interface Found {
  readonly index: number;
  readonly what: string;
  /** Where the mutant is kept. */
  readonly path: string;
}

/**
 * A child is killed after so many seconds of computing on one mutant: the machine may have other things to do, and the
 * child measures itself where it comes back. One that waits for something for minutes is killed, too.
 */
const COMPUTING_SECONDS = 20, WAITING_SECONDS = 300;

/** Runs mutants `from` to `to` of a topic; `keep` is a folder for those that do harm. */
export async function fuzz(topic: string, count: number, seed: number, keep: string): Promise<Found[]> {
  const found: Found[] = [], folder = await Deno.makeTempDir();
  const report = async (index: number, what: string) => {
    await Deno.mkdir(keep, { recursive: true });
    const path = join(keep, `${topic}-${seed}-${index}`);
    await Deno.copyFile(join(folder, "mutant"), path);
    found.push({ index, what, path });
  };
  try {
    for (let next = 0; next < count;) next = await watch(topic, seed, next, count, folder, report);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return found;
}

/** One child; the index after the last that it began. */
async function watch(
  topic: string,
  seed: number,
  from: number,
  to: number,
  folder: string,
  report: (index: number, what: string) => Promise<void>,
): Promise<number> {
  const script = decodeURIComponent(new URL("./child.ts", import.meta.url).pathname);
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      "--v8-flags=--expose-gc",
      script,
      topic,
      ...[seed, from, to].map(String),
      folder,
    ],
    stdout: "piped",
  }).spawn();
  let current = from - 1, hung = false;
  const kill = () => {
    hung = true;
    child.kill("SIGKILL");
  };
  let began = performance.now(), computed = computedSeconds(child.pid);
  const timer = setInterval(() => {
    const waited = (performance.now() - began) / 1000;
    if (waited > WAITING_SECONDS || computedSeconds(child.pid) - computed > COMPUTING_SECONDS) kill();
  }, 1000);
  for await (
    const line of child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())
  ) {
    const message = JSON.parse(line) as { begins?: number; wrong?: string };
    if (message.wrong !== undefined) await report(current, message.wrong);
    else current = message.begins!;
    [began, computed] = [performance.now(), computedSeconds(child.pid)];
  }
  clearInterval(timer);
  const { success, code } = await child.status;
  if (success) return to;
  if (current < from) throw new Error(`the fuzzer of ${topic} does not start (status ${code})`);
  await report(current, hung ? "hangs" : `ends the process with status ${code}`);
  return current + 1;
}

/** Of all threads of a process; 0 where the system does not tell. */
function computedSeconds(pid: number): number {
  try {
    const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/^.*\)/, "").trim().split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100; // user and system time in ticks
  } catch {
    return 0;
  }
}
