/**
 * Whole command lines as reviewed files: what was typed, exit status, both streams. `deno task test-on
 * tests/cli/snapshots_test.ts -- --update` writes them anew; read the difference before it is committed.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { runProgram } from "../../src/cli/front/program.ts";
import { VERSION } from "../../src/cli/screen/version.ts";
import type { Outcome } from "./easel.ts";

const FOLDER = join(import.meta.dirname!, "snapshots");

/** What differs from run to run and from machine to machine. */
const FILTERS: readonly (readonly [RegExp, string])[] = [
  [/\b\d+(\.\d+)? (kB|MB|GB)\b/g, "SIZE"],
  [/\b\d+(\.\d+)?(e-\d+)? s\/it\b/g, "TIME"],
  [/\bloss \d+(\.\d+)?(e-\d+)?/g, "loss N"],
];

/** Runs a command line in this process: a new one would take a second. */
export async function easelHere(argv: readonly string[]): Promise<Outcome> {
  const texts = { stdout: "", stderr: "" }, decoder = new TextDecoder();
  const streams = (["stdout", "stderr"] as const).map((name) => {
    const stream = Deno[name], { writeSync, isTerminal } = stream;
    stream.writeSync = (bytes) => {
      texts[name] += decoder.decode(bytes);
      return bytes.length;
    };
    stream.isTerminal = () => false;
    return () => Object.assign(stream, { writeSync, isTerminal });
  });
  try {
    return { code: await runProgram(argv), ...texts };
  } finally {
    streams.forEach((restore) => restore());
  }
}

/** One command line as it may be pasted; `folder` stands in it and in what it says as FOLDER. */
export interface Case {
  readonly name: string;
  readonly line: string;
  /** How many lines of standard output are kept; absent: all. */
  readonly head?: number;
}

/** Compares with tests/cli/snapshots/NAME.txt, or writes it. */
export async function checkSnapshot({ name, line, head }: Case, folder: string): Promise<void> {
  const words = (line.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replace(/^"(.*)"$/, "$1"));
  const { code, stdout, stderr } = await easelHere(words.map((word) => word.replaceAll("FOLDER", folder)));
  const shown = head === undefined ? stdout : `${stdout.split("\n").slice(0, head).join("\n")}\n...\n`;
  const found = filtered(
    [`$ easel ${line}`.trimEnd(), `exit ${code}`, "--- stdout", shown, "--- stderr", stderr].map((part) =>
      part === "" || part.endsWith("\n") ? part : `${part}\n`
    ).join(""),
    folder,
  );
  const path = join(FOLDER, `${name}.txt`);
  if (Deno.args.includes("--update")) Deno.writeTextFileSync(path, found);
  const wanted = read(path);
  assert.equal(found, wanted, `${path} differs; -- --update writes it anew`);
}

function filtered(text: string, folder: string): string {
  const named = text.replaceAll(folder, "FOLDER").replaceAll(`easel ${VERSION}`, "easel VERSION");
  return FILTERS.reduce((all, [pattern, word]) => all.replace(pattern, word), named);
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "there is no such file";
  }
}

/** Names of the files that there are. */
export function snapshotNames(): string[] {
  return [...Deno.readDirSync(FOLDER)].map(({ name }) => name.replace(/\.txt$/, "")).sort();
}
