/** The autoencoder's keys: original (below `first_stage_model.`) and diffusers'. */

import { UserError } from "../../base/errors.ts";
import { type VaeConfig, vaeConfig } from "../vae/shapes.ts";
import type { Shapes } from "../weights.ts";
import { type KeyRow, type Places, rename } from "./table.ts";

const ATTENTION = [["norm", "group_norm"], ["q", "to_q"], ["k", "to_k"], ["v", "to_v"], [
  "proj_out",
  "to_out.0",
]];

/** diffusers before 0.18 called the attention's layers so. */
const OLD_ATTENTION = [["q", "query"], ["k", "key"], ["v", "value"], ["proj_out", "proj_attn"]];

/** The places of an autoencoder of these numbers; with `old` those of diffusers before 0.18. */
export function vaePlaces(config: Pick<VaeConfig, "channels" | "resBlocks">, old = false): Places {
  const places: [string, string][] = [];
  const levels = config.channels.length;
  const resnet = (original: string, other: string) =>
    places.push([original, other], [`${original}.nin_shortcut`, `${other}.conv_shortcut`]);
  for (const side of ["encoder", "decoder"]) {
    places.push([`${side}.norm_out`, `${side}.conv_norm_out`]);
    resnet(`${side}.mid.block_1`, `${side}.mid_block.resnets.0`);
    resnet(`${side}.mid.block_2`, `${side}.mid_block.resnets.1`);
    for (const [a, b] of old ? [ATTENTION[0], ...OLD_ATTENTION] : ATTENTION) {
      places.push([`${side}.mid.attn_1.${a}`, `${side}.mid_block.attentions.0.${b}`]);
    }
  }
  for (let level = 0; level < levels; level++) {
    const down = `encoder.down_blocks.${level}`, up = `decoder.up_blocks.${levels - 1 - level}`;
    for (let i = 0; i < config.resBlocks; i++) {
      resnet(`encoder.down.${level}.block.${i}`, `${down}.resnets.${i}`);
    }
    for (let i = 0; i <= config.resBlocks; i++) {
      resnet(`decoder.up.${level}.block.${i}`, `${up}.resnets.${i}`);
    }
    places.push([`encoder.down.${level}.downsample.conv`, `${down}.downsamplers.0.conv`]);
    places.push([`decoder.up.${level}.upsample.conv`, `${up}.upsamplers.0.conv`]);
  }
  return places;
}

/** The table of an autoencoder, from the shapes of its original keys (without prefix). Attention is linear in diffusers. */
export function vaeKeys(shapes: Shapes): KeyRow[] {
  const config = vaeConfig(shapes);
  if (!config) throw new UserError("these keys are no Stable Diffusion autoencoder's");
  const places = new Map(vaePlaces(config));
  return [...shapes].map(([original, shape]) => ({
    original,
    other: rename(original, places),
    originalShape: shape,
    otherShape: original.includes(".attn_1.") && shape.length === 4 ? shape.slice(0, 2) : shape,
  }));
}

/** The places of an autoencoder file in diffusers' layout, other -> original; undefined when it is none. */
export function vaeFromDiffusers(keys: Iterable<string>): Map<string, string> | undefined {
  const all = new Set(keys);
  if (!all.has("decoder.mid_block.resnets.0.norm1.weight")) return undefined;
  const count = (name: (i: number) => string) => {
    let n = 0;
    while (all.has(name(n))) n++;
    return n;
  };
  const levels = count((i) => `encoder.down_blocks.${i}.resnets.0.norm1.weight`);
  const resBlocks = count((i) => `encoder.down_blocks.0.resnets.${i}.norm1.weight`);
  const old = all.has("decoder.mid_block.attentions.0.query.weight");
  const places = vaePlaces({ channels: new Array(levels).fill(0), resBlocks }, old);
  return new Map(places.map(([original, other]) => [other, original]));
}
