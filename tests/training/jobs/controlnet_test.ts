/** Training ControlNets: what is written, gone on from, drawn with and refused. trainers_test.ts has kill -9 and plans. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { parseArgs } from "../../../src/options/given/parse.ts";
import { withoutEffect } from "../../../src/options/given/support.ts";
import { controlNetGroups, llliteGroups, sdxlControlNetGroups } from "../../../src/training/options.ts";
import { controlShapes, openControlNet, UNET } from "../../../src/models/mod.ts";
import { openCheckpoint, writeSafetensors } from "../../../src/formats/mod.ts";
import { synthTensor } from "../../golden/synth.ts";
import { listening, lossesOf, TINY, TINY_SDXL } from "../tiny_run.ts";
import { runTrainer, writeInputs } from "../trainers.ts";

const folder = Deno.makeTempDirSync({ prefix: "easel-controlnet-" });
writeInputs(folder);
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

const LINE = "--learning_rate 1e-3 --max_grad_norm 0";

async function train(command: string, out: string, more: string[] = []) {
  const sdxl = command.startsWith("sdxl"), context = listening();
  await runTrainer({ line: `${command} ${LINE}`, conditioned: true, sdxl }, folder, out, { more, context });
  return {
    path: join(folder, out, "thing.safetensors"),
    losses: lossesOf(context),
    lines: context.lines.join("\n"),
  };
}

const steered = (model: typeof TINY) => ({
  ...model,
  read: (key: string) => synthTensor(key, model.shapes.get(key)!),
});

Deno.test("a ControlNet made from the U-Net changes nothing at first, learns, and goes on from its file", async () => {
  const first = await train("train_controlnet", "sd1");
  assert.match(first.lines, /a ControlNet made from the U-Net/);
  using file = openCheckpoint(first.path);
  const shapes = controlShapes(TINY.shapes);
  assert.deepEqual(file.keys().toSorted(), [...shapes.keys()].toSorted(), "original names without a prefix");
  assert.equal(file.metadata["modelspec.architecture"], "stable-diffusion-v1/controlnet");
  assert.ok([...shapes.keys()].every((name) => file.f32(name).every(Number.isFinite)));
  const joins = file.keys().filter((name) => /^(zero_convs|middle_block_out)\..*weight$/.test(name));
  assert.ok(joins.every((name) => file.f32(name).some((x) => x !== 0)), "every way into the U-Net is open");
  const net = openControlNet(first.path, steered(TINY));
  net.close();
  const again = await train("train_controlnet", "again", ["--controlnet_model_name_or_path", first.path]);
  assert.match(again.lines, /a ControlNet from a file/);
  assert.ok(again.losses[0] < first.losses[0], `${again.losses} after ${first.losses}`);
});

Deno.test("SDXL's file has diffusers' names; a rate of 0 leaves the copied blocks as the U-Net has them", async () => {
  const more = ["--learning_rate", "0", "--control_net_lr", "1e-3", "--no_half_vae"];
  const { path } = await train("sdxl_train_control_net", "sdxl", more);
  using file = openCheckpoint(path);
  assert.ok(file.has("controlnet_cond_embedding.conv_in.weight") && !file.has("input_blocks.0.0.weight"));
  assert.equal(file.metadata["modelspec.architecture"], "stable-diffusion-xl-v1-base/controlnet");
  const name = `${UNET}.input_blocks.0.0.weight`;
  assert.deepEqual(file.f32("conv_in.weight"), synthTensor(name, TINY_SDXL.shapes.get(name)!));
  assert.ok(file.f32("controlnet_mid_block.weight").some((x) => x !== 0));
  openControlNet(path, steered(TINY_SDXL)).close();
});

Deno.test("what sd-scripts reads by mistake otherwise is read so with --compat alone, and told", async () => {
  const { path, lines } = await train("train_controlnet", "compat", [
    "--compat",
    "0.9.1",
    "--zero_terminal_snr",
  ]);
  assert.match(
    lines,
    /--zero_terminal_snr has no effect with --compat 0\.9\.1: train_controlnet\.py does not read it/,
  );
  using file = openCheckpoint(path);
  assert.deepEqual(file.metadata, {});
  const plain = await train("train_controlnet", "plain", ["--zero_terminal_snr"]);
  assert.doesNotMatch(plain.lines, /no effect/);
});

Deno.test("--compat draws a ControlNet's timesteps from all, whatever the range", async () => {
  const { path } = await train("train_controlnet", "all", ["--compat", "0.9.1"]);
  const { path: ranged, lines } = await train(
    "train_controlnet",
    "ranged",
    ["--compat", "0.9.1", "--min_timestep", "900", "--max_timestep", "950"],
  );
  assert.match(lines, /--min_timestep has no effect .*\n.*--max_timestep has no effect/);
  using expected = openCheckpoint(path);
  using found = openCheckpoint(ranged);
  for (const key of expected.keys()) assert.deepEqual(found.f32(key), expected.f32(key), key);
});

/** One that is the model's own weights and no more. */
function controlLora(): string {
  const path = join(folder, "control-lora.safetensors");
  const own = [...controlShapes(TINY.shapes)].filter(([name]) =>
    /^(zero|middle_block_out|input_hint)/.test(name)
  );
  const tensors = [["lora_controlnet", [0]] as const, ...own].map(([name, shape]) => ({
    ...{ name, dtype: "F32", shape: [...shape] },
    data: () => new Uint8Array(synthTensor(name, shape).buffer),
  }));
  writeSafetensors(path, tensors);
  return path;
}

Deno.test("--debug_dataset shows what the ControlNet would see beside each picture, and trains nothing", async () => {
  await train("train_controlnet", "shown", ["--debug_dataset"]);
  const names = [...Deno.readDirSync(join(folder, "shown/thing_debug_dataset"))].map(({ name }) => name)
    .sort();
  const pictures = ["00001_01.png", "00001_01_conditioning.png", "00002_01.png", "00002_01_conditioning.png"];
  assert.deepEqual(names, [...pictures, "index.html"]);
  assert.deepEqual([...Deno.readDirSync(join(folder, "shown"))].length, 1);
});

const REFUSED: readonly [string, string, () => string[], RegExp][] = [
  [
    "a ControlNet for another family",
    "sdxl_train_control_net",
    () => ["--controlnet_model_name_or_path", join(folder, "sd1/thing.safetensors")],
    /sd1\/thing\.safetensors: is a ControlNet for SD1, the model is SDXL; give a ControlNet that was made for such models$/,
  ],
  [
    "a model in place of a ControlNet",
    "train_controlnet",
    () => ["--controlnet_model_name_or_path", join(folder, "sd1.safetensors")],
    /sd1\.safetensors: is an SD1 checkpoint; --controlnet_model_name_or_path wants a ControlNet$/,
  ],
  [
    "a control-lora, of which there is no whole ControlNet",
    "train_controlnet",
    () => ["--controlnet_model_name_or_path", controlLora()],
    /control-lora\.safetensors: is a control-lora, .*; give a whole ControlNet$/,
  ],
  [
    "another model than the command says",
    "sdxl_train_control_net",
    () => ["--pretrained_model_name_or_path", join(folder, "sd1.safetensors")],
    /sd1\.safetensors: is an SD1 checkpoint, this command is for SDXL/,
  ],
  [
    "nothing that is trained",
    "train_controlnet",
    () => ["--learning_rate", "0"],
    /^--learning_rate/,
  ],
  [
    "no conditioning folder",
    "train_controlnet",
    () => ["--conditioning_data_dir", join(folder, "nowhere")],
    /nowhere: does not exist \(--conditioning_data_dir\)$/,
  ],
];

for (const [what, command, more, message] of REFUSED) {
  Deno.test(`${command} refuses ${what} in a line`, async () => {
    await assert.rejects(train(command, "refused", more()), (error: Error) => {
      assert.match(error.message, message);
      assert.match(error.name, /^(User|Usage)Error$/);
      return true;
    });
  });
}

Deno.test("flags that nothing of these trainings obeys are told", () => {
  for (const groups of [controlNetGroups, sdxlControlNetGroups, llliteGroups]) {
    const line = ["--prior_loss_weight=0.5", "--no_metadata", "--training_comment=mine", "--in_json=a.json"];
    const told = withoutEffect(parseArgs(line, groups), groups).map((note) => note.split(":")[0]).sort();
    assert.deepEqual(told, line.map((flag) => `${flag.split("=")[0]} has no effect`).sort());
  }
});
