/** Trackers and console. */

import { choice, family, flag, noEffect, notYet, own, pathTo, secret, str, working } from "../flag.ts";

const ONLY_WANDB = "only --log_with wandb reads it";

export const loggingFlags = family("Logging", {
  logging_dir: pathTo("folder", str(null, "folder for logs; a time-stamped sub-folder is made")),
  log_with: working(["tensorboard"], choice(["tensorboard", "wandb", "all"], null, "tracker")),
  log_prefix: str(null, "prefix of the log sub-folder"),
  log_tracker_name: str(null, "tracker project name"),
  wandb_run_name: noEffect(ONLY_WANDB, str(null, "run name for wandb")),
  log_tracker_config: notYet(pathTo("toml", str(null, "TOML with tracker init arguments"))),
  wandb_api_key: secret(noEffect(ONLY_WANDB, str(null, "wandb key"))),
  log_config: notYet(flag("store the training options in the tracker (secrets and paths removed)")),
});

export const consoleFlags = family("Console", {
  console_log_level: choice(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], null, "console log level"),
  console_log_file: pathTo("file", str(null, "log to this file instead of stderr")),
  console_log_simple: noEffect("lines are plain anyway", flag("plain lines instead of rich output")),
});

/** For every command that works for a while. */
export const automationFlags = family("Automation", {
  json: own(flag("events on standard output, one JSON object a line: see docs/automation.md")),
});
