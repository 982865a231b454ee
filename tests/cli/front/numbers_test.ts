/** Numbers that make no sense are refused by the flag's row, before anything is opened. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { UsageError } from "../../../src/base/errors.ts";
import type { Command } from "../../../src/cli/command.ts";
import { parseArgs } from "../../../src/options/given/parse.ts";
import { type AnyOption, rowsOf } from "../../../src/options/mod.ts";
import { COMMANDS } from "../../../src/cli/commands/index.ts";
import { prepare } from "../../../src/cli/front/run_command.ts";
import { settle as settleDatasets } from "../../../src/data/dataset/params.ts";
import { datasetFlags } from "../../data/fixture.ts";
import { checkDatasetFile } from "../../../src/data/dataset/config_file.ts";
import { TRAIN_NETWORK } from "../../../src/data/dataset/config_schema.ts";
import { writePictures } from "../../training/tiny_run.ts";
import { inFolder } from "../easel.ts";

const load = (name: string): Promise<Command> => COMMANDS.find((command) => command.name === name)!.load();
const JOBS = ["train_network", "fine_tune", "train_vae", "gen_img", "resize_lora", "merge_lora"];

/** What happens with one value of one flag: null where it is taken. */
function refusal(command: Command, name: string, row: AnyOption, text: string): string | null {
  const count = typeof row.nargs === "number" ? row.nargs : 1;
  try {
    parseArgs([`--${name}=${text}`, ...Array(count - 1).fill(text)], command.groups);
    return null;
  } catch (error) {
    assert.ok(error instanceof UsageError, `--${name} ${text}: ${(error as Error).stack}`);
    return error.message;
  }
}

Deno.test("no number of any flag may be NaN, infinite or more than float32 holds", async () => {
  for (const job of JOBS) {
    const command = await load(job);
    for (const [name, row] of Object.entries(rowsOf(command.groups))) {
      if (row.type !== "float" && row.type !== "int") continue;
      if (typeof row.nargs === "number" && row.nargs > 1) continue;
      for (const text of ["nan", "inf", "-inf", "1e308", "-1e308"]) {
        const said = refusal(command, name, row, text);
        assert.match(
          said ?? "taken",
          /^--\w+ (is|takes) (a finite number|a whole number|above|from|\d)/,
          `${job} --${name} ${text}`,
        );
      }
    }
  }
});

Deno.test("rates, shares, sizes and counts keep to their ranges", async () => {
  const cases: [job: string, flag: string, refused: string[], taken: string[]][] = [
    ["train_network", "learning_rate", ["-1", "-1e-9"], ["0", "1e-320", "1"]],
    ["train_network", "unet_lr", ["-1"], ["0"]],
    ["train_network", "text_encoder_lr", ["-1"], ["0"]],
    ["fine_tune", "learning_rate_te", ["-1"], ["0"]],
    ["fine_tune", "ema_decay", ["-0.1", "1.1"], ["0.999"]],
    ["train_network", "caption_dropout_rate", ["-0.1", "1.5"], ["1"]],
    ["train_network", "network_dim", ["0", "-4", "1000000000"], ["4"]],
    ["train_network", "huber_c", ["0", "-1"], ["0.1"]],
    ["train_network", "min_timestep", ["-1", "1000"], ["0"]],
    ["train_network", "max_timestep", ["-1", "1001"], ["1000"]],
    ["train_network", "max_train_steps", ["-1", "9007199254740991"], ["1"]],
    ["train_vae", "train_batch_size", ["0", "-1", "100000000"], ["2"]],
    ["gen_img", "W", ["0", "-64", "1", "1000000"], ["64"]],
    ["gen_img", "steps", ["0", "100000"], ["1000"]],
    ["gen_img", "strength", ["-0.1", "2"], ["0.5"]],
    ["resize_lora", "new_rank", ["0", "1000000000"], ["4"]],
  ];
  for (const [job, flag, refused, taken] of cases) {
    const command = await load(job), row = rowsOf(command.groups)[flag];
    for (const text of refused) {
      assert.match(
        refusal(command, flag, row, text) ?? "taken",
        new RegExp(`^--${flag} is .*, ${text} was given$`),
      );
    }
    for (const text of taken) assert.equal(refusal(command, flag, row, text), null, `--${flag} ${text}`);
  }
});

Deno.test("rates of 0 for everything are one line that names the flags; for one part they are right", () =>
  inFolder(async (folder) => {
    writePictures(join(folder, "images"), 1);
    const common = [
      "--pretrained_model_name_or_path",
      "builtin:tiny",
      "--train_data_dir",
      join(folder, "images"),
    ]
      .concat(["--resolution", "64", "--output_dir", join(folder, "out")]);
    const cases: [job: string, args: string[], said: RegExp | null][] = [
      ["train_network", ["--learning_rate", "0"], /^--learning_rate 0: nothing would be trained/],
      [
        "train_network",
        ["--unet_lr", "0", "--text_encoder_lr", "0"],
        /^--unet_lr 0 and --text_encoder_lr 0: /,
      ],
      ["train_network", ["--network_train_unet_only", "--unet_lr=0"], /^--unet_lr 0: nothing/],
      ["train_network", ["--learning_rate", "1e-4", "--text_encoder_lr", "0"], null],
      ["train_network", ["--learning_rate", "0", "--unet_lr", "1e-4"], null],
      ["fine_tune", ["--learning_rate", "0"], /^--learning_rate 0: nothing/],
      ["fine_tune", ["--learning_rate", "0", "--train_text_encoder", "--learning_rate_te", "1e-6"], null],
      ["train_vae", ["--learning_rate", "0"], /^--learning_rate 0: nothing/],
    ];
    for (const [job, args, said] of cases) {
      const command = await load(job);
      const run = () => prepare(command, parseArgs([...common, ...args], command.groups), {});
      if (said) {
        assert.throws(
          run,
          (error: Error) => error instanceof UsageError && said.test(error.message),
          args.join(" "),
        );
      } else run();
    }
  }));

Deno.test("sizes of a dataset file that make no sense name the file and the key", () => {
  const cases: [key: string, value: unknown][] = [
    ...[0n, -128n, 1n, 1_000_000n, [128n, 0n]].map((value): [string, unknown] => ["resolution", value]),
    ...[0n, -1n, 100_000_000n].map((value): [string, unknown] => ["batch_size", value]),
    ["min_bucket_reso", 0n],
    ["max_bucket_reso", -64n],
    ["bucket_reso_steps", 0n],
    ["num_repeats", 200_000_000n],
    ["caption_dropout_rate", 1.5],
    ["keep_tokens", -1n],
  ];
  for (const [key, value] of cases) {
    const data = { datasets: [{ [key]: value, subsets: [{ image_dir: "images" }] }] };
    assert.throws(
      () => checkDatasetFile(data, TRAIN_NETWORK, "d.toml"),
      (error: Error) =>
        error.message.startsWith(`d.toml: datasets[0].${key} is `) && error.message.endsWith(" is wanted"),
      key,
    );
  }
  for (const resolution of ["1", "64,0", "20000"]) {
    const file = { general: {}, datasets: [{ method: "dreambooth" as const, values: {}, subsets: [{}] }] };
    assert.throws(() => settleDatasets(file, datasetFlags({ resolution })), /^UsageError: --resolution /);
  }
});
