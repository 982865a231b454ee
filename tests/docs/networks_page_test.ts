/** docs/networks.md: its command lines are examples of the help, which are run. */

import assert from "node:assert/strict";
import { COMMANDS } from "../../src/cli/commands/index.ts";
import { loadCommands } from "../../src/cli/pages/describe.ts";

Deno.test("the command lines of docs/networks.md are examples of the help", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/networks.md", import.meta.url));
  const shown = page.split("\n").filter((line) => line.startsWith("    easel ")).map((line) => line.trim());
  const commands = await loadCommands(COMMANDS);
  const run = new Set(commands.flatMap(({ command }) => command.examples ?? []));
  assert.deepEqual(shown.filter((line) => !run.has(line)), []);
  assert.ok(shown.length > 2);
});
