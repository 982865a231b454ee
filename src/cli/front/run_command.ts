/** One subcommand: parse, check, run. */

import { UsageError } from "../../base/errors.ts";
import { listed } from "../../base/phrases.ts";
import type { Command, CommandEntry, CommandInput } from "../command.ts";
import { camelValues, HelpWanted, parseArgs, type Parsed } from "../../options/given/parse.ts";
import { rowsOf, type Value } from "../../options/mod.ts";
import { removeMadeFolders } from "../../options/paths.ts";
import { withHubModels } from "./hub_models.ts";
import { withConfigFile } from "../../options/given/config_file.ts";
import { type LogLevel, openContext } from "../screen/context.ts";
import { EventPrinter } from "../screen/events.ts";
import { print, printErrorLine } from "../screen/output.ts";
import { needsOf, refuseMissing } from "../../options/given/required.ts";
import { tellPlan } from "../screen/tell_plan.ts";
import type { ProgramCall } from "./session.ts";
import { refuseUnsupported, withoutEffect } from "../../options/given/support.ts";

export interface Prepared {
  readonly command: Command;
  readonly input: CommandInput<unknown>;
  /** Lines about flags that change nothing. */
  readonly notes: readonly string[];
  /** Lines about what was given and is left out. */
  readonly warnings: readonly string[];
}

/** A command line without its launcher. */
export interface CommandLine {
  readonly entry: CommandEntry;
  readonly argv: readonly string[];
  readonly what: "run" | "plan";
  /** What a launcher gave; anything else comes before it. */
  readonly defaults: Readonly<Record<string, Value>>;
}

/** What the words mean, from all sources, with every check that can be made before a run. Throws UserError. */
export function prepare(
  command: Command,
  typed: Parsed,
  defaults: CommandLine["defaults"],
  name = "COMMAND",
): Prepared {
  const { groups } = command, flags = rowsOf(groups);
  const { warnings, ...filled } = "config_file" in flags
    ? withConfigFile(typed, groups)
    : { ...typed, warnings: [] };
  const { parsed, unused } = withLaunchers(filled, defaults);
  refuseUnsupported(parsed, groups);
  refuseMissing(parsed.values, needsOf(command), name, flags);
  const input: CommandInput<unknown> = {
    values: camelValues(parsed.values),
    source: (name) => parsed.sources[name] ?? "default",
    positionals: parsed.positionals,
  };
  command.check?.(input);
  const notes = unused.map((name) => `the launcher's --${name} has no effect: this command has no such flag`);
  const idle = command.idle?.(input) ?? [];
  return {
    command,
    input,
    warnings: [...warnings, ...idle],
    notes: [...notes, ...withoutEffect(parsed, groups)],
  };
}

/** The launcher's values where nothing else gives one. */
function withLaunchers(
  parsed: Parsed,
  defaults: CommandLine["defaults"],
): { parsed: Parsed; unused: string[] } {
  const values = { ...parsed.values }, sources = { ...parsed.sources }, unused: string[] = [];
  for (const [name, value] of Object.entries(defaults)) {
    if (!Object.hasOwn(values, name)) unused.push(name);
    else if (sources[name] === "default") [values[name], sources[name]] = [value, "launcher"];
  }
  return { parsed: { ...parsed, values, sources }, unused };
}

/** What is said about an argument that is missing: the choice there is, or where an example stands. */
function argumentHint({ completes }: Command, name: string): string {
  const words = completes === undefined || typeof completes === "string" ? [] : completes;
  return words.length ? `; give ${listed(words, "or")}` : `; easel help ${name} shows examples`;
}

/** Runs a command and returns the exit status. Throws what the job throws. */
export async function runCommand(line: CommandLine, session: ProgramCall): Promise<number> {
  const started = performance.now();
  const { entry, argv, what } = line;
  const command: Command = await entry.load();
  const watched = command.groups.some(({ rows }) => "json" in rows) && !command.jsonIsResult;
  // until the flags are parsed, a mistake among them is reported to whoever seems to watch
  if (watched && argv.includes("--json")) session.events = new EventPrinter();
  let prepared;
  try {
    const typed = parseArgs(argv, command.groups, command.positionals, argumentHint(command, entry.name));
    if (typed.values.output_config === true) return await outputConfig(typed, command);
    prepared = prepare(command, typed, line.defaults, entry.name);
    if (what === "plan") removeMadeFolders();
    if (what === "plan" && !command.plan) throw new UsageError(`there is nothing to plan for ${entry.name}`);
  } catch (error) {
    if (!(error instanceof HelpWanted)) throw error;
    const { commandHelp } = await import("../pages/help.ts");
    print(commandHelp(entry, command));
    return 0;
  }
  const values = prepared.input.values as Record<string, Value>;
  if (watched) session.events = values.json ? session.events ?? new EventPrinter() : null;
  const context = openContext({
    level: values.consoleLogLevel as LogLevel | null,
    file: values.consoleLogFile as string | null,
    events: session.events,
    stopping: command.stopping,
  });
  try {
    for (const note of [...session.notes, ...prepared.notes]) context.log(note);
    for (const warning of prepared.warnings) context.warn(warning);
    const input = await withHubModels(command, prepared.input, context);
    if (what === "plan") tellPlan(await command.plan!(input, context), context, values.json === true);
    else await command.run(input, context);
    if (context.signal.aborted) throw context.signal.reason;
    session.events?.done(entry.name, (performance.now() - started) / 1000);
    return 0;
  } finally {
    context.close();
  }
}

async function outputConfig(typed: Parsed, { groups }: Command): Promise<number> {
  const { writeConfig } = await import("../pages/output_config.ts");
  const { path, secrets } = writeConfig(typed, groups, printErrorLine);
  for (const name of secrets) printErrorLine(`warning: --${name} is a secret and was left out of ${path}`);
  printErrorLine(`wrote ${path}; nothing else was done`);
  return 0;
}
