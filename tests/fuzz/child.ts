/** Runs mutants in a process of its own: child.ts TOPIC SEED FROM TO FOLDER. Says what it begins and what went wrong. */

import { cpuUsage } from "node:process";
import { join } from "node:path";
import { UserError } from "../../src/base/errors.ts";
import { PythonRandom } from "../../src/random/mod.ts";
import { mutate } from "./mutate.ts";
import { TOPICS } from "./topics/mod.ts";

/** Seconds of computing, and megabytes at the peak, that an input may take. */
const MOST_SECONDS = 5, MOST_MEGABYTES = 512;

const [name, seed, from, to, folder] = Deno.args;
const topic = TOPICS[name], seeds = await topic.seeds();
for (let i = Number(from); i < Number(to); i++) {
  const random = new PythonRandom(BigInt(seed) * 1_000_000n + BigInt(i));
  console.log(JSON.stringify({ begins: i }));
  const own = topic.mutate && random.random() < 0.5;
  const bytes = (own ? topic.mutate! : mutate)(random.choice(seeds), seeds, random);
  Deno.writeFileSync(join(folder, "mutant"), bytes);
  const wrong = await attempt(bytes);
  if (wrong) console.log(JSON.stringify({ wrong, i }));
}

async function attempt(bytes: Uint8Array): Promise<string | null> {
  forgetPeak();
  const before = cpuUsage();
  try {
    await topic.run(bytes, folder);
  } catch (error) {
    if (!(error instanceof UserError)) return `throws ${error instanceof Error ? error.stack : error}`;
  }
  const { user, system } = cpuUsage(before), seconds = (user + system) / 1e6, megabytes = peak();
  if (seconds > MOST_SECONDS) return `takes ${seconds.toFixed(1)} s`;
  return megabytes > MOST_MEGABYTES ? `takes ${megabytes} MB` : null;
}

/** Collects garbage of the mutants before, and has the system count anew. */
function forgetPeak(): void {
  if (peak() > MOST_MEGABYTES / 3) (globalThis as { gc?: () => void }).gc?.();
  try {
    Deno.writeTextFileSync("/proc/self/clear_refs", "5");
  } catch { /* only Linux counts so */ }
}

function peak(): number {
  try {
    const [, kilobytes] = /VmHWM:\s*(\d+)/.exec(Deno.readTextFileSync("/proc/self/status"))!;
    return Math.round(Number(kilobytes) / 1024);
  } catch {
    return 0;
  }
}
