/** One subcommand: parse, check, run. */

import { UsageError } from "../base/errors.ts";
import type { Command, CommandInput } from "./command.ts";
import type { CommandEntry } from "./commands/index.ts";
import { withConfigFile } from "./config_file.ts";
import { type LogLevel, openContext } from "./context.ts";
import type { Value } from "./flag.ts";
import { print } from "./output.ts";
import { allFlags, camelValues, HelpWanted, parseArgs } from "./parse.ts";
import { refuseUnsupported, withoutEffect } from "./support.ts";

export interface Prepared {
  readonly command: Command;
  readonly input: CommandInput<unknown>;
  /** Lines about flags that change nothing. */
  readonly notes: readonly string[];
}

/** Everything that comes before a run: parsing, the config file, and all checks. Throws UserError. */
export async function prepare(entry: CommandEntry, argv: readonly string[]): Promise<Prepared> {
  const command: Command = await entry.load();
  const { families } = command;
  let parsed = parseArgs(argv, families, command.positionals);
  if ("config_file" in allFlags(families)) parsed = withConfigFile(parsed, families);
  refuseUnsupported(parsed, families);
  const input: CommandInput<unknown> = {
    values: camelValues(parsed.values),
    source: (name) => parsed.sources[name] ?? "default",
    positionals: parsed.positionals,
  };
  command.check?.(input);
  return { command, input, notes: withoutEffect(parsed, families) };
}

/** Runs a command and returns the exit status. Throws what the job throws. */
export async function runCommand(
  entry: CommandEntry,
  argv: readonly string[],
  what: "run" | "plan" = "run",
): Promise<number> {
  let prepared;
  try {
    prepared = await prepare(entry, argv);
    if (what === "plan" && !prepared.command.plan) {
      throw new UsageError(`there is nothing to plan for ${entry.name}`);
    }
  } catch (error) {
    if (!(error instanceof HelpWanted)) throw error;
    const { commandHelp } = await import("./help.ts");
    print(commandHelp(entry, await entry.load()));
    return 0;
  }
  const { command, input, notes } = prepared;
  const values = input.values as Record<string, Value>;
  const context = openContext({
    level: values.consoleLogLevel as LogLevel | null,
    file: values.consoleLogFile as string | null,
  });
  try {
    for (const note of notes) context.log(note);
    if (what === "plan") await command.plan!(input, context);
    else await command.run(input, context);
    return context.signal.aborted ? 130 : 0;
  } finally {
    context.close();
  }
}
