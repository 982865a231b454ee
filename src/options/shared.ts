/** Options of many jobs that no room alone obeys: those of the program around a job, and --compat. */

import { type ConfigOf, forgottenGroup, group } from "./group.ts";
import { choice, flag, noEffect, own, pathTo, same, str } from "./row.ts";

/** Why the flags that choose an attention change nothing. */
export const ONE_ATTENTION = "easel has one attention, and it never holds the whole matrix";

export const configFileOptions = forgottenGroup("Configuration file", {
  config_file: pathTo("toml", str(null, "TOML with options; sections are flattened; command line wins")),
  output_config: flag("write the options that differ from defaults to config_file and exit"),
});

/** For every command that sd-scripts has too. */
export const compatOptions = group("Compatibility", {
  compat: own(
    same(choice(["0.9.1"], null, "reproduce sd-scripts of this version even where it is plainly wrong")),
  ),
});
export type CompatConfig = ConfigOf<typeof compatOptions>;

export const consoleOptions = forgottenGroup("Console", {
  console_log_level: choice(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], null, "console log level"),
  console_log_file: pathTo("file", str(null, "log to this file instead of stderr")),
  console_log_simple: noEffect("lines are plain anyway", flag("plain lines instead of rich output")),
});

/** For every command that works for a while. */
export const automationOptions = forgottenGroup("Automation", {
  json: own(flag("events on standard output, one JSON object a line: see docs/automation.md")),
});
