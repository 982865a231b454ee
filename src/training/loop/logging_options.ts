/** Trackers and console. */

import {
  choice,
  flag,
  group,
  noEffect,
  notYet,
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
  log_tracker_config: notYet(pathTo("toml", str(null, "TOML with tracker init arguments"))),
  wandb_api_key: secret(noEffect(ONLY_WANDB, str(null, "wandb key"))),
  log_config: notYet(flag("store the training options in the tracker (secrets and paths removed)")),
});
