/** What adding a job and an option takes: a value, and a row in it. Everything else follows. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { quietContext } from "../../src/base/job.ts";
import { type CommandEntry, commandOf } from "../../src/cli/command.ts";
import { completionScript } from "../../src/cli/completions/mod.ts";
import { prepare } from "../../src/cli/front/run_command.ts";
import { parseArgs } from "../../src/options/given/parse.ts";
import { commandHelp } from "../../src/cli/pages/help.ts";
import { manPage } from "../../src/cli/pages/man.ts";
import { job } from "../../src/options/job.ts";
import { float, group, pathTo, required, str } from "../../src/options/mod.ts";
import { automationOptions, configFileOptions } from "../../src/options/shared.ts";
import { inFolder } from "../cli/easel.ts";

const ran: { toyDir: string; toyScale: number }[] = [];

const toyJob = job({
  groups: [
    group("Toys", {
      toy_dir: required(pathTo("folder", str(null, "where toys are"))),
      toy_scale: float(1.5, "how large they are", { above: 0 }),
    }),
    configFileOptions,
    automationOptions,
  ],
  examples: ["easel toy --toy_dir box"],
  // deno-lint-ignore require-await -- as a job that computes would
  async run({ toyDir, toyScale }) {
    ran.push({ toyDir, toyScale });
  },
  idle: (_, given) => given.includes("toy_scale") ? ["--toy_scale is seldom right"] : [],
});

const TOYS: CommandEntry[] = [{
  name: "toy",
  summary: "Plays",
  load: () => Promise.resolve(commandOf(toyJob)),
}];

Deno.test("a job of one value runs from a command line and from a file, its options checked", async () => {
  const command = commandOf(toyJob);
  const run = async (...argv: string[]) => {
    const { input, warnings } = prepare(command, parseArgs(argv, command.groups), {}, "toy");
    await command.run(input as Parameters<typeof command.run>[0], quietContext());
    return warnings;
  };
  await inFolder(async (folder) => {
    const file = join(folder, "toys.toml");
    await Deno.writeTextFile(file, 'toy_dir = "chest"\ntoy_scale = 3\n');
    assert.deepEqual(await run("--toy_dir", "box"), []);
    assert.deepEqual(await run("--config_file", file), ["--toy_scale is seldom right"]);
    assert.deepEqual(ran, [{ toyDir: "box", toyScale: 1.5 }, { toyDir: "chest", toyScale: 3 }]);
  });
  await assert.rejects(() => run(), /--toy_dir is missing; easel help toy begins with what it needs/);
  await assert.rejects(
    () => run("--toy_dir", "a", "--toy_scale", "0"),
    /--toy_scale is above 0, 0 was given/,
  );
});

Deno.test("help, manual page and completions know a row without a further word", async () => {
  const [entry] = TOYS;
  const pages = {
    help: commandHelp(entry, await entry.load(), 100),
    man: (await manPage(TOYS)).replaceAll("\\-", "-"),
    completions: await completionScript(TOYS, "bash"),
  };
  for (const [name, page] of Object.entries(pages)) assert.ok(page.includes("--toy_scale"), name);
  assert.match(pages.help, /Required:\n +--toy_dir FOLDER +where toys are/);
  assert.match(pages.help, /--toy_scale X +how large they are \(default 1\.5\)/);
});
