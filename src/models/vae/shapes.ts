/** The keys and shapes of the autoencoder, from its numbers, and its numbers from the shapes. */

import type { Shapes } from "../weights.ts";

/** The numbers that make an autoencoder. */
export interface VaeConfig {
  /** Width of each level, the picture's side first. */
  channels: number[];
  /** Residual blocks in each level of the encoder; one more in the decoder. */
  resBlocks: number;
  latentChannels: number;
  /** Attention weights are [C, C] and not [C, C, 1, 1]. */
  linearAttention: boolean;
}

/** What latents are like: their channels, and the pixels of a latent's side. Null where these shapes are no autoencoder's. */
export function vaeLatent(shapes: Shapes): { channels: number; factor: number } | null {
  const config = vaeConfig(shapes);
  return config === undefined
    ? null
    : { channels: config.latentChannels, factor: 2 ** (config.channels.length - 1) };
}

type Put = (name: string, ...shape: number[]) => void;

/** Every key below `first_stage_model.` with its shape, in the file's order. */
export function vaeShapes(config: VaeConfig): Map<string, number[]> {
  const shapes = new Map<string, number[]>();
  const put: Put = (name, ...shape) => shapes.set(name, shape);
  const { channels, resBlocks, latentChannels: z } = config, last = channels.length - 1;
  conv(put, "encoder.conv_in", channels[0], 3, 3);
  let width = channels[0];
  channels.forEach((out, level) => {
    for (let i = 0; i < resBlocks; i++) {
      resnet(put, `encoder.down.${level}.block.${i}`, width, out);
      width = out;
    }
    if (level < last) conv(put, `encoder.down.${level}.downsample.conv`, out, out, 3);
  });
  middle(put, "encoder.mid", width, config);
  norm(put, "encoder.norm_out", width);
  conv(put, "encoder.conv_out", 2 * z, width, 3);
  conv(put, "decoder.conv_in", width, z, 3);
  middle(put, "decoder.mid", width, config);
  for (let level = last; level >= 0; level--) {
    const out = channels[level];
    for (let i = 0; i <= resBlocks; i++) {
      resnet(put, `decoder.up.${level}.block.${i}`, width, out);
      width = out;
    }
    if (level > 0) conv(put, `decoder.up.${level}.upsample.conv`, out, out, 3);
  }
  norm(put, "decoder.norm_out", width);
  conv(put, "decoder.conv_out", 3, width, 3);
  conv(put, "quant_conv", 2 * z, 2 * z, 1);
  conv(put, "post_quant_conv", z, z, 1);
  return shapes;
}

function resnet(put: Put, name: string, from: number, to: number): void {
  norm(put, `${name}.norm1`, from);
  conv(put, `${name}.conv1`, to, from, 3);
  norm(put, `${name}.norm2`, to);
  conv(put, `${name}.conv2`, to, to, 3);
  if (from !== to) conv(put, `${name}.nin_shortcut`, to, from, 1);
}

function middle(put: Put, name: string, width: number, config: VaeConfig): void {
  resnet(put, `${name}.block_1`, width, width);
  norm(put, `${name}.attn_1.norm`, width);
  for (const part of ["q", "k", "v", "proj_out"]) {
    put(`${name}.attn_1.${part}.weight`, ...(config.linearAttention ? [width, width] : [width, width, 1, 1]));
    put(`${name}.attn_1.${part}.bias`, width);
  }
  resnet(put, `${name}.block_2`, width, width);
}

function norm(put: Put, name: string, width: number): void {
  put(`${name}.weight`, width);
  put(`${name}.bias`, width);
}

function conv(put: Put, name: string, to: number, from: number, kernel: number): void {
  put(`${name}.weight`, to, from, kernel, kernel);
  put(`${name}.bias`, to);
}

/** Reads the numbers off the shapes, keys without the prefix `first_stage_model.`; undefined if it is no autoencoder. */
export function vaeConfig(shapes: Shapes): VaeConfig | undefined {
  const latent = shapes.get("decoder.conv_in.weight"), query = shapes.get("decoder.mid.attn_1.q.weight");
  if (!latent || !query || !shapes.has("encoder.conv_in.weight")) return undefined;
  const channels: number[] = [];
  for (let level = 0;; level++) {
    const conv = shapes.get(`encoder.down.${level}.block.0.conv1.weight`);
    if (!conv) break;
    channels.push(conv[0]);
  }
  let resBlocks = 0;
  while (shapes.has(`encoder.down.0.block.${resBlocks}.conv1.weight`)) resBlocks++;
  return { channels, resBlocks, latentChannels: latent[1], linearAttention: query.length === 2 };
}
