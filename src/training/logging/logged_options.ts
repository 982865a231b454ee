/** --log_config: the options of a run as sd-scripts gives them to its tracker, and what of the logging's options is idle. */

import { listed } from "../../base/phrases.ts";
import type { HyperParameters } from "../../formats/mod.ts";
import { camel, type Group, rowsOf, type Value } from "../../options/mod.ts";
import { reprOf } from "../../text/python_literal.ts";
import { floatRepr } from "../../text/python_number.ts";
import type { OutputConfig } from "../options.ts";
import { otherTrackers } from "./tracker_config.ts";

/** Where things lie, which sd-scripts leaves out (get_sanitized_config_or_none); secrets are left out by their rows. */
const UNSAID = [
  "pretrained_model_name_or_path",
  "vae",
  "tokenizer_cache_dir",
  "train_data_dir",
  "conditioning_data_dir",
  "reg_data_dir",
  "output_dir",
  "logging_dir",
];

/** Every option that does something, by name; lists as Python writes them. */
export function loggedOptions(config: object, groups: readonly Group[]): HyperParameters {
  const values = config as Readonly<Record<string, Value | undefined>>;
  return Object.fromEntries(
    Object.entries(rowsOf(groups))
      .filter(([name, { secret, support }]) =>
        !secret && support.kind === "supported" && !UNSAID.includes(name)
      )
      .map(([name, { type }]) => [name, logged(values[camel(name)] ?? null, type === "float")]),
  );
}

function logged(value: Value, isFloat: boolean): HyperParameters[string] {
  if (Array.isArray(value)) {
    const item = (x: string | number) =>
      typeof x === "string" ? reprOf(x) : isFloat ? floatRepr(x) : String(x);
    return `[${value.map(item).join(", ")}]`;
  }
  if (typeof value !== "object" || value === null) return value;
  return "steps" in value ? value.steps : value.ratio;
}

/** One line for each option of the logging that decides nothing in this run. */
export function loggingNotes(
  { loggingDir, logConfig, logTrackerConfig }: Pick<
    OutputConfig,
    "loggingDir" | "logConfig" | "logTrackerConfig"
  >,
): string[] {
  const given = [
    ...logConfig ? ["--log_config"] : [],
    ...logTrackerConfig === null ? [] : ["--log_tracker_config"],
  ];
  if (given.length > 0 && loggingDir === null) {
    return [`${listed(given)} ${given.length > 1 ? "have" : "has"} no effect without --logging_dir`];
  }
  const others = otherTrackers(logTrackerConfig);
  return others.length
    ? [`${logTrackerConfig}: ${listed(others)} is for other trackers and has no effect`]
    : [];
}
