/**
 * deno task golden DIR [TOPIC…]: runs every case below DIR (of the named topics, or single cases as topic/name), one line a case. Exit status 1 when any failed.
 * Cases go to whichever file in topics/ takes them by what their JSON says.
 */

import { relative, resolve } from "node:path";
import { UserError } from "../../src/base/errors.ts";
import { jsonFiles, loadTopics, outcomeLine, readCase, runCase } from "./runner.ts";

async function main(args: readonly string[]): Promise<number> {
  const [folder, ...wanted] = args;
  if (!folder) {
    console.error("usage: golden DIR [TOPIC...]");
    return 2;
  }
  // A task starts in the project's folder; paths mean the folder where it was called.
  const dir = resolve(Deno.env.get("INIT_CWD") ?? Deno.cwd(), folder);
  const topics = await loadTopics();
  const counts = { pass: 0, fail: 0, skip: 0 };
  for (const path of jsonFiles(dir)) {
    const c = readCase(path);
    if (typeof c === "string") {
      console.error(`note  ${relative(dir, path)}  ${c}`);
      continue;
    }
    const title = `${c.topic}/${c.name}`;
    if (wanted.length > 0 && !wanted.includes(c.topic) && !wanted.includes(title)) continue;
    const outcome = await runCase(c, topics);
    counts[outcome.kind]++;
    console.log(outcomeLine(title, outcome));
  }
  console.log(`${counts.pass} passed, ${counts.fail} failed, ${counts.skip} skipped`);
  return counts.fail > 0 ? 1 : 0;
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  console.error(error instanceof UserError ? `golden: ${error.message}` : error);
  Deno.exit(1);
}
