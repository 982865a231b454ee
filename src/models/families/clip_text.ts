/** Families whose text encoders are CLIP's: from token ids to the denoiser's context, as training and as generation do it. */

import { concat, type Tensor } from "../../graph/mod.ts";
import { clipL } from "../clip/clip_l.ts";
import { firstChunks, generationContext, trainingContext, weighted } from "../clip/context.ts";
import { openClip } from "../clip/open_clip.ts";
import type { TextStates } from "../clip/text.ts";
import type { Weights } from "../weights.ts";
import type { Conditioning, TextEncoderPart, TextInputs, TextOptions, TextReading } from "./family.ts";

/** One text encoder over ids (N, L) i32. `w` is the top of the checkpoint. */
export function textStates(
  { scope, layout, usedLayers }: TextEncoderPart,
  ids: Tensor,
  w: Weights,
  options: Pick<TextOptions, "projection"> = {},
): TextStates {
  const top = w.at(scope);
  if (layout === "clip_l") return clipL(ids, top);
  const layers = top.list("transformer.resblocks").length;
  return openClip(ids, top, { ...options, drop: layers - usedLayers(layers) });
}

type Facts = Pick<TextReading, "trainedLayer" | "drawnLayer" | "samplesPadWithEos">;

/** One encoder, whose chosen layer goes through the final norm: SD1 and SD2. */
export function normedText(encoder: TextEncoderPart, facts: Facts): TextReading {
  return reading([encoder], facts, (states, layer) => states.normed(layer), ([{ context }]) => ({ context }));
}

/** Encoders side by side, layers as they are, and the last one's pooled text: SDXL. */
export function joinedText(encoders: readonly TextEncoderPart[], facts: Facts): TextReading {
  return {
    ...reading(encoders, facts, (states, layer) => states.hidden(-layer), (read, { eosRows, chunks }) => ({
      context: concat(read.map(({ context }) => context), 2),
      pooled: eosRows && firstChunks(read.at(-1)!.states.pooled(eosRows), chunks),
    })),
    pooled: true,
    weightedCaptions: false,
  };
}

interface Read {
  readonly states: TextStates;
  readonly context: Tensor;
}

function reading(
  encoders: readonly TextEncoderPart[],
  facts: Facts,
  layerOf: (states: TextStates, layer: number) => Tensor,
  join: (read: readonly Read[], inputs: TextInputs) => Conditioning,
): TextReading {
  const encode = (
    inputs: TextInputs,
    w: Weights,
    options: TextOptions,
    context: (s: TextStates, i: number) => Tensor,
  ) => {
    const states = inputs.ids.map((ids, i) => textStates(encoders[i], ids, w, options));
    return join(states.map((s, i) => ({ states: s, context: context(s, i) })), inputs);
  };
  return {
    ...facts,
    pooled: false,
    weightedCaptions: true,
    captions: (inputs, w, options = {}) => {
      const layer = facts.trainedLayer(options.clipSkip ?? null);
      return encode(inputs, w, options, (s) => trainingContext(layerOf(s, layer), inputs.chunks));
    },
    prompts: (inputs, w, options = {}) => {
      const layer = options.clipSkip ?? facts.drawnLayer;
      return encode(inputs, w, options, (s, i) => {
        const whole = generationContext(layerOf(s, layer), inputs.chunks);
        return inputs.weights ? weighted(whole, inputs.weights[i], options.normalization) : whole;
      });
    },
  };
}
