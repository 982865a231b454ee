/**
 * Command lines of sd-scripts' documentation that train something other than a network, run to their file: a small model, a
 * folder of small pictures and one step stand in for what the reader has.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { parseArgs } from "../../../src/options/given/parse.ts";
import { findCommand } from "../../../src/cli/front/program.ts";
import { prepare } from "../../../src/cli/front/run_command.ts";
import { readLaunch } from "../../../src/options/given/launcher.ts";
import { quietContext } from "../../../src/base/job.ts";
import { runTrainer, TRAINERS, writeInputs } from "../trainers.ts";

interface Row {
  readonly from: string;
  readonly command: string;
  readonly argv: readonly string[];
  readonly refused?: string;
}

const rows: Row[] = JSON.parse(
  Deno.readTextFileSync(new URL("../../cli/data/commands.json", import.meta.url)),
);
const TRAINED =
  /^(train_db|fine_tune|sdxl_train|(sdxl_)?train_textual_inversion(_XTI)?|train_controlnet|sdxl_train_control_net)$/;

const folder = Deno.makeTempDirSync({ prefix: "easel-documented-" });
writeInputs(folder);
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const inside = (name: string) => join(folder, name),
  pictures = inside("images/1_thing"),
  edges = inside("edges/1_thing");

const subset = (more: string) =>
  `[[datasets]]\nresolution = 64\n[[datasets.subsets]]\nimage_dir = "${pictures}"\n${more}`;
Deno.writeTextFileSync(inside("dataset.toml"), subset('caption_extension = ".txt"\n'));
Deno.writeTextFileSync(inside("conditioned.toml"), subset(`conditioning_data_dir = "${edges}"\n`));
Deno.writeTextFileSync(
  inside("meta_lat.json"),
  JSON.stringify({ "0": { caption: "thing" }, "1": { caption: "thing" } }),
);

/** What the reader has in place of the documentation's names. */
function standIns(command: string, argv: readonly string[]): string[] {
  const given = (flag: string) => argv.some((word) => word.split("=")[0] === `--${flag}`);
  const conditioned = /control/.test(command), sdxl = /^sdxl_/.test(command);
  const stand: Record<string, string> = {
    dataset_config: inside(conditioned ? "conditioned.toml" : "dataset.toml"),
    in_json: inside("meta_lat.json"),
    train_data_dir: conditioned || given("in_json") ? pictures : inside("images"),
    conditioning_data_dir: edges,
    reg_data_dir: inside("edges"),
    controlnet_model_name_or_path: inside("trained/thing.pt"),
    logging_dir: inside("logs"),
    resolution: "64",
    min_bucket_reso: "64",
    max_bucket_reso: "128",
    max_train_epochs: "1",
  };
  return [
    ...Object.entries(stand).filter(([flag]) => given(flag)).flatMap(([flag, value]) => [`--${flag}`, value]),
    ...["--pretrained_model_name_or_path", inside(sdxl ? "sdxl.safetensors" : "sd1.safetensors")],
    ...["--output_dir", inside("out"), "--output_name", "thing", "--threads", "1"],
    ...["--max_train_steps", "1", "--resolution", "64", "--caption_extension", ".txt", "--seed", "1"],
  ];
}

for (const { from, command, argv, refused } of rows.filter((row) => TRAINED.test(row.command))) {
  if (refused) continue;
  Deno.test(`${from}: ${command} runs to its file`, async () => {
    if (argv.some((word) => word.startsWith("--controlnet_model_name_or_path"))) {
      await runTrainer(TRAINERS.ControlNet, folder, "trained");
    }
    const launch = readLaunch(argv), [word, ...rest] = launch?.argv ?? argv;
    const { entry, flags } = await findCommand(word), loaded = await entry.load();
    // the model that stands in is no SD2 model
    const typed = rest.filter((flag) => flag !== "--v2");
    const parsed = parseArgs([...flags, ...typed, ...standIns(command, rest)], loaded.groups);
    const { input } = prepare(loaded, parsed, launch?.defaults ?? {}, entry.name);
    await loaded.run!(input, quietContext());
    const made = [...Deno.readDirSync(inside("out"))].filter(({ name, isFile }) =>
      isFile && name.startsWith("thing")
    );
    assert.equal(made.length, 1, made.map(({ name }) => name).join());
    Deno.removeSync(inside("out"), { recursive: true });
  });
}
