/**
 * The layers of a checkpoint that a LoRA may join, in the order in which sd-scripts creates its modules: text encoders,
 * then the U-Net. SD1 and SD2 modules carry diffusers' names and order (down, up, mid); SDXL's those of the file.
 */

import { UserError } from "../base/errors.ts";

/** Original Stable Diffusion key -> shape. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

export type Family = "sd1" | "sd2" | "sdxl";

export interface Target {
  /** As in LoRA files: lora_unet_down_blocks_0_attentions_0_proj_in. */
  readonly name: string;
  /** The layer's key without ".weight"; parts of open_clip's fused projection end in q_proj, k_proj, v_proj. */
  readonly path: string;
  readonly part: "te" | "te1" | "te2" | "unet";
  /** The base weight as the LoRA sees it: [out, in], or OIHW of a convolution. */
  readonly shape: readonly number[];
}

export interface TargetOptions {
  /** Also resnets and resamplers of the U-Net: with conv_dim. */
  convolutions: boolean;
  /**
   * SD2 files hold linear proj_in and proj_out; sd-scripts makes 1x1 convolutions of them, so that their LoRA weights
   * are 4-D. true keeps them linear, as models in diffusers' layout have them.
   */
  linearProjection?: boolean;
}

const UNET = "model.diffusion_model";

/** Whether a name is a larger convolution, which takes conv_dim. */
export function isLargeConvolution({ shape }: Target): boolean {
  return shape.length === 4 && shape[2] * shape[3] > 1;
}

/** The family of a checkpoint, by its text encoders. */
export function familyOf(shapes: Shapes): Family {
  let family: Family = "sd1";
  for (const key of shapes.keys()) {
    if (key.startsWith("conditioner.embedders.")) return "sdxl";
    if (key.startsWith("cond_stage_model.model.")) family = "sd2";
  }
  return family;
}

/** All layers that a LoRA of a family joins. Throws UserError for a checkpoint without a U-Net. */
export function loraTargets(shapes: Shapes, family: Family, options: TargetOptions): Target[] {
  return [...textTargets(shapes, family), ...unetTargets(shapes, family, options)];
}

function textTargets(shapes: Shapes, family: Family): Target[] {
  if (family === "sd1") return clipTargets(shapes, "te", "cond_stage_model.transformer.text_model");
  // SD2's model never used the checkpoint's last layer, so it is dropped on load
  if (family === "sd2") return openClipTargets(shapes, "te", "cond_stage_model.model", 1);
  return [
    ...clipTargets(shapes, "te1", "conditioner.embedders.0.transformer.text_model"),
    ...openClipTargets(shapes, "te2", "conditioner.embedders.1.model", 0),
  ];
}

/** transformers' names, which CLIP-L has in its file too; in this order. */
const CLIP_LAYERS = [
  "self_attn.k_proj",
  "self_attn.v_proj",
  "self_attn.q_proj",
  "self_attn.out_proj",
  "mlp.fc1",
  "mlp.fc2",
];

const OPEN_CLIP_LAYERS = [
  "attn.k_proj",
  "attn.v_proj",
  "attn.q_proj",
  "attn.out_proj",
  "mlp.c_fc",
  "mlp.c_proj",
];

function textName(part: string, layer: number, name: string): string {
  return `lora_${part}_text_model_encoder_layers_${layer}_${name.replaceAll(".", "_")}`;
}

function clipTargets(shapes: Shapes, part: "te" | "te1", root: string): Target[] {
  const found: Target[] = [];
  for (let layer = 0; shapes.has(`${root}.encoder.layers.${layer}.mlp.fc1.weight`); layer++) {
    for (const name of CLIP_LAYERS) {
      const path = `${root}.encoder.layers.${layer}.${name}`;
      found.push({ name: textName(part, layer, name), path, part, shape: shapes.get(`${path}.weight`)! });
    }
  }
  return found;
}

function openClipTargets(shapes: Shapes, part: "te" | "te2", root: string, drop: number): Target[] {
  const blocks: Target[][] = [];
  for (let layer = 0; shapes.has(`${root}.transformer.resblocks.${layer}.mlp.c_fc.weight`); layer++) {
    const block = `${root}.transformer.resblocks.${layer}`;
    blocks.push(OPEN_CLIP_LAYERS.map((name, i) => {
      const fused = shapes.get(`${block}.attn.in_proj_weight`)!;
      const shape = shapes.get(`${block}.${name}.weight`) ?? [fused[0] / 3, fused[1]];
      return { name: textName(part, layer, CLIP_LAYERS[i]), path: `${block}.${name}`, part, shape };
    }));
  }
  return blocks.slice(0, Math.max(blocks.length - drop, 0)).flat();
}

/** One numbered layer of the U-Net: where it lies in the file and what it is called in a LoRA. */
interface Piece {
  readonly kind: "attentions" | "resnets" | "downsamplers" | "upsamplers";
  readonly path: string;
  readonly name: string;
}

function unetTargets(shapes: Shapes, family: Family, options: TargetOptions): Target[] {
  const pieces = unetPieces(shapes);
  if (pieces.length === 0) {
    throw new UserError(
      `the checkpoint has no U-Net (no key starts with ${UNET}.input_blocks); use a whole model`,
    );
  }
  const wanted = pieces.filter((piece) => options.convolutions || piece.kind === "attentions");
  const target = (piece: Piece, layer: string): Target => {
    const path = `${piece.path}.${layer}`;
    let shape = shapes.get(`${path}.weight`)!;
    const projection = layer === "proj_in" || layer === "proj_out";
    if (family === "sd2" && projection && shape.length === 2 && !options.linearProjection) {
      shape = [...shape, 1, 1];
    }
    // SDXL: as in the file; else diffusers' names
    const local = family === "sdxl"
      ? path.slice(UNET.length + 1)
      : `${piece.name}.${DIFFUSERS[layer] ?? layer}`;
    return { name: `lora_unet_${local.replaceAll(".", "_")}`, path, part: "unet", shape };
  };
  return (family === "sdxl" ? wanted : inDiffusersOrder(wanted)).flatMap((piece) =>
    layersOf(piece, shapes).map((layer) => target(piece, layer))
  );
}

/** Layers that diffusers calls otherwise. */
const DIFFUSERS: Readonly<Record<string, string>> = {
  "in_layers.2": "conv1",
  "emb_layers.1": "time_emb_proj",
  "out_layers.3": "conv2",
  "skip_connection": "conv_shortcut",
  "op": "conv",
};

const TRANSFORMER_BLOCK = [
  ...["to_q", "to_k", "to_v", "to_out.0"].map((name) => `attn1.${name}`),
  "ff.net.0.proj",
  "ff.net.2",
  ...["to_q", "to_k", "to_v", "to_out.0"].map((name) => `attn2.${name}`),
];

function layersOf({ kind, path }: Piece, shapes: Shapes): string[] {
  if (kind === "downsamplers") return ["op"];
  if (kind === "upsamplers") return ["conv"];
  if (kind === "resnets") {
    return ["in_layers.2", "emb_layers.1", "out_layers.3", "skip_connection"]
      .filter((layer) => shapes.has(`${path}.${layer}.weight`));
  }
  const layers = ["proj_in"];
  for (let i = 0; shapes.has(`${path}.transformer_blocks.${i}.norm1.weight`); i++) {
    layers.push(...TRANSFORMER_BLOCK.map((layer) => `transformer_blocks.${i}.${layer}`));
  }
  return [...layers, "proj_out"];
}

/** The U-Net's numbered layers in the file's order. A resampler ends a level; what each layer is, its keys say. */
function unetPieces(shapes: Shapes): Piece[] {
  const places = new Set<string>();
  for (const key of shapes.keys()) {
    const place = /^(model\.diffusion_model\.(?:(?:in|out)put_blocks\.\d+|middle_block)\.\d+)\.(\w+)/.exec(
      key,
    );
    if (place) places.add(place[1]).add(`${place[1]}.${place[2]}`);
  }
  const pieces: Piece[] = [];
  const walk = (block: string, counts: Record<Piece["kind"], number>, level: string) => {
    for (let i = 0; places.has(`${block}.${i}`); i++) {
      const path = `${block}.${i}`;
      const kind = places.has(`${path}.in_layers`)
        ? "resnets"
        : places.has(`${path}.transformer_blocks`)
        ? "attentions"
        : places.has(`${path}.op`)
        ? "downsamplers"
        : places.has(`${path}.conv`)
        ? "upsamplers"
        : null; // the first convolution
      if (kind) pieces.push({ kind, path, name: `${level}.${kind}.${counts[kind]++}` });
    }
  };
  const none = () => ({ attentions: 0, resnets: 0, downsamplers: 0, upsamplers: 0 });
  const levels = (blocks: string, name: string) => {
    let level = 0, counts = none();
    for (let i = 0; places.has(`${UNET}.${blocks}.${i}.0`); i++) {
      walk(`${UNET}.${blocks}.${i}`, counts, `${name}.${level}`);
      if (counts.downsamplers + counts.upsamplers > 0) [level, counts] = [level + 1, none()];
    }
  };
  levels("input_blocks", "down_blocks");
  walk(`${UNET}.middle_block`, none(), "mid_block");
  levels("output_blocks", "up_blocks");
  return pieces;
}

/** Down, up, middle; in each level attentions, resnets, resamplers: as diffusers' modules are registered. */
function inDiffusersOrder(pieces: readonly Piece[]): Piece[] {
  const rank = ({ kind, name }: Piece) => {
    const side = ["down", "up", "mid"].findIndex((s) => name.startsWith(s));
    const level = side === 2 ? 0 : Number(name.split(".")[1]);
    return side * 1000 + level * 10 + (kind === "attentions" ? 0 : kind === "resnets" ? 1 : 2);
  };
  return pieces.map((piece) => ({ piece, rank: rank(piece) })).sort((a, b) => a.rank - b.rank)
    .map(({ piece }) => piece);
}
