/** Finds cases, asks the topics who runs them, and judges the checks. Used by main.ts and by golden_test.ts. */

import { basename, dirname, join } from "node:path";
import { UserError } from "../../src/base/errors.ts";
import { openSafetensors, type SafetensorsFile } from "../../src/formats/safetensors.ts";
import type { Check, GoldenCase, Topic } from "./case.ts";

export type Outcome =
  | { readonly kind: "pass"; readonly worst: Check | null; readonly count: number }
  | { readonly kind: "fail"; readonly reason: string }
  | { readonly kind: "skip"; readonly reason: string };

/** Every topic of the folder, in name order. A topic that does not even load is an error that names it. */
export async function loadTopics(): Promise<Topic[]> {
  const folder = new URL("./topics/", import.meta.url);
  const names = [...Deno.readDirSync(folder)].map((entry) => entry.name).filter((name) =>
    name.endsWith(".ts")
  );
  const topics: Topic[] = [];
  for (const name of names.sort()) {
    const topic = await import(new URL(name, folder).href);
    if (typeof topic.match !== "function") throw new UserError(`topics/${name}: does not export match()`);
    topics.push(topic);
  }
  return topics;
}

/** All files below `dir`, in name order. Throws UserError when it is no folder. */
export function jsonFiles(dir: string): string[] {
  const found: string[] = [];
  const walk = (folder: string) => {
    for (const entry of [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1)) {
      const path = join(folder, entry.name);
      if (Deno.statSync(path).isDirectory) walk(path);
      else if (entry.name.endsWith(".json")) found.push(path);
    }
  };
  try {
    walk(dir);
  } catch (cause) {
    throw new UserError(`${dir}: cannot be listed; give the folder that holds the cases`, { cause });
  }
  return found;
}

/** The case in a file, or why it is none. A case is an object with the name of the case in it. */
export function readCase(path: string): GoldenCase | string {
  let json;
  try {
    json = JSON.parse(Deno.readTextFileSync(path));
  } catch (cause) {
    return `not readable as JSON (${(cause as Error).message})`;
  }
  if (typeof json !== "object" || json === null || Array.isArray(json) || typeof json.case !== "string") {
    return 'no case: it has no "case" entry';
  }
  let file: SafetensorsFile | undefined;
  return {
    path,
    name: basename(path, ".json"),
    topic: typeof json.topic === "string" ? json.topic : basename(dirname(path)),
    json,
    tensors: () => file ??= openSafetensors(path.replace(/\.json$/, ".safetensors")),
  };
}

/** Runs one case with the first topic that takes it. Never throws: an exception is a failure. */
export async function runCase(c: GoldenCase, topics: readonly Topic[]): Promise<Outcome> {
  try {
    let reason = `cases of the kind ${c.topic} are not known`;
    for (const topic of topics) {
      const answer = topic.match(c);
      if (typeof answer === "function") return judge(await answer());
      if (answer !== null) reason = answer;
    }
    return { kind: "skip", reason };
  } catch (error) {
    return { kind: "fail", reason: describe(error) };
  }
}

/** Passes when every check does; the worst is the one nearest to, or furthest beyond, its limit. */
export function judge(checks: readonly Check[]): Outcome {
  if (checks.length === 0) return { kind: "fail", reason: "nothing was compared" };
  const share = (check: Check) =>
    Number.isNaN(check.error)
      ? Infinity
      : check.limit > 0
      ? check.error / check.limit
      : check.error > 0
      ? Infinity
      : 0;
  const worst = checks.reduce((a, b) => share(b) > share(a) ? b : a);
  const failed = checks.filter((check) => !(check.error <= check.limit));
  if (failed.length === 0) {
    return { kind: "pass", worst: worst.limit > 0 ? worst : null, count: checks.length };
  }
  const { what, error, limit, note } = failed.includes(worst) ? worst : failed[0];
  const rest = failed.length > 1 ? `; ${failed.length} of ${checks.length} checks failed` : "";
  const size = limit === 0 && Number.isInteger(error)
    ? `${error} differ`
    : `error ${brief(error)} > ${brief(limit)}`;
  return { kind: "fail", reason: `${what}: ${size}${note ? ` (${note})` : ""}${rest}` };
}

/** One line for an outcome. */
export function outcomeLine(name: string, outcome: Outcome): string {
  if (outcome.kind === "skip") return `skip  ${name}  ${outcome.reason}`;
  if (outcome.kind === "fail") return `FAIL  ${name}  ${outcome.reason}`;
  const { worst, count } = outcome;
  const how = worst ? `${worst.what}: ${brief(worst.error)} of ${brief(worst.limit)} allowed` : "exact";
  return `pass  ${name}  ${how}; ${count} check${count === 1 ? "" : "s"}`;
}

function brief(x: number): string {
  return Number.isInteger(x) && Math.abs(x) < 1e6 ? String(x) : x.toPrecision(2);
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof UserError) return error.message;
  const at = (error.stack ?? "").split("\n").find((line) => line.trim().startsWith("at "))?.trim() ?? "";
  return `${error.name}: ${error.message.split("\n")[0]} ${at}`;
}
