/** The text encoders of a family together: from token ids to the U-Net's context, as training and as generation do it. */

import { concat, type Tensor } from "../graph/mod.ts";
import { clipL } from "./clip/clip_l.ts";
import {
  firstChunks,
  generationContext,
  type Normalization,
  trainingContext,
  weighted,
} from "./clip/context.ts";
import { openClip } from "./clip/open_clip.ts";
import type { TextStates } from "./clip/text.ts";
import { type Family, TEXT_ENCODERS, usedLayers } from "./family.ts";
import type { Weights } from "./weights.ts";

export interface TextOptions {
  /** Which way SDXL's text_projection is read; see OpenClipOptions. */
  projection?: "sd-scripts" | "open_clip";
}

/** One text encoder over ids (N, L) i32. `w` is the top of the checkpoint, `index` 1 is SDXL's second encoder. */
export function textStates(
  family: Family,
  index: number,
  ids: Tensor,
  w: Weights,
  options: TextOptions = {},
): TextStates {
  const { scope, layout } = TEXT_ENCODERS[family][index];
  const top = w.at(scope);
  if (layout === "clip_l") return clipL(ids, top);
  const layers = top.list("transformer.resblocks").length;
  return openClip(ids, top, { ...options, drop: layers - usedLayers(family, layers) });
}

export interface TextInputs {
  /** One for each text encoder: (B * chunks, 77) i32, the chunks of a caption one after the other. */
  ids: Tensor[];
  /** Chunks per caption. */
  chunks: number;
  /** SDXL: where each row's first end-of-text token is, see `eosRows`; (B * chunks) i32. */
  eosRows?: Tensor;
}

export interface Conditioning {
  /** (B, tokens, context width) */
  context: Tensor;
  /** SDXL: (B, projection width), of the first chunk. */
  pooled?: Tensor;
}

/**
 * As the trainer encodes captions. clipSkip n takes the n-th layer from the end (SD1, SD2); SDXL always takes the layer
 * before the last, without final norm. Contexts are 75 * chunks + 2 tokens long.
 */
export function trainingConditioning(
  family: Family,
  inputs: TextInputs,
  w: Weights,
  options: TextOptions & { clipSkip?: number | null } = {},
): Conditioning {
  const states = inputs.ids.map((ids, i) => textStates(family, i, ids, w, options));
  const hidden = states.map((s) =>
    trainingContext(family === "sdxl" ? s.hidden(-2) : s.normed(options.clipSkip ?? 1), inputs.chunks)
  );
  return join(family, states, hidden, inputs);
}

/**
 * As gen_img encodes prompts (and the trainer its weighted captions): contexts of 77 * chunks tokens, each encoder's
 * states multiplied by `weights` (one (B, 77 * chunks) for each encoder). clipSkip defaults to gen_img's: 1 for SD1, else 2.
 */
export function generationConditioning(
  family: Family,
  inputs: TextInputs & { weights?: Tensor[] },
  w: Weights,
  options: TextOptions & { clipSkip?: number | null; normalization?: Normalization } = {},
): Conditioning {
  const clipSkip = options.clipSkip ?? (family === "sd1" ? 1 : 2);
  const states = inputs.ids.map((ids, i) => textStates(family, i, ids, w, options));
  const hidden = states.map((s, i) => {
    const whole = generationContext(
      family === "sdxl" ? s.hidden(-clipSkip) : s.normed(clipSkip),
      inputs.chunks,
    );
    return inputs.weights ? weighted(whole, inputs.weights[i], options.normalization) : whole;
  });
  return join(family, states, hidden, inputs);
}

function join(family: Family, states: TextStates[], hidden: Tensor[], inputs: TextInputs): Conditioning {
  if (family !== "sdxl") return { context: hidden[0] };
  const pooled = inputs.eosRows && firstChunks(states[1].pooled(inputs.eosRows), inputs.chunks);
  return { context: concat(hidden, 2), pooled };
}
