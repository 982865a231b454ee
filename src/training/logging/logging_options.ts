/** Trackers and console. */

import {
  choice,
  flag,
  group,
  noEffect,
  pathTo,
  sameAsUnset,
  secret,
  str,
  working,
} from "../../options/mod.ts";

const ONLY_WANDB = "only --log_with wandb reads it";

export const loggingOptions = group("Logging", {
  logging_dir: pathTo("folder", str(null, "folder for logs; a time-stamped sub-folder is made")),
  log_with: working(
    ["tensorboard"],
    choice(["tensorboard", "wandb", "all"], null, "tracker"),
    "whose files any TensorBoard shows; --json prints the same numbers for scripts",
  ),
  log_prefix: str(null, "prefix of the log sub-folder"),
  log_tracker_name: sameAsUnset("", str(null, "tracker project name")),
  wandb_run_name: noEffect(ONLY_WANDB, str(null, "run name for wandb")),
  log_tracker_config: pathTo(
    "toml",
    str(null, "TOML whose table [tensorboard] has filename_suffix or purge_step for TensorBoard's files"),
  ),
  wandb_api_key: secret(noEffect(ONLY_WANDB, str(null, "wandb key"))),
  log_config: flag(
    "show the training's options on TensorBoard's page HPARAMS, without secrets and where model, images and outputs lie",
  ),
});
