/** Names that a configuration may bring from elsewhere: refused with the command line, before anything is made. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { UsageError } from "../../../src/base/errors.ts";
import { parseArgs } from "../../../src/options/given/parse.ts";
import { findCommand } from "../../../src/cli/front/program.ts";
import { prepare } from "../../../src/cli/front/run_command.ts";
import { inFolder } from "../easel.ts";

const COMMON = ["--pretrained_model_name_or_path", "builtin:tiny", "--resolution", "64"];

async function check(name: string, argv: string[]): Promise<void> {
  const { entry } = await findCommand(name);
  const command = await entry.load();
  prepare(command, parseArgs(argv, command.groups), {});
}

Deno.test("a name that leaves its folder is refused, from the command line and from a file alike", async () => {
  await inFolder(async (folder) => {
    const common = [...COMMON, "--train_data_dir", folder, "--output_dir", join(folder, "out")];
    const config = join(folder, "names.toml");
    for (
      const [command, flag, value] of [
        ["train_network", "output_name", "../climbed"],
        ["train_network", "output_name", join(folder, "climbed")],
        ["train_network", "output_name", "x".repeat(240)],
        ["train_network", "output_name", "a\x1b[31m"],
        ["train_network", "log_prefix", "../../"],
        ["train_network", "log_tracker_name", "../../x"],
        ["fine_tune", "output_name", "cat/"],
        ["train_vae", "output_name", "../climbed"],
      ]
    ) {
      const wanted = (error: unknown) => {
        assert.ok(error instanceof UsageError, String(error));
        assert.match(error.message, new RegExp(`^--${flag} `));
        return true;
      };
      await assert.rejects(check(command, [...common, `--${flag}`, value]), wanted, value);
      await Deno.writeTextFile(config, `${flag} = ${JSON.stringify(value)}\n`);
      await assert.rejects(check(command, [...common, "--config_file", config]), wanted, value);
    }
    await check("train_network", [...common, "--output_name", "cats/dog", "--log_prefix", "cats/"]);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["names.toml"]);
  });
});
