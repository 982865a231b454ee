/** --log_tracker_config: what sd-scripts hands on to TensorBoard's SummaryWriter. */

import { UserError } from "../../base/errors.ts";
import { nameProblem } from "../../base/files/inside_name.ts";
import { guess, listed } from "../../base/phrases.ts";
import { plainToml, readToml } from "../../formats/toml.ts";

export interface TrackerConfig {
  /** Ends the names of the event files. */
  readonly suffix?: string;
  /** Steps from here on that earlier files hold are not shown. */
  readonly purgeStep?: number;
}

const isCount = (value: unknown) => Number.isSafeInteger(value) && value as number >= 0;

/** SummaryWriter's arguments; the folder is --logging_dir's, events are written at once, and `comment` only names a folder. */
const ARGUMENTS: Readonly<Record<string, { fits: (value: unknown) => boolean; wanted: string }>> = {
  filename_suffix: {
    fits: (value) => typeof value === "string" && nameProblem(`events${value}`, { folders: false }) === null,
    wanted: "a text that ends a file's name",
  },
  purge_step: { fits: isCount, wanted: "a step" },
  max_queue: { fits: isCount, wanted: "a count" },
  flush_secs: { fits: isCount, wanted: "seconds" },
  comment: { fits: (value) => typeof value === "string", wanted: "a text" },
};

/** Nothing without a file. Throws UserError for what TensorBoard's writer does not take. */
export function readTrackerConfig(path: string | null): TrackerConfig {
  const { tensorboard = {} } = readTables(path);
  if (typeof tensorboard !== "object" || tensorboard === null || Array.isArray(tensorboard)) {
    throw new UserError(`${path}: tensorboard is no table; write [tensorboard] on a line of its own`);
  }
  for (const [key, value] of Object.entries(tensorboard)) {
    const names = Object.keys(ARGUMENTS);
    if (!names.includes(key)) {
      throw new UserError(
        `${path}: [tensorboard] takes no ${key}${guess(key, names)}; it takes ${listed(names)}`,
      );
    }
    const { fits, wanted } = ARGUMENTS[key];
    if (!fits(value)) {
      throw new UserError(`${path}: [tensorboard] ${key} is ${JSON.stringify(value)}; give ${wanted}`);
    }
  }
  const { filename_suffix: suffix, purge_step: purgeStep } = tensorboard as Record<string, never>;
  return { suffix, purgeStep };
}

/** Tables and keys of the file that no TensorBoard reads. */
export function otherTrackers(path: string | null): string[] {
  return Object.keys(readTables(path)).filter((name) => name !== "tensorboard");
}

function readTables(path: string | null): Record<string, unknown> {
  return path === null ? {} : plainToml(readToml(path)) as Record<string, unknown>;
}
