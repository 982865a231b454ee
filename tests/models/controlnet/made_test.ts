import assert from "node:assert/strict";
import { controlDraws, controlShapes, firstControlWeights } from "../../../src/models/mod.ts";
import { TorchGenerator } from "../../../src/random/mod.ts";
import { synthModel } from "../../golden/synth_models.ts";

const UNET = {
  model_channels: 32,
  channel_mult: [1, 2, 4, 4],
  attention_resolutions: [4, 2, 1],
  num_heads: 8,
};
const VAE = { ch: 32, ch_mult: [1, 2, 4, 4], num_res_blocks: 2, z_channels: 4 };
const CLIP = { hidden: 64, heads: 1, layers: 3, intermediate: 256 };
const { shapes: model } = synthModel("sd1", { unet: { ...UNET, context_dim: 64 }, vae: VAE, clip: CLIP });
const shapes = controlShapes(model);
const none = () => new Float32Array();

/** The last two values of diffusers 0.25's, with torch at seed 1 after 1000 numbers, and the three that come then. */
const RECORDED: readonly [string, readonly [number, number]][] = [
  ["input_hint_block.0.weight", [-0.07394874840974808, 0.08506134152412415]],
  ["input_hint_block.0.bias", [0.15028755366802216, -0.1464746743440628]],
  ["input_hint_block.2.weight", [-0.02421519160270691, 0.0760452002286911]],
  ["input_hint_block.12.bias", [0.029072321951389313, -0.014589962549507618]],
];
const NEXT = [0.5240590572357178, 0.6788456439971924, 0.4331154227256775];

Deno.test("a new ControlNet's weights are diffusers', and so is what is drawn after it", () => {
  const torch = new TorchGenerator(1);
  torch.skip(1000);
  const first = firstControlWeights(shapes, none, torch, (draws) => torch.skip(draws));
  for (const [name, values] of RECORDED) assert.deepEqual([...first(name).slice(-2)], values, name);
  assert.deepEqual([...torch.rand(3)], NEXT);
});

Deno.test("controlDraws() counts a whole ControlNet, as it is made before a file replaces it", () => {
  const torch = new TorchGenerator(1);
  torch.skip(1000 + controlDraws(model));
  assert.deepEqual([...torch.rand(3)], NEXT);
});
