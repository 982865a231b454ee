/** The keys and shapes of a U-Net, from its numbers, and its numbers from the shapes. */

import type { Shapes } from "../weights.ts";

/** The numbers that make a Stable Diffusion U-Net. */
export interface UnetConfig {
  inChannels: number;
  outChannels: number;
  /** Width of each level, finest first. */
  channels: number[];
  /** Residual blocks in each level on the way down; one more on the way up. */
  resBlocks: number;
  /** Transformer blocks after each residual block of a level; 0 is no transformer. */
  depths: number[];
  middleDepth: number;
  contextWidth: number;
  /** proj_in and proj_out are linear layers (SD2, SDXL) and not 1x1 convolutions (SD1). */
  linearProjection: boolean;
  /** Width of SDXL's vector input, 0 without one. */
  vectorWidth: number;
}

type Put = (name: string, ...shape: number[]) => void;

/** Every key below `model.diffusion_model.` with its shape, in the file's order. */
export function unetShapes(config: UnetConfig): Map<string, number[]> {
  const shapes = new Map<string, number[]>();
  const put: Put = (name, ...shape) => shapes.set(name, shape);
  const { channels, depths, resBlocks } = config;
  const base = channels[0], time = 4 * base;
  network(put, "time_embed", base, time);
  if (config.vectorWidth) network(put, "label_emb.0", config.vectorWidth, time);
  conv(put, "input_blocks.0.0", base, config.inChannels, 3);
  const skips = [base];
  let width = base, block = 1;
  channels.forEach((out, level) => {
    for (let i = 0; i < resBlocks; i++, block++) {
      resnet(put, `input_blocks.${block}.0`, width, out, time);
      if (depths[level]) transformer(put, `input_blocks.${block}.1`, out, depths[level], config);
      skips.push(width = out);
    }
    if (level < channels.length - 1) {
      conv(put, `input_blocks.${block++}.0.op`, out, out, 3);
      skips.push(out);
    }
  });
  resnet(put, "middle_block.0", width, width, time);
  transformer(put, "middle_block.1", width, config.middleDepth, config);
  resnet(put, "middle_block.2", width, width, time);
  block = 0;
  for (let level = channels.length - 1; level >= 0; level--) {
    const out = channels[level];
    for (let i = 0; i <= resBlocks; i++, block++) {
      let layer = 0;
      resnet(put, `output_blocks.${block}.${layer++}`, width + skips.pop()!, out, time);
      if (depths[level]) transformer(put, `output_blocks.${block}.${layer++}`, out, depths[level], config);
      if (level > 0 && i === resBlocks) conv(put, `output_blocks.${block}.${layer}.conv`, out, out, 3);
      width = out;
    }
  }
  norm(put, "out.0", base);
  conv(put, "out.2", config.outChannels, base, 3);
  return shapes;
}

function resnet(put: Put, name: string, from: number, to: number, time: number): void {
  norm(put, `${name}.in_layers.0`, from);
  conv(put, `${name}.in_layers.2`, to, from, 3);
  linear(put, `${name}.emb_layers.1`, to, time);
  norm(put, `${name}.out_layers.0`, to);
  conv(put, `${name}.out_layers.3`, to, to, 3);
  if (from !== to) conv(put, `${name}.skip_connection`, to, from, 1);
}

function transformer(put: Put, name: string, width: number, depth: number, config: UnetConfig): void {
  const project = (name: string) =>
    config.linearProjection ? linear(put, name, width, width) : conv(put, name, width, width, 1);
  norm(put, `${name}.norm`, width);
  project(`${name}.proj_in`);
  for (let i = 0; i < depth; i++) {
    const block = `${name}.transformer_blocks.${i}`;
    attention(put, `${block}.attn1`, width, width);
    linear(put, `${block}.ff.net.0.proj`, 8 * width, width);
    linear(put, `${block}.ff.net.2`, width, 4 * width);
    attention(put, `${block}.attn2`, width, config.contextWidth);
    for (const n of ["norm1", "norm2", "norm3"]) norm(put, `${block}.${n}`, width);
  }
  project(`${name}.proj_out`);
}

function attention(put: Put, name: string, width: number, context: number): void {
  put(`${name}.to_q.weight`, width, width);
  put(`${name}.to_k.weight`, width, context);
  put(`${name}.to_v.weight`, width, context);
  linear(put, `${name}.to_out.0`, width, width);
}

function network(put: Put, name: string, from: number, to: number): void {
  linear(put, `${name}.0`, to, from);
  linear(put, `${name}.2`, to, to);
}

function norm(put: Put, name: string, width: number): void {
  put(`${name}.weight`, width);
  put(`${name}.bias`, width);
}

function linear(put: Put, name: string, to: number, from: number): void {
  put(`${name}.weight`, to, from);
  put(`${name}.bias`, to);
}

function conv(put: Put, name: string, to: number, from: number, kernel: number): void {
  put(`${name}.weight`, to, from, kernel, kernel);
  put(`${name}.bias`, to);
}

/** Reads the numbers off the shapes; keys without the prefix `model.diffusion_model.`; undefined if it is no U-Net. */
export function unetConfig(shapes: Shapes): UnetConfig | undefined {
  const first = shapes.get("input_blocks.0.0.weight"), last = shapes.get("out.2.weight");
  if (!first || !last) return undefined;
  const channels: number[] = [], depths: number[] = [], counts: number[] = [];
  let level = 0;
  for (let block = 1;; block++) {
    const name = `input_blocks.${block}`;
    const out = shapes.get(`${name}.0.in_layers.2.weight`)?.[0];
    if (out !== undefined) {
      channels[level] = out;
      counts[level] = (counts[level] ?? 0) + 1;
      depths[level] = depthOf(shapes, `${name}.1`);
    } else if (shapes.has(`${name}.0.op.weight`)) level++;
    else break;
  }
  const middle = shapes.get("middle_block.1.proj_in.weight");
  const context = shapes.get("middle_block.1.transformer_blocks.0.attn2.to_k.weight");
  if (!channels.length || !middle || !context) return undefined;
  return {
    inChannels: first[1],
    outChannels: last[0],
    channels,
    resBlocks: counts[0],
    depths,
    middleDepth: depthOf(shapes, "middle_block.1"),
    contextWidth: context[1],
    linearProjection: middle.length === 2,
    vectorWidth: shapes.get("label_emb.0.0.weight")?.[1] ?? 0,
  };
}

function depthOf(shapes: Shapes, name: string): number {
  let depth = 0;
  while (shapes.has(`${name}.transformer_blocks.${depth}.norm1.weight`)) depth++;
  return depth;
}
