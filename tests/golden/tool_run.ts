/** Runs a dataset tool as its case says: the input tree in an empty folder, the arguments through easel's own parser. */

import { dirname, join } from "node:path";
import { UserError } from "../../src/base/errors.ts";
import { type JobContext, quietContext } from "../../src/base/job.ts";
import { COMMANDS } from "../../src/cli/commands/index.ts";
import { parseArgs } from "../../src/options/given/parse.ts";
import { prepare } from "../../src/cli/front/run_command.ts";
import { scriptName } from "../../src/options/given/scripts.ts";
import type { GoldenCase } from "./case.ts";

export interface ToolRun {
  readonly folder: string;
  /** The line that ended it; null when it went through. */
  readonly error: string | null;
}

/** Text, bytes or nothing at all; `write` knows what else a topic's files may be. */
export type WriteFile = (path: string, given: unknown) => void | Promise<void>;

/** Calls `use` when the tool has run, in the folder where it ran. What is no UserError is thrown on. */
export function withToolRun<T>(
  c: GoldenCase,
  write: WriteFile,
  use: (run: ToolRun) => T | Promise<T>,
  more: readonly string[] = [],
): Promise<T> {
  return withFolder(c.json.files, write, async (folder) => {
    const argv = (c.json.argv as string[]).map((word) => word.replaceAll("{cwd}", folder));
    const error = await runCommand(scriptName(c.json.reference), [...argv, ...more], quietContext());
    return await use({ folder, error });
  });
}

/** Calls `use` in a new folder with these files, which is then removed. */
export async function withFolder<T>(
  files: Readonly<Record<string, unknown>>,
  write: WriteFile,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = Deno.makeTempDirSync({ prefix: "easel-golden-" }), before = Deno.cwd();
  try {
    for (const [name, given] of Object.entries(files)) {
      Deno.mkdirSync(join(folder, dirname(name)), { recursive: true });
      await write(join(folder, name), given);
    }
    Deno.chdir(folder);
    return await use(folder);
  } finally {
    Deno.chdir(before);
    Deno.removeSync(folder, { recursive: true });
  }
}

async function runCommand(name: string, argv: string[], context: JobContext): Promise<string | null> {
  const command = await COMMANDS.find((entry) => entry.name === name)!.load();
  try {
    const { input } = prepare(command, parseArgs(argv, command.groups, command.positionals), {}, name);
    await command.run(input, context);
    return null;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

/** null is an empty file, `{bytes_hex}` one that is no text. */
export function writePlain(path: string, given: unknown): void {
  const hex = (given as { bytes_hex?: string } | null)?.bytes_hex;
  if (typeof hex === "string") {
    Deno.writeFileSync(
      path,
      Uint8Array.from(hex.match(/../g) ?? [], (b) => parseInt(b, 16)),
    );
  } else Deno.writeTextFileSync(path, (given as string | null) ?? "");
}
