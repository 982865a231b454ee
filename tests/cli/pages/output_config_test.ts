/** --output_config writes what --config_file reads. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { withConfigFile } from "../../../src/options/given/config_file.ts";
import { parseArgs } from "../../../src/options/given/parse.ts";
import {
  flag,
  float,
  group,
  int,
  secret,
  stepsOrRatio,
  str,
  strings,
  type Value,
} from "../../../src/options/mod.ts";
import { writeConfig } from "../../../src/cli/pages/output_config.ts";
import { easel, inFolder } from "../easel.ts";

const groups = [
  group("all", {
    rate: float(2e-6, "rate"),
    steps: int(1600, "steps"),
    name: str(null, "name"),
    list: strings("list"),
    flip: flag("flip"),
    warmup: stepsOrRatio("warm-up"),
    token: secret(str(null, "token")),
    config_file: str(null, "file"),
    output_config: flag("write"),
  }),
];

Deno.test("what writeConfig() writes reads back as the same values, whatever the text", async () => {
  await inFolder((folder) => {
    const texts = [
      "plain",
      "",
      'with "quotes" and \\ backslash',
      "tab\tnewline\nunicode é 日本 \x7f\x01",
      "a = 1 # no",
    ];
    const lines: string[][] = [
      ...texts.map((text) => [`--name=${text}`]),
      ["--list", ...texts.filter((text) => text !== "")],
      ["--rate", "1"],
      ["--rate", "1e-5"],
      ["--rate", "1e22"],
      ["--steps", "-3", "--flip"],
      ["--warmup", "10"],
      ["--warmup", "0.1"],
      ["--warmup", "5%"],
    ];
    for (const [i, line] of lines.entries()) {
      const path = join(folder, `${i}.toml`);
      const typed = parseArgs([...line, "--config_file", path, "--output_config"], groups);
      assert.deepEqual(writeConfig(typed, groups, assert.fail), { path, secrets: [] });
      const back = withConfigFile(parseArgs(["--config_file", path], groups), groups);
      // an empty text in a file means that the flag is not given
      const without = ({ output_config: _, ...rest }: Record<string, Value>) => ({
        ...rest,
        name: rest.name || null,
      });
      assert.deepEqual(without(back.values), without(typed.values), Deno.readTextFileSync(path));
    }
    return Promise.resolve();
  });
});

Deno.test("writeConfig() leaves defaults, itself and secrets out", async () => {
  await inFolder((folder) => {
    const line = ["--rate", "2e-6", "--steps", "5", "--warmup", "0", "--token", "abc", "--output_config"];
    const typed = parseArgs([...line, "--config_file", join(folder, "c")], groups);
    assert.deepEqual(writeConfig(typed, groups, assert.fail).secrets, ["token"]);
    assert.equal(Deno.readTextFileSync(join(folder, "c.toml")), "steps = 5\n");
    return Promise.resolve();
  });
});

Deno.test("--output_config writes the file and does nothing else, and never overwrites one", async () => {
  await inFolder(async (folder) => {
    const line = [
      "train_network",
      "--pretrained_model_name_or_path=m.ckpt",
      "--learning_rate",
      "1e-4",
      "--network_args",
    ]
      .concat([
        "conv_dim=4",
        "conv_alpha=1",
        "--xformers",
        "--wandb_api_key",
        "KEY",
        "--config_file",
        "mine",
      ]);
    const wrote = await easel([...line, "--output_config"], { cwd: folder });
    assert.deepEqual([wrote.code, wrote.stdout], [0, ""], wrote.stderr);
    assert.match(wrote.stderr, /--wandb_api_key is a secret and was left out/);
    assert.deepEqual((await Deno.readTextFile(join(folder, "mine.toml"))).trim().split("\n"), [
      'pretrained_model_name_or_path = "m.ckpt"',
      'network_args = ["conv_dim=4", "conv_alpha=1"]',
      "learning_rate = 0.0001",
      "xformers = true",
    ]);
    const again = await easel([...line, "--output_config"], { cwd: folder });
    assert.equal(again.code, 1);
    assert.match(again.stderr, /^easel train_network: mine\.toml: exists already/);
    const nowhere = await easel(["train_network", "--output_config"], { cwd: folder });
    assert.equal(nowhere.code, 2);
    assert.match(nowhere.stderr, /--output_config needs --config_file/);
    // the file is read: what it names is what is missing
    const read = await easel(["train_network", "--config_file", "mine.toml", "--output_dir", "o"], {
      cwd: folder,
    });
    assert.match(read.stderr, /: --train_data_dir and --resolution .* are missing/);
  });
});
