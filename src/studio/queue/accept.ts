/** What may be queued: a command that there is, whose flags are right and whose paths the user has named folders of. */

import { resolve } from "node:path";
import { exists } from "../../base/files/exists.ts";
import { UserError } from "../../base/errors.ts";
import { configPath, withConfigFile } from "../../options/given/config_file.ts";
import { HelpWanted, parseArgs, type Parsed } from "../../options/given/parse.ts";
import { type AnyOption, rowsOf, type Value } from "../../options/mod.ts";
import { holdsPaths } from "../option_paths.ts";
import { pathsIn } from "../file_contents.ts";
import { Refused, type Studio, type StudioCommand } from "../studio.ts";
import type { QueuedJob } from "./job.ts";

/** What the page asks for. */
export interface WantedJob {
  readonly command: string;
  readonly args: readonly string[];
  readonly title?: string;
  readonly resumes?: string;
}

/** Longer ones are no command lines. */
const MOST_WORDS = 4000, LONGEST_TITLE = 200;

/** Bytes that Linux takes of a word, and less than it takes of a line where that is set lowest. */
const LONGEST_WORD = 100_000, LONGEST_LINE = 1_000_000;

/** Throws Refused (400) for what is no request for a job, and whatever is wrong with its command line. */
export function wantedJob(asked: unknown): WantedJob {
  const { command, args, title } = (asked ?? {}) as Record<string, unknown>;
  const isText = (value: unknown) => typeof value === "string" && !value.includes("\0");
  if (!isText(command)) throw new Refused(400, "command names what is to be done");
  if (!Array.isArray(args) || !args.every(isText) || args.length > MOST_WORDS) {
    throw new Refused(400, "args is the list of words behind the command");
  }
  const sizes = (args as string[]).map((word) => new TextEncoder().encode(word).length);
  if (
    sizes.some((size) => size > LONGEST_WORD) || sizes.reduce((sum, size) => sum + size, 0) > LONGEST_LINE
  ) {
    throw new Refused(400, "the command line is longer than a system takes; put what is long into a file");
  }
  if (title !== undefined && !isText(title)) throw new Refused(400, "title is a text");
  return { command: command as string, args, ...title !== undefined && { title: String(title) } };
}

/** It would keep its device for ever. */
const ENDLESS = "studio";

export async function acceptJob(
  { command: name, args, title, resumes }: WantedJob,
  studio: Pick<Studio, "catalogue" | "folders">,
): Promise<Omit<QueuedJob, "format" | "id" | "created" | "seal">> {
  const folder = studio.folders.roots[0], { rows, values } = await readInside({ name, args, folder }, studio);
  const named = title?.trim() || text(values.output_name) || text(values.outfile) || name;
  return {
    ...{ command: name, args, folder, title: named.slice(0, LONGEST_TITLE) },
    ...{ secrets: secretsOf(args, rows, values), device: deviceOf(rows, values) },
    ...resumes !== undefined && { resumes },
  };
}

/** Throws Refused where a job that was accepted is no longer: the files that it names may be others by now. */
export async function acceptAgain(
  { command: name, args, folder }: Pick<QueuedJob, "command" | "args" | "folder">,
  studio: Pick<Studio, "catalogue" | "folders">,
): Promise<void> {
  await readInside({ name, args, folder }, studio);
}

/** What a command line says that runs in `folder`; throws Refused for a wrong one, and where it leads out of the folders. */
async function readInside(
  { name, args, folder }: {
    readonly name: string;
    readonly args: readonly string[];
    readonly folder: string;
  },
  { catalogue, folders }: Pick<Studio, "catalogue" | "folders">,
) {
  const command = await catalogue.load(name), rows = rowsOf(command.groups);
  if (!("json" in rows) || name === ENDLESS) {
    throw new Refused(400, `${name} is no command that works for a while; nothing to queue`);
  }
  // as they were given, so that they are told so; names of built-in models and of those of the hub look like paths below the
  // folder, unless a link or ".." is in them
  const inside = (path: string) => folders.inside(folder === folders.roots[0] ? path : resolve(folder, path));
  const { values, sources, positionals } = parsedArgs(command, args, inside);
  // what a dataset file and the like lead to must lie inside too: a page may have written them
  const refuseOutside = (value: Value, option = "") => {
    for (const path of Array.isArray(value) ? value : [value]) {
      if (typeof path !== "string" || path === "") continue;
      inside(path);
      for (const inner of pathsIn(option, resolve(folder, path))) refuseOutside(inner.path, inner.option);
    }
  };
  for (const [option, row] of Object.entries(rows)) {
    if (sources[option] !== "default" && holdsPaths(row)) refuseOutside(values[option], option);
  }
  refuseOutside(positionals);
  return { rows, values };
}

function parsedArgs(
  command: StudioCommand,
  args: readonly string[],
  inside: (path: string) => string,
): Parsed {
  try {
    const parsed = parseArgs(args, command.groups, command.positionals);
    const { config_file: given } = parsed.values;
    if (typeof given !== "string" || given === "") return parsed;
    const path = inside(configPath(given));
    return withConfigFile({ ...parsed, values: { ...parsed.values, config_file: path } }, command.groups);
  } catch (error) {
    if (error instanceof HelpWanted) throw new Refused(400, "the help is no job; it stands beside the form");
    if (error instanceof UserError) throw new Refused(400, error.message);
    throw error;
  }
}

/** Also where they stand behind an equals sign. */
function secretsOf(
  args: readonly string[],
  rows: Readonly<Record<string, AnyOption>>,
  values: Parsed["values"],
): number[] {
  const secrets = Object.keys(rows).filter((name) => rows[name].secret).map((name) => text(values[name]))
    .filter((value) => value !== "");
  return args.flatMap((word, i) =>
    secrets.some((secret) => word === secret || word.endsWith(`=${secret}`)) ? [i] : []
  );
}

function deviceOf(rows: Readonly<Record<string, AnyOption>>, values: Parsed["values"]): string {
  if (!("device" in rows) || rows.device.support.kind !== "supported") return "cpu";
  const device = text(values.device).toLowerCase() || "auto";
  if (device === "cpu") return "cpu";
  const [, number] = /^cuda:(\d+)$/.exec(device) ?? [];
  if (device !== "auto") return `cuda:${Number(number ?? 0)}`;
  return exists("/dev/nvidia0") || exists("/dev/nvidiactl") ? "cuda:0" : "cpu";
}

const text = (value: Value | undefined): string => typeof value === "string" ? value : "";
