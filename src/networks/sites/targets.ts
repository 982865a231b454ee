/**
 * The layers of a checkpoint that a LoRA may join, in the order in which sd-scripts creates its modules: text encoders,
 * then the U-Net. Modules carry transformers' and diffusers' names; only SDXL's U-Net keeps those of the file.
 */

import {
  below,
  clipConfig,
  type Family,
  openClipKeys,
  type Shapes,
  type TextEncoderPart,
  UNET,
  unetKeys,
} from "../../models/mod.ts";

export type Part = "te" | "te1" | "te2" | "unet";

export interface Target {
  /** As in LoRA files: lora_unet_down_blocks_0_attentions_0_proj_in. */
  readonly name: string;
  /** In diffusers' and transformers' models, with dots. */
  readonly diffusers?: string;
  /** In sd-scripts' model, with dots: down_blocks.0.attentions.0.proj_in. */
  readonly layer?: string;
  /** The classes that it lies in and their places there, outermost first. */
  readonly within?: readonly Ancestor[];
  /** The layer's key without ".weight"; parts of open_clip's fused projection end in q_proj, k_proj, v_proj. */
  readonly path: string;
  readonly part: Part;
  /** The U-Net layer's other name: by diffusers where `name` is the checkpoint's, else by the checkpoint. */
  readonly alias?: string;
  /** Whether the layer has a bias. */
  readonly bias?: boolean;
  /** The base weight as the LoRA sees it: [out, in], or OIHW of a convolution. */
  readonly shape: readonly number[];
}

export interface Ancestor {
  /** As in diffusers and transformers: Transformer2DModel. */
  readonly name: string;
  /** Its place, like `layer`. */
  readonly path: string;
}

export interface TargetOptions {
  /** Whatever has a weight: of the U-Net also what lies in no block. */
  whole?: boolean;
  /** Norms too, whose shape is [channels]. */
  norms?: boolean;
  /** Also resnets and resamplers of the U-Net: with conv_dim. */
  convolutions: boolean;
  /**
   * SD2 files hold linear proj_in and proj_out; sd-scripts makes 1x1 convolutions of them, so that their LoRA weights
   * are 4-D. true keeps them linear, as models in diffusers' layout have them.
   */
  linearProjection?: boolean;
}

/** Puts layers of one shape one after the other: for tools that make programs for a shape. */
export function byShape({ shape: a }: Pick<Target, "shape">, { shape: b }: Pick<Target, "shape">): number {
  return a.length - b.length || a.reduce((order, side, i) => order || side - b[i], 0);
}

/** Whether a layer takes conv_dim: a convolution over more than one pixel. */
export function isLargeConvolution({ shape }: Target): boolean {
  return shape.length === 4 && shape[2] * shape[3] > 1;
}

/** All layers that a LoRA of a family joins, from the original keys' shapes. */
export function loraTargets(shapes: Shapes, family: Family, options: TargetOptions): Target[] {
  const { textEncoders: encoders } = family;
  return [
    ...encoders.flatMap((place, i) =>
      textTargets(shapes, place, encoders.length > 1 ? `te${i + 1}` : "te", options)
    ),
    ...unetTargets(shapes, family, options),
  ];
}

/** A layer under its name in transformers or diffusers, which its place in the order goes by. */
type Row = Omit<Target, "name" | "part"> & { readonly other: string };

function textTargets(shapes: Shapes, place: TextEncoderPart, part: string, options: TargetOptions): Target[] {
  const own = below(shapes, `${place.scope}.`);
  if (own.size === 0) return [];
  const rows: Row[] = place.layout === "clip_l"
    ? [...own].map(([key, shape]) => ({ other: `text_model.${key}`, path: `${place.scope}.${key}`, shape }))
    : openClipKeys(own, place.usedLayers(clipConfig(own)!.layers)).map(
      ({ original, other, otherShape, third }) => {
        const letter = third === undefined ? "" : "qkv"[third];
        const path = letter ? original.replace(/in_proj_/, `${letter}_proj.`) : original;
        return { other, path: `${place.scope}.${path}`, shape: otherShape };
      },
    );
  const wanted = options.norms ? /\.(self_attn|mlp|layer_norm[12])\./ : /\.(self_attn|mlp)\./;
  const biases = new Set(
    [...own.keys()].filter((key) => key.endsWith("bias")).map((key) => `${place.scope}.${key}`),
  );
  return weights(rows.filter(({ other }) => wanted.test(other)), options).map(({ other, path, shape }) => ({
    name: flatName(part, other),
    layer: other,
    diffusers: other,
    within: ancestors(other, other),
    path,
    part: part as Part,
    bias: biases.has(`${path}.bias`) || /\.[qkv]_proj$/.test(path),
    shape,
  }));
}

function unetTargets(shapes: Shapes, family: Family, options: TargetOptions): Target[] {
  const { originalNames } = family.sites;
  const linearProjection = family.sites.linearProjection || options.linearProjection;
  const wanted = options.whole
    ? /./
    : options.convolutions
    ? /\.(attentions|resnets|downsamplers|upsamplers)\./
    : /\.attentions\./;
  const rows = unetKeys(below(shapes, `${UNET}.`), { linearProjection })
    .filter(({ other }) => wanted.test(other))
    .map(({ original, other, otherShape }) => ({
      other: originalNames ? original : other,
      diffusers: other.slice(0, -".weight".length),
      alias: flatName("unet", (originalNames ? other : original).slice(0, -".weight".length)),
      path: `${UNET}.${original}`,
      shape: otherShape,
    }));
  return weights(rows, options).map(({ other, path, shape, alias, diffusers }) => ({
    name: flatName("unet", other),
    layer: other,
    diffusers,
    within: ancestors(diffusers ?? other, other),
    path,
    part: "unet",
    bias: shapes.has(`${path}.bias`),
    shape,
    alias,
  }));
}

/** Which parts of a path are modules of which class. */
const CLASSES: readonly [RegExp, string][] = [
  [/^attentions\.\d+$/, "Transformer2DModel"],
  [/^transformer_blocks\.\d+$/, "BasicTransformerBlock"],
  [/^attn[12]$/, "CrossAttention"],
  [/^ff$/, "FeedForward"],
  [/^resnets\.\d+$/, "ResnetBlock2D"],
  [/^downsamplers\.\d+$/, "Downsample2D"],
  [/^upsamplers\.\d+$/, "Upsample2D"],
  [/^layers\.\d+$/, "CLIPEncoderLayer"],
  [/^self_attn$/, "CLIPAttention"],
  [/^mlp$/, "CLIPMLP"],
];

/** Of a layer called `other` by diffusers and `own` in sd-scripts' model. */
function ancestors(other: string, own: string): Ancestor[] {
  const parts = other.split("."), found: Ancestor[] = [];
  for (let i = 0; i < parts.length - 1; i++) {
    const numbered = /^\d+$/.test(parts[i]) ? `${parts[i - 1]}.${parts[i]}` : parts[i];
    const name = CLASSES.find(([pattern]) => pattern.test(numbered))?.[1];
    // SDXL's own names differ above the transformers, of which only the classes are asked
    if (name) found.push({ name, path: other === own ? parts.slice(0, i + 1).join(".") : own });
  }
  return found;
}

/** The matrices and convolutions (and norms) among the rows, without ".weight", in the order of PyTorch's modules. */
function weights(rows: readonly Row[], { norms }: TargetOptions): Row[] {
  return rows
    .filter(({ other, shape }) => other.endsWith(".weight") && (shape.length > 1 || norms))
    .map((row) => {
      const other = row.other.slice(0, -".weight".length);
      return {
        row: { ...row, other, path: row.path.slice(0, -".weight".length) },
        rank: other.split(".").map(rank),
      };
    })
    .sort((a, b) => compareRanks(a.rank, b.rank))
    .map(({ row }) => row);
}

/** Names of sibling modules in the order in which their parents register them. Only siblings are compared. */
const ORDER = [
  ...["conv_in", "time_embedding", "down_blocks", "up_blocks", "mid_block", "conv_out"],
  ...["attentions", "resnets", "downsamplers", "upsamplers"],
  ...["conv1", "time_emb_proj", "conv2", "conv_shortcut"],
  ...["input_blocks", "middle_block", "output_blocks"],
  ...["in_layers", "emb_layers", "out_layers", "skip_connection"],
  ...["proj_in", "transformer_blocks", "proj_out"],
  ...["attn1", "ff", "attn2"],
  ...["to_q", "to_k", "to_v", "to_out"],
  ...["self_attn", "mlp"],
  ...["k_proj", "v_proj", "q_proj", "out_proj"],
  ...["fc1", "fc2"],
];

function rank(name: string): number {
  return /^\d+$/.test(name) ? Number(name) : ORDER.indexOf(name);
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

function flatName(part: string, path: string): string {
  return `lora_${part}_${path.replaceAll(".", "_")}`;
}
