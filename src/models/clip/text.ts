/** What the two layouts of CLIP's text encoder have in common: embeddings, hidden states, pooling. */

import { UsageError } from "../../base/errors.ts";
import { add, embedding, reshape, slice, type Tensor } from "../../graph/mod.ts";
import { layerNorm } from "../layers.ts";
import type { Weights } from "../weights.ts";

/** Heads are 64 wide in every CLIP that Stable Diffusion uses. */
export function headsOf(width: number): number {
  return Math.max(1, width / 64);
}

/** A text encoder over one batch of token ids, recorded only as deep as is asked for. */
export class TextStates {
  private readonly states: Tensor[];

  /** `embedded` is hidden state 0; each of `blocks` makes the next one. */
  constructor(
    embedded: Tensor,
    private readonly blocks: ((x: Tensor) => Tensor)[],
    private readonly finalNorm: Weights,
    private readonly projection?: (x: Tensor) => Tensor,
  ) {
    this.states = [embedded];
  }

  /** The number of layers; hidden states are numbered 0 to `layers`. */
  get layers(): number {
    return this.blocks.length;
  }

  /**
   * Hidden state k (N, L, width), without the final norm; negative k counts from the end, -1 is the last. UserError
   * outside.
   */
  hidden(k: number): Tensor {
    const index = k < 0 ? this.layers + 1 + k : k;
    if (index < 0 || index > this.layers) {
      throw new UsageError(
        `--clip_skip ${-k}: this text encoder has ${this.layers} layers; give 1 to ${this.layers}`,
      );
    }
    while (this.states.length <= index) {
      this.states.push(this.blocks[this.states.length - 1](this.states[this.states.length - 1]));
    }
    return this.states[index];
  }

  /** final_layer_norm(hidden(-clipSkip)): what SD1 and SD2 condition on. clipSkip 1 is the last layer. */
  normed(clipSkip = 1): Tensor {
    return layerNorm(this.hidden(-clipSkip), this.finalNorm);
  }

  /**
   * The state at one token of each row after the final norm, through the text projection: (N, projection width).
   * `rows` (N) i32 is n * L + the index of the first end-of-text token of row n.
   */
  pooled(rows: Tensor): Tensor {
    if (!this.projection) throw new TypeError("this text encoder has no text_projection");
    const last = this.normed();
    const [n, length, width] = last.shape;
    return this.projection(embedding(reshape(last, [n * length, width]), rows));
  }
}

/** Token plus position embeddings. ids (N, L) i32 -> (N, L, width). */
export function embed(ids: Tensor, tokens: Tensor, positions: Tensor): Tensor {
  const length = ids.shape[1];
  const place = positions.shape[0] === length ? positions : slice(positions, 0, 0, length);
  return add(embedding(tokens, ids), reshape(place, [1, length, positions.shape[1]]));
}

/** For `TextStates.pooled`: n * L + the place of the first `eos` in row n of ids (N * L values), or of token 0. */
export function eosRows(ids: ArrayLike<number>, length: number, eos = 49407): Int32Array {
  return Int32Array.from({ length: ids.length / length }, (_, n) => {
    for (let i = 0; i < length; i++) if (ids[n * length + i] === eos) return n * length + i;
    return n * length;
  });
}
