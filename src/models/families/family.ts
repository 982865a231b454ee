/**
 * What a family of models is, as one value: everything in which SD1, SD2 and SDXL differ from each other and from those
 * to come. Jobs ask it and never compare names, so that a new family is its own file here and a line in mod.ts.
 */
import type { Tensor } from "../../graph/mod.ts";
import type { Config } from "../../text/config_json.ts";
import type { TokenizerKind } from "../../text/mod.ts";
import type { Normalization } from "../clip/context.ts";
import type { ClipConfig } from "../clip/shapes.ts";
import type { Control } from "../controlnet/controlnet.ts";
import type { BlockContext, Shrink, UnetConfig } from "../unet/mod.ts";
import type { Weights } from "../weights.ts";
import type { BlockTable } from "./blocks.ts";
import type { Sizes } from "./sizes.ts";

/** Places of denoiser and autoencoder among a checkpoint's keys. */
export const UNET = "model.diffusion_model", VAE = "first_stage_model";

export interface Family {
  /** Short, as others record it: sd1, sd2, sdxl. */
  readonly name: string;
  /** What users call it. */
  readonly label: string;
  /** The flag that says that a model is of it: v1, v2, sdxl. */
  readonly flag: string;
  /** Whether a whole checkpoint is of this family, told by what its keys begin with. */
  holds(any: (prefix: string) => boolean): boolean;
  /** Whether a U-Net is of this family, told by its numbers. */
  holdsUnet(unet: Pick<UnetConfig, "vectorWidth" | "linearProjection">): boolean;
  /** Whether a Diffusers folder is, told by how many text encoders there are and the first one's config.json. */
  holdsFolder(textEncoders: number, config: Readonly<Record<string, unknown>>): boolean;
  /** Whether sd-scripts refuses a checkpoint with tensors that its denoiser and autoencoder do not know. */
  readonly strict: boolean;

  readonly latent: Latent;
  /** How noise is added and taken away: by DDPM's schedule, or along a straight line (flow matching). */
  readonly noise: "ddpm" | "flow";
  readonly size: PictureSides;

  readonly textEncoders: readonly TextEncoderPart[];
  readonly text: TextReading;
  /** Sizes as a second conditioning; null where the model knows none. */
  readonly sizes: SizeConditioning | null;
  /**
   * The model's answer to noisy latents (N, H, W, channels) at timesteps (N) f32, like the latents, in float32. `w` is the
   * top of the checkpoint.
   */
  denoise(
    latents: Tensor,
    timesteps: Tensor,
    conditioning: Denoised,
    w: Weights,
    options?: DenoiseOptions,
  ): Tensor;
  /** Whether sd-scripts 0.9.1 draws first weights while it builds U-Net and text encoders, see building_draws.ts. */
  readonly drawsWhenBuilt: boolean;

  readonly published: PublishedNumbers;
  readonly diffusers: DiffusersNames;
  readonly sites: LoraSites;
  readonly control: ControlTrained;
  readonly spec: ModelNames;
}

/** The size of latents. */
export interface LatentSides {
  readonly channels: number;
  /** Pixels of a latent's side. */
  readonly factor: number;
}

export interface Latent extends LatentSides {
  /** What the model sees is (latents - shift) * scale of what the autoencoder gives. */
  readonly scale: number;
  readonly shift: number;
}

/** The size of latents, or of what an autoencoder makes of them. */
export interface LatentShape {
  readonly batch: number;
  readonly channels: number;
  /** Latent pixels. */
  readonly height: number;
  readonly width: number;
}

/** The latents of pictures; sides are rounded down to whole latents. */
export function latentShape(
  { channels, factor }: LatentSides,
  batch: number,
  { width, height }: { readonly width: number; readonly height: number },
): LatentShape {
  return { batch, channels, height: Math.floor(height / factor), width: Math.floor(width / factor) };
}

export interface PictureSides {
  /** What sides are multiples of. */
  readonly multiple: number;
  /** The side of a square picture that the model was made for; a model that predicts velocity may be for another. */
  side(velocity: boolean): number;
}

export type PartFlag = "text_encoder" | "clip_l" | "clip_g";

export interface TextEncoderPart {
  /** Its place in an original checkpoint. */
  readonly scope: string;
  /** The flags that take it from a file of its own; the last that is given counts. */
  readonly flags: readonly PartFlag[];
  readonly layout: "clip_l" | "open_clip";
  readonly tokenizer: TokenizerKind;
  /** The layers that are used where the file holds so many. */
  usedLayers(layers: number): number;
}

/** Captions or prompts as a graph takes them. */
export interface TextInputs {
  /** One for each text encoder: (B * chunks, 77) i32, the chunks of a caption one after the other. */
  ids: Tensor[];
  /** Chunks per caption. */
  chunks: number;
  /** Where the pooled text is wanted: where each row's first end-of-text token is, see `eosRows`; (B * chunks) i32. */
  eosRows?: Tensor;
}

export interface Conditioning {
  /** (B, tokens, context width) */
  context: Tensor;
  /** Of families with `text.pooled`: (B, projection width), of the first chunk. */
  pooled?: Tensor;
}

/** What the denoiser is conditioned on. */
export interface Denoised {
  readonly context: Tensor;
  /** Blocks of the U-Net that read a context of their own, in place of `context`. */
  readonly blocks?: BlockContext;
  /** (N, vector width): pooled text and sizes, where the family has them. */
  readonly vector?: Tensor;
}

/** Ways of drawing that reach into the denoiser. */
export interface DenoiseOptions {
  readonly shrink?: Shrink;
  readonly control?: Control;
}

export interface TextOptions {
  /** Which way SDXL's text_projection is read; see OpenClipOptions. */
  projection?: "sd-scripts" | "open_clip";
  /** The layer, counted from the end, that is asked for; null and undefined: the family's own. */
  clipSkip?: number | null;
}

export interface PromptOptions extends TextOptions {
  normalization?: Normalization;
}

/** From token ids to the conditioning, the trainer's way and that of pictures. */
export interface TextReading {
  /** Whether the last encoder's pooled text is a conditioning too. */
  readonly pooled: boolean;
  /** The layer, counted from the end, that the trainer reads (and pictures during training) where `asked` is given. */
  trainedLayer(asked: number | null): number;
  /** The layer that gen_img reads where none is asked for. */
  readonly drawnLayer: number;
  /** Whether sd-scripts 0.9.1 pads the prompts of pictures during training with the end token, whatever the tokenizer's. */
  readonly samplesPadWithEos: boolean;
  /** Whether the trainer takes weighted captions. */
  readonly weightedCaptions: boolean;
  /** As the trainer encodes captions: contexts of 75 * chunks + 2 tokens. */
  captions(inputs: TextInputs, w: Weights, options?: TextOptions): Conditioning;
  /**
   * As gen_img encodes prompts (and the trainer its weighted captions): contexts of 77 * chunks tokens, each encoder's
   * states multiplied by `weights` (one (B, 77 * chunks) for each encoder).
   */
  prompts(inputs: TextInputs & { weights?: Tensor[] }, w: Weights, options?: PromptOptions): Conditioning;
}

/** The vector of pooled text and sizes: once made by the host, once in a graph, each rounded as the reference does there. */
export interface SizeConditioning {
  vector(pooled: Float32Array, sizes: Sizes): Float32Array;
  /** sizes (N, 6) f32, in the order of `Sizes` -> (N, width) f32. */
  embedding(sizes: Tensor): Tensor;
}

/** The numbers of the model that the family is known by. */
export interface PublishedNumbers {
  readonly unet: UnetConfig;
  /** One for each text encoder. */
  readonly text: readonly ClipConfig[];
}

/** What a folder that diffusers loads says of the family, beside what all say. */
export interface DiffusersNames {
  /** model_index.json. */
  readonly index: Config;
  readonly scheduler: Config;
  /** unet/config.json. */
  unet(unet: UnetConfig, velocity: boolean): Config;
  /** projection_dim of a text encoder of that width whose projection no model uses. */
  unusedProjection(width: number): number;
  /** Whether sd-scripts 0.9.1 saves such folders in float32 whatever precision is asked for. */
  readonly ignoresPrecision: boolean;
}

/** How sd-scripts trains ControlNets. */
export interface ControlTrained {
  /** Whether their files have diffusers' names, else original ones without a prefix. */
  readonly diffusersNames: boolean;
  /**
   * What is wrong there. "skip": pictures are shown in -1 to 1, where they are drawn with in 0 to 1; the middle is given what
   * is for the last skip; some flags are not read. "shared": one that is made from a U-Net in float32 shares its memory, so
   * that the U-Net's way down is trained with it.
   */
  readonly flaw: "skip" | "shared";
}

/** What a LoRA's modules are called and how they are numbered. */
export interface LoraSites {
  /** Whether the denoiser's modules are called and ordered as in the file, not as in diffusers. */
  readonly originalNames: boolean;
  /** False where sd-scripts makes 1x1 convolutions of linear proj_in and proj_out. */
  readonly linearProjection: boolean;
  readonly blocks: BlockTable;
  /** Keys that only a LoRA of this family has; null where its widths alone tell it. */
  readonly keys: RegExp | null;
  /** Values of a text token, which cross attention reads. */
  readonly contextWidth: number;
}

/** Names in metadata. */
export interface ModelNames {
  /** ss_base_model_version. */
  baseModelVersion(velocity: boolean): string;
  /** modelspec.architecture. */
  architecture(velocity: boolean): string;
  /** modelspec.implementation of a LoRA. */
  readonly loraImplementation: string;
  /** Whether sd-scripts takes a merged model to predict velocity: no file says so. */
  readonly mergedVelocity: boolean;
}
