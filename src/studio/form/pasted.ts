/** What people bring with them: command lines, configuration files and kohya_ss's saved forms, told apart by their looks. */

import { UserError } from "../../base/errors.ts";
import { flatEntries } from "../../options/given/config_file.ts";
import { readLaunch } from "../../options/given/launcher.ts";
import { commandNamed } from "../../options/given/scripts.ts";
import { type Rows, rowsOf, type Value } from "../../options/mod.ts";
import { parseToml } from "../../formats/toml.ts";
import type { Catalogue, StudioCommand } from "../studio.ts";
import { type Draft, refitted } from "./draft.ts";
import { commandOfGuiFile, draftOfGuiFile } from "./gui_file.ts";
import { draftOfWords, unknownIn } from "./line.ts";
import { shellWords } from "./shell.ts";
import { draftOfToml } from "./toml.ts";

export interface Pasted {
  readonly kind: "line" | "toml" | "json";
  readonly command: StudioCommand;
  readonly draft: Draft;
  /** Lines about what was left out, or means something else here. */
  readonly notes: readonly string[];
}

/** `current` is the command where the text does not tell. Throws UserError in one line. */
export async function readPasted(text: string, current: string, catalogue: Catalogue): Promise<Pasted> {
  const trimmed = text.replace(/^\uFEFF/, "").trim();
  if (trimmed === "") throw new UserError("there is nothing to read; paste a command line, a TOML or a JSON");
  if (trimmed.startsWith("{")) return await readJson(trimmed, catalogue);
  if (!looksLikeToml(trimmed)) return await readLine(trimmed, current, catalogue);
  const keys = flatEntries(parseToml(trimmed, "TOML")).map(([key]) => key);
  const command = await catalogue.load(commandOfKeys(keys, current));
  return { kind: "toml", command, draft: draftOfToml(trimmed, rowsOf(command.groups)), notes: [] };
}

/** A first line that counts is a section or `key = value`; a shell has no blanks around its equals sign. */
function looksLikeToml(text: string): boolean {
  const first = text.split("\n").map((line) => line.trim()).find((line) => line && !line.startsWith("#"));
  return /^(\[|[\w-]+\s+=|[\w-]+=\s)/.test(first ?? "") ||
    /^[\w-]+=("[^"]*"|[\d.]+|true|false)$/.test(first ?? "");
}

/** Keys that only one kind of training has, where they stand in a file that names no script. */
function commandOfKeys(keys: readonly string[], current: string): string {
  const has = (...names: string[]) => names.some((name) => keys.includes(name));
  if (has("network_dim", "network_module", "network_alpha") && !/network$/.test(current)) {
    return "train_network";
  }
  if (has("token_string", "init_word") && !/textual_inversion/.test(current)) {
    return "train_textual_inversion";
  }
  return current;
}

async function readJson(text: string, catalogue: Catalogue): Promise<Pasted> {
  let tree;
  try {
    tree = JSON.parse(text);
  } catch (cause) {
    throw new UserError(`the JSON cannot be read: ${(cause as Error).message}; paste the whole file`, {
      cause,
    });
  }
  const names = catalogue.names.map(({ name }) => name);
  const command = await catalogue.load(commandNamed(commandOfGuiFile(tree), names).name);
  return { kind: "json", command, ...draftOfGuiFile(tree, rowsOf(command.groups)) };
}

/** A whole command line, of which the first command that easel has counts; flags alone are the current command's. */
export async function readLine(text: string, current: string, catalogue: Catalogue): Promise<Pasted> {
  const { commands, comments } = shellWords(text), notes: string[] = [];
  const names = catalogue.names.map(({ name }) => name);
  let failure: UserError | null = null;
  for (const words of commands) {
    try {
      const call = readCall(words, current, names, notes);
      const command = await catalogue.load(call.command), rows: Rows = rowsOf(command.groups);
      const read = draftOfWords(call.words, rows, call.defaults);
      const draft = refitted({ ...read, unknown: { ...read.unknown, ...unknownIn(comments) } }, rows);
      return { kind: "line", command, draft, notes: [...notes, ...variables(call.words)] };
    } catch (cause) {
      if (!(cause instanceof UserError)) throw cause;
      // "cd is not a command" says less than what is wrong with the script behind it
      if (failure === null || / is not a command/.test(failure.message)) failure = cause;
    }
  }
  throw failure ?? new UserError("no command was found; paste a line such as easel train_network --help");
}

interface Call {
  readonly command: string;
  readonly words: readonly string[];
  readonly defaults: Readonly<Record<string, Value>>;
}

/** Prompts, settings of the environment and what starts this program, which no command of ours begins with. */
const BEFORE = /^(\$|>|PS|sudo|call|nohup|env|exec|[A-Za-z_]\w*=.*)$/s;
const OURS = /(^|[/\\])(easel(\.exe)?|run)$/;

function readCall(
  given: readonly string[],
  current: string,
  names: readonly string[],
  notes: string[],
): Call {
  let words = given.slice(given.findIndex((word) => !BEFORE.test(word)));
  words = withoutRedirections(words, notes);
  if (OURS.test(words[0] ?? "")) words = words.slice(1);
  if (words.length === 0 || words[0].startsWith("-")) return { command: current, words, defaults: {} };
  const { argv, defaults } = launched(words, notes);
  const { name, flags } = commandNamed(argv[0], names);
  return { command: name, words: [...flags, ...argv.slice(1)], defaults };
}

/** Without its launcher; one whose options are not supported is left out with a note, for the script is what counts. */
function launched(
  words: readonly string[],
  notes: string[],
): { argv: readonly string[]; defaults: Readonly<Record<string, Value>> } {
  try {
    const launch = readLaunch(words);
    notes.push(...launch?.notes ?? []);
    return launch ?? { argv: words, defaults: {} };
  } catch (cause) {
    const script = words.findIndex((word) => word.endsWith(".py"));
    if (!(cause instanceof UserError) || script < 0) throw cause;
    notes.push(`the launcher was left out: ${cause.message}`);
    return { argv: words.slice(script), defaults: {} };
  }
}

/** `> log.txt` and `2>&1`: a job's output is kept by the queue. */
function withoutRedirections(words: readonly string[], notes: string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < words.length; i++) {
    if (!/^[012&]?>{1,2}/.test(words[i])) {
      kept.push(words[i]);
      continue;
    }
    if (/>$/.test(words[i])) i++;
    notes.push("where the output goes was left out: the queue keeps it");
  }
  return kept;
}

function variables(words: readonly string[]): string[] {
  const found = words.flatMap((word) => word.match(/\$\{?\w+\}?|%\w+%/g) ?? []);
  return [...new Set(found)].map((name) => `${name} is a variable of a shell; write what it stands for`);
}
