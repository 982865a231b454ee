/** The U-Net's keys: original (below `model.diffusion_model.`) and diffusers'. */

import { UserError } from "../../base/errors.ts";
import { type UnetConfig, unetConfig } from "../unet/shapes.ts";
import type { Shapes } from "../weights.ts";
import { type KeyRow, type Places, rename } from "./table.ts";

const RESNET = [
  ["in_layers.0", "norm1"],
  ["in_layers.2", "conv1"],
  ["emb_layers.1", "time_emb_proj"],
  ["out_layers.0", "norm2"],
  ["out_layers.3", "conv2"],
  ["skip_connection", "conv_shortcut"],
];

/** The places of a U-Net of these numbers. What is inside a transformer has one name in both layouts. */
export function unetPlaces(config: Pick<UnetConfig, "depths" | "resBlocks">): Places {
  const places: [string, string][] = [
    ["time_embed.0", "time_embedding.linear_1"],
    ["time_embed.2", "time_embedding.linear_2"],
    ["label_emb.0.0", "add_embedding.linear_1"],
    ["label_emb.0.2", "add_embedding.linear_2"],
    ["input_blocks.0.0", "conv_in"],
    ["out.0", "conv_norm_out"],
    ["out.2", "conv_out"],
    ["middle_block.1", "mid_block.attentions.0"],
  ];
  const resnet = (original: string, other: string) => {
    for (const [a, b] of RESNET) places.push([`${original}.${a}`, `${other}.${b}`]);
  };
  resnet("middle_block.0", "mid_block.resnets.0");
  resnet("middle_block.2", "mid_block.resnets.1");
  const { depths, resBlocks } = config, levels = depths.length;
  for (let level = 0, block = 1; level < levels; level++) {
    for (let i = 0; i < resBlocks; i++, block++) {
      resnet(`input_blocks.${block}.0`, `down_blocks.${level}.resnets.${i}`);
      places.push([`input_blocks.${block}.1`, `down_blocks.${level}.attentions.${i}`]);
    }
    places.push([`input_blocks.${block++}.0.op`, `down_blocks.${level}.downsamplers.0.conv`]);
  }
  for (let level = 0, block = 0; level < levels; level++) {
    const attends = depths[levels - 1 - level] > 0;
    for (let i = 0; i <= resBlocks; i++, block++) {
      resnet(`output_blocks.${block}.0`, `up_blocks.${level}.resnets.${i}`);
      if (attends) places.push([`output_blocks.${block}.1`, `up_blocks.${level}.attentions.${i}`]);
    }
    const upsampler = `output_blocks.${block - 1}.${attends ? 2 : 1}.conv`;
    places.push([upsampler, `up_blocks.${level}.upsamplers.0.conv`]);
  }
  return places;
}

/**
 * The table of a U-Net, from the shapes of its original keys (without prefix). With `linearProjection` false the
 * linear proj_in and proj_out of SD2 become 1x1 convolutions on the other side, as sd-scripts keeps them.
 * Throws UserError when the shapes are no U-Net's.
 */
export function unetKeys(shapes: Shapes, { linearProjection = true } = {}): KeyRow[] {
  const config = unetConfig(shapes);
  if (!config) throw new UserError("these keys are no Stable Diffusion U-Net's");
  const places = new Map(unetPlaces(config));
  return [...shapes].map(([original, shape]) => {
    const widened = !linearProjection && shape.length === 2 && /\.proj_(in|out)\.weight$/.test(original);
    return {
      original,
      other: rename(original, places),
      originalShape: shape,
      otherShape: widened ? [...shape, 1, 1] : shape,
    };
  });
}
