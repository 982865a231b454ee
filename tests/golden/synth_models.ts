/** The models of the golden format: from the configuration in a case to the keys and shapes of its checkpoint. */

import { UserError } from "../../src/base/errors.ts";
import {
  type ClipConfig,
  clipLShapes,
  FAMILIES,
  type Family,
  openClipShapes,
  type Shapes,
  under,
  UNET,
  type UnetConfig,
  unetDenoiser,
  unetShapes,
  VAE,
  type VaeConfig,
  vaeShapes,
} from "../../src/models/mod.ts";
import type { ParameterStore } from "../../src/runtime/mod.ts";
import { synthTensor } from "./synth.ts";

export type FamilyName = "sd1" | "sd2" | "sdxl";

export interface SynthModel {
  /** With the heads of the case. */
  family: Family;
  /** All tensors of the parts that the configuration describes, original keys. */
  shapes: Shapes;
  latentScale: number;
}

// deno-lint-ignore no-explicit-any -- configurations as the cases spell them
type Config = any;

const TINY_CLIP = { hidden: 64, heads: 1, layers: 3, intermediate: 256 };
const TINY_VAE = { ch: 32, ch_mult: [1, 2, 4, 4], num_res_blocks: 2, z_channels: 4 };

/** The configurations behind the names that cases give; a case's own configuration goes before them. */
const NAMED: Record<string, Config> = {
  "sd1-tiny": {
    unet: {
      model_channels: 32,
      channel_mult: [1, 2, 4, 4],
      attention_resolutions: [4, 2, 1],
      num_heads: 8,
      context_dim: 64,
    },
    clip: TINY_CLIP,
    vae: TINY_VAE,
  },
  "sd2-tiny": {
    unet: {
      model_channels: 64,
      channel_mult: [1, 2, 4, 4],
      attention_resolutions: [4, 2, 1],
      num_head_channels: 64,
      context_dim: 64,
      use_linear_in_transformer: true,
    },
    clip: { width: 64, heads: 1, layers_in_checkpoint: 4, layers_used: 3, mlp: 256 },
    vae: TINY_VAE,
  },
  "sdxl-tiny": {
    unet: {
      model_channels: 64,
      channel_mult: [1, 2, 4],
      transformer_depth: [0, 1, 2],
      middle_depth: 2,
      num_head_channels: 64,
      context_dim: 192,
      adm_in_channels: 1664,
      use_linear_in_transformer: true,
    },
    clip_l: { ...TINY_CLIP, layers: 12 },
    clip_g: { width: 128, heads: 2, layers: 4, mlp: 512, text_projection: [128, 128] },
    vae: TINY_VAE,
  },
};

/** Why no model of this name can be made: families that come later; null for those of today. */
export function laterModel(name: unknown): string | null {
  const found = /\b(flux|chroma|sd3|sd35\w|anima|qwen\w*|t5|lumina|hunyuan)/i.exec(String(name ?? ""))?.[1];
  return found ? `models of the kind ${found.toLowerCase()} are not supported yet` : null;
}

/** The model of a case: its `model` name ("sd1-tiny", "full-size sdxl UNet") refined by `config` or `model_config`. */
export function caseModel(json: Config): SynthModel {
  const own = json.config ?? json.model_config ?? {};
  const name = String(json.model ?? "sd1-tiny");
  const tiny = Object.keys(NAMED).find((n) => name.includes(n));
  if (typeof own === "string") return synthModel(familyIn(name), { unet: describedUnet(own) });
  if (!tiny) throw new UserError(`no synthetic model is called ${name}`);
  return synthModel(familyIn(name), merged(NAMED[tiny], own));
}

/** Configurations name their parts (`unet`, `clip`...) or are a single part's numbers themselves. */
function merged(named: Config, own: Config): Config {
  const all: Config = { ...named };
  const put = (part: string, config: Config) => {
    if (config) all[part] = { ...named[part], ...config };
  };
  for (const part of ["unet", "clip", "clip_l", "clip_g", "vae"]) put(part, own[part]);
  if (own.model_channels) put("unet", own);
  if (own.text) put("clip", own.text);
  if (own.hidden || (own.width && own.mlp)) put("clip", own);
  if (own.ch) put("vae", own);
  if (own.vae_ch) put("vae", { ch: own.vae_ch });
  return all;
}

function familyIn(name: string): FamilyName {
  return name.includes("sdxl") ? "sdxl" : name.includes("sd2") ? "sd2" : "sd1";
}

/** "model_channels 320, mult 1,2,4, depth [0,2,10], middle 10, head dim 64, context 2048, adm 2816" */
function describedUnet(text: string): Config {
  const number = (pattern: RegExp) => {
    const found = pattern.exec(text);
    return found ? Number(found[1]) : undefined;
  };
  const list = (pattern: RegExp) => pattern.exec(text)?.[1].split(",").map(Number);
  const depth = list(/depth \[([\d, ]+)\]/);
  return {
    model_channels: number(/model_channels (\d+)/),
    channel_mult: list(/mult (\d+(?:,\s?\d+)*)/),
    ...(depth ? { transformer_depth: depth } : { attention_resolutions: [4, 2, 1] }),
    middle_depth: number(/middle (\d+)/),
    num_heads: number(/heads (\d+)/),
    num_head_channels: number(/head dim (\d+)/),
    context_dim: number(/context (\d+)/),
    adm_in_channels: number(/adm (\d+)/),
    use_linear_in_transformer: !/conv proj/.test(text),
  };
}

export function family(name: FamilyName): Family {
  return FAMILIES.find((f) => f.name === name)!;
}

/** The checkpoint of a family with these parts. */
export function synthModel(name: FamilyName, config: Config): SynthModel {
  const shapes = new Map<string, readonly number[]>();
  const put = (scope: string, part: ReadonlyMap<string, readonly number[]>) => {
    for (const [key, shape] of under(`${scope}.`, part)) shapes.set(key, shape);
  };
  const own = { ...family(name) };
  if (config.unet) {
    const by = name === "sdxl" ? "block" : "level";
    put(UNET, unetShapes(unetOf(config.unet)));
    const { num_heads, num_head_channels } = config.unet;
    if (num_heads) Object.assign(own, unetDenoiser(() => num_heads, by));
    else if (num_head_channels) {
      Object.assign(
        own,
        unetDenoiser((channels) => channels / num_head_channels, by),
      );
    }
  }
  own.textEncoders.forEach(({ scope, layout }, i) => {
    const text = name === "sdxl" ? config[i === 0 ? "clip_l" : "clip_g"] : config.clip;
    if (text) put(scope, (layout === "clip_l" ? clipLShapes : openClipShapes)(clipOf(text, layout)));
  });
  if (config.vae) put(VAE, vaeShapes(vaeOf(config.vae)));
  return { family: own, shapes, latentScale: config.vae?.scale_factor ?? own.latent.scale };
}

function unetOf(c: Config): UnetConfig {
  const depth = c.transformer_depth ?? 1;
  const depths: number[] = Array.isArray(depth)
    ? depth
    : c.channel_mult.map((_: number, level: number) =>
      (c.attention_resolutions ?? [4, 2, 1]).includes(2 ** level) ? depth : 0
    );
  return {
    inChannels: c.in_channels ?? 4,
    outChannels: c.out_channels ?? 4,
    channels: c.channel_mult.map((m: number) => m * c.model_channels),
    resBlocks: c.num_res_blocks ?? 2,
    depths,
    middleDepth: c.middle_depth ?? (Array.isArray(depth) ? depth[depth.length - 1] : depth),
    contextWidth: c.context_dim,
    linearProjection: c.use_linear_in_transformer ?? false,
    vectorWidth: c.adm_in_channels ?? 0,
  };
}

function clipOf(c: Config, layout: ClipConfig["layout"]): ClipConfig {
  return {
    layout,
    width: c.hidden ?? c.width,
    layers: c.layers_in_checkpoint ?? c.layers,
    inner: c.intermediate ?? c.mlp,
    vocabulary: c.vocab ?? 49408,
    positions: 77,
    projection: c.text_projection?.[1] ?? 0,
  };
}

function vaeOf(c: Config): VaeConfig {
  return {
    channels: c.ch_mult.map((m: number) => m * c.ch),
    resBlocks: c.num_res_blocks,
    latentChannels: c.z_channels,
    linearAttention: false,
  };
}

/** Puts the synthetic values of every key that passes `wanted` on the device, float32. */
export function uploadSynth(
  store: ParameterStore,
  shapes: Shapes,
  { wanted = () => true, frozen = () => true }: {
    wanted?: (key: string) => boolean;
    frozen?: (key: string) => boolean;
  } = {},
): void {
  for (const [key, shape] of shapes) {
    if (wanted(key)) store.upload(key, shape, "f32", synthTensor(key, shape), { frozen: frozen(key) });
  }
}
