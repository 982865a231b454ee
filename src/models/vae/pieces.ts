/** The large layers of an autoencoder, one resnet after the other: what can be computed in bands of rows. */

import type { Tensor } from "../../graph/mod.ts";
import type { Weights } from "../weights.ts";

export interface VaePiece {
  /** The resnet's place below `first_stage_model`. */
  readonly block: string;
  /** Rows that it sees by rows that come in: 1, 2, or 1/2. */
  readonly scale: number;
  /** What comes before it: nothing, or one convolution. `w` is the scope `first_stage_model`. */
  enter(x: Tensor, w: Weights): Tensor;
  /** How many convolutions of 3x3 that is. */
  readonly convolutions: 0 | 1;
}
