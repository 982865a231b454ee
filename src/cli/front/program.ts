/** argv -> exit status. 0 done, 1 the user can mend it, 2 wrong command line, 130 interrupted. */

import { exitNow } from "../../../ffi/exit.ts";
import { removeUnfinished } from "../../base/files/temporary.ts";
import { UserError } from "../../base/errors.ts";
import type { CommandEntry } from "../command.ts";
import { COMMANDS } from "../commands/index.ts";
import { print, printError, printErrorLine } from "../screen/output.ts";
import type { CommandLine } from "./run_command.ts";
import { oneLine } from "../screen/screen.ts";
import type { ProgramCall } from "./session.ts";
import { VERSION } from "../screen/version.ts";

/** Runs one command line. Never throws. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  const session: ProgramCall = { argv, title: "easel", notes: [], events: null };
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    report(session, event.reason).then(exitNow);
  });
  try {
    const [first, ...rest] = argv;
    if (first === undefined || first === "-h" || first === "--help") return await showHelp([]);
    if (first === "help") return await showHelp(rest);
    if (first === "--version" || first === "-V" || first === "version") {
      print(`easel ${VERSION}`);
      return 0;
    }
    const line = await commandLine(argv, session);
    const { runCommand } = await import("./run_command.ts");
    return await runCommand(line, session);
  } catch (error) {
    const { HelpWanted } = await import("../../options/given/parse.ts");
    if (error instanceof HelpWanted) return await showHelp([]); // asked of a launcher
    return await report(session, error);
  }
}

async function showHelp(args: readonly string[]): Promise<number> {
  const help = await import("../pages/help.ts");
  if (args.length === 0 || /^(help|-h|--help|version|--version)$/.test(args[0])) {
    print(help.programHelp(COMMANDS, VERSION));
  } else {
    const { entry } = await findCommand(args[0]);
    print(help.commandHelp(entry, await entry.load()));
  }
  return 0;
}

/** Takes launchers, and a command that does something with another one, apart from the command itself. */
async function commandLine(argv: readonly string[], session: ProgramCall): Promise<CommandLine> {
  const more = argv.length > 1 && !/^(-h|--help)$/.test(argv[1]);
  const outer = more ? COMMANDS.find(({ name, does }) => does && name === argv[0]) : undefined;
  let words = outer ? argv.slice(1) : argv, defaults: CommandLine["defaults"] = {};
  if (/(^|[/\\])(accelerate|accelerate-launch|python[\d.]*|py)(\.exe)?$/.test(words[0])) {
    const { readLaunch } = await import("../../options/given/launcher.ts");
    const launch = readLaunch(words);
    if (launch) {
      words = launch.argv;
      defaults = launch.defaults;
      session.notes = launch.notes;
    }
  }
  const { entry, flags } = await findCommand(words[0]);
  session.title = `easel ${outer ? `${outer.name} ` : ""}${entry.name}`;
  return { entry, argv: [...flags, ...words.slice(1)], what: outer?.does ?? "run", defaults };
}

/** The command of a name, and flags that the name implies. */
export interface FoundCommand {
  readonly entry: CommandEntry;
  readonly flags: readonly string[];
}

/** Names may be written with dashes, with the ".py" of sd-scripts and with the folder that the script is in. */
export async function findCommand(word: string): Promise<FoundCommand> {
  const named = (name: string) => COMMANDS.find((command) => command.name === name);
  const exact = named(word);
  if (exact) return { entry: exact, flags: [] };
  const { commandNamed } = await import("../../options/given/scripts.ts");
  const { name, flags } = commandNamed(word, COMMANDS.map((command) => command.name));
  return { entry: named(name)!, flags };
}

/** Prints how it ended in one line, or as a block where easel is wrong; removes unfinished files. Gives the status. */
async function report(session: ProgramCall, error: unknown): Promise<number> {
  removeUnfinished();
  const line = oneLine(describe(error));
  printErrorLine(`${session.title}: ${line}`);
  session.events?.error(error, line);
  if (!mendable(error)) {
    const { crashReport } = await import("../screen/crash.ts");
    printError(`${crashReport(session.argv, error)}\n`);
  } else if (Deno.env.get("EASEL_DEBUG") && error instanceof Error) printError(`${error.stack}\n`);
  return error instanceof UserError ? error.exitCode : 1;
}

/** Whether one line says all that helps: the user can mend it, or the machine's limits are reached. */
function mendable(error: unknown): boolean {
  return error instanceof UserError || error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.PermissionDenied || isOutOfMemory(error);
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof RangeError && /allocation failed|Invalid typed array length/.test(error.message);
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `internal error: ${String(error)}`;
  const message = error.message;
  if (isOutOfMemory(error)) return `out of memory (${message}); easel plan shows what a run needs`;
  return mendable(error) ? message : `internal error: ${error.name}: ${message}`;
}
