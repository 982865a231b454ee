/** What only sdxl_train_control_net_lllite has. */

import { float, group, int, pathTo, SHARE, str } from "../../../options/mod.ts";

/** The sizes that sd-scripts' network has where nobody names any. */
export const STANDARD_SIZE = 16;

export const llliteOptions = group("ControlNet-LLLite", {
  cond_emb_dim: int(
    null,
    `values for a position of the conditioning picture; unset = of network_weights, else ${STANDARD_SIZE}`,
    { min: 2, max: 65536 },
  ),
  network_dim: int(null, `values inside a module; unset = of network_weights, else ${STANDARD_SIZE}`, {
    min: 1,
    max: 65536,
  }),
  network_weights: pathTo("model", str(null, "LLLite file to start from")),
  network_dropout: float(
    null,
    "dropout of the values inside; with --compat only beside --gradient_checkpointing",
    SHARE,
  ),
});
