/** Completion scripts for shells, made from the flag tables. */

import type { CommandEntry } from "../command.ts";
import { loadCommands } from "../pages/describe.ts";
import { bashScript } from "./bash.ts";
import { completedCommand } from "./completed.ts";
import { fishScript } from "./fish.ts";
import { zshScript } from "./zsh.ts";

export type Shell = "bash" | "zsh" | "fish";

export async function completionScript(entries: readonly CommandEntry[], shell: Shell): Promise<string> {
  const commands = (await loadCommands(entries)).map(completedCommand);
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](commands);
}
