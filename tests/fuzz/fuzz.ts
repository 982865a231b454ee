/** Watches a child that runs mutants: what throws, hangs, or takes too much is found, and kept. */

import { join } from "node:path";
import { TextLineStream } from "./lines.ts";

export interface Found {
  readonly index: number;
  readonly what: string;
  /** Where the mutant is kept. */
  readonly path: string;
}

/** Wall time, on a machine that has other things to do: the child itself measures what it computes. */
const PATIENCE_MS = 60_000;

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
  let timer = setTimeout(kill, PATIENCE_MS);
  for await (
    const line of child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())
  ) {
    const message = JSON.parse(line) as { begins?: number; wrong?: string };
    if (message.wrong !== undefined) await report(current, message.wrong);
    else current = message.begins!;
    clearTimeout(timer);
    timer = setTimeout(kill, PATIENCE_MS);
  }
  clearTimeout(timer);
  const { success, code } = await child.status;
  if (success) return to;
  if (current < from) throw new Error(`the fuzzer of ${topic} does not start (status ${code})`);
  await report(current, hung ? "hangs" : `ends the process with status ${code}`);
  return current + 1;
}
