/** A flag and a command in words: what help, the man page, docs/cli.md and the completions have in common. */

import { listed } from "../../base/phrases.ts";
import type { Command, CommandEntry } from "../command.ts";
import { type AnyOption, rowsOf, type Value } from "../../options/mod.ts";
import { neededFlags, needsOf } from "../../options/given/required.ts";

export interface LoadedCommand {
  readonly entry: CommandEntry;
  readonly command: Command;
}

/** Every command with its flags. Loads all of their files: for whatever shows everything, not for a start. */
export async function loadCommands(entries: readonly CommandEntry[]): Promise<LoadedCommand[]> {
  return await Promise.all(entries.map(async (entry) => ({ entry, command: await entry.load() })));
}

/** "easel inspect FILE [FLAGS]". */
export function usage({ entry, command }: LoadedCommand): string {
  const args = (command.positionals ?? []).map((name) => ` ${name}`).join("");
  const flags = command.groups.length ? " [FLAGS]" : "";
  return `easel ${entry.name}${entry.does ? " COMMAND [FLAGS]" : `${args}${flags}`}`;
}

/** What stands for the value: "N", "no|fp16|bf16", "[FILE ...]"; nothing for switches. */
export function metavar(row: AnyOption): string {
  if (row.type === "flag") return "";
  const values = choicesOf(row);
  if (values && values.join("|").length <= 40 && row.nargs === null) return values.join("|");
  const word = row.leadsTo === "folder"
    ? "FOLDER"
    : row.leadsTo
    ? "FILE"
    : { str: "TEXT", int: "N", float: "X", int_or_float: "N|SHARE", Path: "FILE", bytes: "TEXT" }[row.type];
  if (row.nargs === null) return word;
  return row.nargs === "*" ? `[${word} ...]` : Array(row.nargs).fill(word).join(" ");
}

/** The values that do something; null where it is not a matter of choosing one. */
export function choicesOf(row: AnyOption): readonly string[] | null {
  return row.works ?? row.choices?.map(String) ?? null;
}

/** "; one of a, b, c", nothing where the placeholder tells them. */
export function choicesText(row: AnyOption): string {
  const values = choicesOf(row);
  if (!values || metavar(row) === values.join("|")) return "";
  return values.length === 1 ? `; ${values[0]}` : `; one of ${values.join(", ")}`;
}

/** What a flag does, its choices where the placeholder has no room for them, its default, and whether it matters. */
export function flagText(row: AnyOption): string {
  const standard = defaultText(row.default);
  const idle = row.support.kind === "no effect" ? "; has no effect here" : "";
  return `${row.help}${choicesText(row)}${standard ? ` (default ${standard})` : ""}${idle}`;
}

/** As it would be typed; nothing for unset flags. */
export function defaultText(value: Value): string {
  if (value === null || value === false || value === "") return "";
  if (typeof value === "object" && "steps" in value) return String(value.steps);
  return String(value);
}

/**
 * What the help begins with: flags that must be given, then those that most people give. They also stand in their
 * groups.
 */
export function firstFlags(command: Command): FirstFlags[] {
  const flags = rowsOf(command.groups);
  const instead = (names: readonly string[]) =>
    names.length ? `; in place of ${listed(names.map((name) => `--${name}`))}` : "";
  const needed = neededFlags(needsOf(command)).map(({ name, inPlaceOf }) => ({
    name,
    more: instead(inPlaceOf),
  }));
  const given = (command.usual ?? []).map((name) => ({ name, more: "" }));
  return [{ title: "Required", of: needed }, { title: "Usually given", of: given }]
    .filter(({ of }) => of.length > 0)
    .map(({ title, of }) => ({ title, lines: of.map((line) => ({ ...line, row: flags[line.name] })) }));
}

export interface FirstFlags {
  readonly title: string;
  readonly lines: readonly { readonly name: string; readonly row: AnyOption; readonly more: string }[];
}

/** The flags of a command that are only known by name. */
export function notYetFlags({ groups }: Command): string[] {
  return groups.flatMap(({ rows }) =>
    Object.entries(rows).filter(([, row]) => row.support.kind === "not yet").map(([name]) => name)
  );
}

/** Words into lines of at most `width` characters, longer words alone. */
export function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines[lines.length - 1];
    if (line && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line ? `${line} ${word}` : word;
  }
  return lines;
}

/** Exit statuses, for every page that lists them. */
export const EXIT_STATUSES: readonly (readonly [status: number, meaning: string])[] = [
  [0, "done"],
  [1, "failed: something that one line on standard error names and the user can mend, or a bug"],
  [2, "a command line that is wrong, or asks for what easel does not have yet; no file was written"],
  [130, "interrupted by Ctrl-C, SIGTERM or SIGHUP, after saving; a second signal ends at once"],
];

/** Environment variables that easel reads. */
export const ENVIRONMENT: readonly (readonly [name: string, meaning: string])[] = [
  ["NO_COLOR", "no colour in progress bars"],
  ["TERM=dumb, CI", "plain lines now and then in place of progress bars"],
  ["EASEL_DEBUG", "a stack below every line of error"],
  ["EASEL_CACHE", "the folder that the executable unpacks to, in place of ~/.cache/easel"],
  [
    "EASEL_NO_LIMITS",
    "no limits on what files, prompts and flags may ask for; the errors that name it say which",
  ],
];

/** A command line over several lines that a shell joins again: broken before flags, never inside quotes. */
export function shellLines(line: string, width: number): string[] {
  const words = line.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? [];
  const pieces: string[] = []; // a flag with its values
  for (const word of words) {
    if (pieces.length === 0 || word.startsWith("--")) pieces.push(word);
    else pieces[pieces.length - 1] += ` ${word}`;
  }
  const lines: string[] = [];
  for (const piece of pieces) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + piece.length + 2 > width) {
      lines.push(lines.length ? `  ${piece}` : piece);
    } else lines[lines.length - 1] = `${last} ${piece}`;
  }
  return lines.map((text, i) => i < lines.length - 1 ? `${text} \\` : text);
}
