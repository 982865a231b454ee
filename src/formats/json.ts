/** JSON files: what is wrong with one is said with its line, and in words that help. */

import { UserError } from "../base/errors.ts";
import { readText } from "./text_file.ts";

type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;

/** Reads and parses a file. `remedy` ends the sentence when there is none. Throws UserError. */
export function readJson(path: string, remedy: string, reviver?: Reviver): unknown {
  const text = readText(path, remedy);
  try {
    return JSON.parse(text, reviver as Parameters<typeof JSON.parse>[1]);
  } catch (cause) {
    throw new UserError(`${path}: is not JSON (${why(text, (cause as Error).message)})`, { cause });
  }
}

function why(text: string, message: string): string {
  if (text.trim() === "") return "it is empty";
  const [, position] = /at position (\d+)/.exec(message) ?? [];
  const at = position === undefined ? "" : `line ${text.slice(0, Number(position)).split("\n").length}: `;
  const short = message.replace(/ (in JSON )?at position.*$/s, "").replace(/\s+/g, " ").slice(0, 100);
  if (/escape/i.test(short)) {
    return `${at}a backslash begins an escape: double the backslashes, or use forward slashes`;
  }
  return at + short;
}
