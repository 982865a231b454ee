/** What is said about flags that are missing. */

import assert from "node:assert/strict";
import { UsageError } from "../../../src/base/errors.ts";
import { COMMANDS } from "../../../src/cli/commands/index.ts";
import { loadCommands } from "../../../src/cli/pages/describe.ts";
import { rowsOf } from "../../../src/options/mod.ts";
import type { OptionNeed } from "../../../src/options/job.ts";
import { neededFlags, needsOf, refuseMissing } from "../../../src/options/given/required.ts";
import { TRAINING_NEEDS, trainingGroups } from "../../../src/training/options.ts";

const NEEDS = needsOf({ groups: trainingGroups, required: TRAINING_NEEDS });

const model = { pretrained_model_name_or_path: "m" }, out = { output_dir: "o" };

Deno.test("all flags that are missing are named at once, with what may stand in their place", () => {
  for (
    const [values, missing] of [
      [
        {},
        "--pretrained_model_name_or_path, --output_dir, --train_data_dir and --resolution (or --dataset_config, or --train_data_dir and --in_json) are",
      ],
      [{ ...model, dataset_config: "d" }, "--output_dir is"],
      [{ ...model, output_dir: "", dataset_config: "d" }, "--output_dir is"],
      [
        { ...model, ...out, resolution: "64" },
        "--train_data_dir (or --dataset_config, or --train_data_dir and --in_json) is",
      ],
      [
        { ...model, ...out },
        "--train_data_dir and --resolution (or --dataset_config, or --train_data_dir and --in_json) are",
      ],
    ] as const
  ) {
    const given: Record<string, string | null> = {
      pretrained_model_name_or_path: null,
      output_dir: null,
      train_data_dir: null,
      resolution: null,
      dataset_config: null,
      in_json: null,
      ...values,
    };
    assert.throws(() => refuseMissing(given, NEEDS, "x"), (error: Error) => {
      assert.ok(error instanceof UsageError);
      assert.equal(error.message, `${missing} missing; easel help x begins with what it needs`);
      return true;
    });
  }
  refuseMissing({ ...model, ...out, dataset_config: "d" }, NEEDS, "x");
  // metadata has the sizes of its latents, as in sd-scripts' guide to fine_tune
  refuseMissing({ ...model, ...out, train_data_dir: "t", in_json: "j", resolution: null }, NEEDS, "x");
  assert.throws(() => refuseMissing({ models: [] }, ["models"], "x"), /^UsageError: --models is missing;/);
  assert.throws(
    () => refuseMissing({ prompt: null, from_file: null }, [[["prompt"], ["from_file"]]], "x"),
    /--prompt \(or --from_file\) is missing/,
  );
  const either: OptionNeed[] = [[["prompt"], ["interactive"]]], rows = { prompt: { mayBeEmpty: true } };
  refuseMissing({ prompt: "", interactive: false }, either, "x", rows);
  assert.throws(() => refuseMissing({ prompt: null, interactive: false }, either, "x", rows), /is missing/);
  assert.throws(() => refuseMissing({ prompt: "", interactive: false }, either, "x"), /is missing/);
});

Deno.test("what a command needs and what most people give are flags of it, each once", async () => {
  for (const { entry, command } of await loadCommands(COMMANDS)) {
    const names = [...neededFlags(needsOf(command)).map(({ name }) => name), ...command.usual ?? []];
    const flags = rowsOf(command.groups);
    assert.deepEqual(names.filter((name) => flags[name]?.support.kind !== "supported"), [], entry.name);
    assert.equal(new Set(names).size, names.length, entry.name);
  }
});
