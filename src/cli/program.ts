/** argv -> exit status. 0 done, 1 the user can mend it, 2 wrong command line, 130 interrupted. */

import { removeUnfinished } from "../base/atomic.ts";
import { UsageError, UserError } from "../base/errors.ts";
import { type CommandEntry, COMMANDS } from "./commands/index.ts";
import { print, printError } from "./output.ts";
import { VERSION } from "./version.ts";

/** Runs one command line. Never throws. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  let title = "easel";
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    Deno.exit(report(title, event.reason));
  });
  try {
    const [first, ...rest] = argv;
    if (first === undefined || first === "-h" || first === "--help") return await showHelp([]);
    if (first === "help") return await showHelp(rest);
    if (first === "--version" || first === "version") {
      print(`easel ${VERSION}`);
      return 0;
    }
    const planned = first === "plan" && rest.length > 0 && !/^(-h|--help)$/.test(rest[0]);
    const entry = await findCommand(planned ? rest[0] : first);
    title = planned ? `easel plan ${entry.name}` : `easel ${entry.name}`;
    const { runCommand } = await import("./run_command.ts");
    return await runCommand(entry, planned ? rest.slice(1) : rest, planned ? "plan" : "run");
  } catch (error) {
    return report(title, error);
  }
}

async function showHelp(args: readonly string[]): Promise<number> {
  if (args.length === 0) {
    const { programHelp } = await import("./help.ts");
    print(programHelp(COMMANDS, VERSION));
    return 0;
  }
  const entry = await findCommand(args[0]);
  const { commandHelp } = await import("./help.ts");
  print(commandHelp(entry, await entry.load()));
  return 0;
}

/** Names may be written with dashes, and with the ".py" that old scripts have. */
export async function findCommand(word: string): Promise<CommandEntry> {
  const name = word.replace(/\.py$/, "").replaceAll("-", "_");
  const entry = COMMANDS.find((command) => command.name === name);
  if (entry) return entry;
  if (word.startsWith("-")) {
    throw new UsageError(`${word}: the command comes first, as in easel gen_img ${word}`);
  }
  const { nearest } = await import("./parse.ts");
  const near = nearest(name, COMMANDS.map((command) => command.name));
  throw new UsageError(
    `${word} is not a command${near ? `; did you mean ${near}?` : "; easel help lists them"}`,
  );
}

/** Prints one line for an error, removes unfinished files and returns the exit status. */
function report(title: string, error: unknown): number {
  removeUnfinished();
  printError(`${title}: ${oneLine(error)}\n`);
  if (Deno.env.get("EASEL_DEBUG") && error instanceof Error) printError(`${error.stack}\n`);
  return error instanceof UserError ? error.exitCode : 1;
}

function oneLine(error: unknown): string {
  if (!(error instanceof Error)) return `internal error: ${String(error)}`;
  const message = error.message.replace(/\s*\n\s*/g, " ").trim();
  if (error instanceof UserError) return message;
  if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied) return message;
  if (error instanceof RangeError && /allocation failed|Invalid typed array length/.test(message)) {
    return `out of memory (${message}); easel plan shows what a run needs`;
  }
  return `internal error: ${error.name}: ${message} (EASEL_DEBUG=1 shows where)`;
}
