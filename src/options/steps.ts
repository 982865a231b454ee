/** `--lr_warmup_steps` and `--lr_decay_steps`: a number of steps, or a share of the whole run. */
import { UsageError } from "../base/errors.ts";

/** The reference's int (steps) and float (ratio of all steps). */
export type StepsOrRatio = { steps: number } | { ratio: number };

/**
 * Reads `10` (steps), `0.1` (ratio) or `5%` (ratio) like train_util's int_or_float: a value below 1 is a ratio, from 1
 * on it must be written as an integer. Throws UsageError otherwise.
 */
export function parseStepsOrRatio(text: string): StepsOrRatio {
  const percent = text.endsWith("%");
  const digits = (percent ? text.slice(0, -1) : text).trim();
  const value = Number(digits);
  if (digits === "" || !Number.isFinite(value)) {
    throw new UsageError(`"${text}" is neither a number of steps nor a ratio; write 10, 0.1 or 5%`);
  }
  if (percent) return { ratio: value / 100 };
  if (value < 1) return { ratio: value };
  if (!/^\+?\d+$/.test(digits)) {
    throw new UsageError(
      `"${text}" is from 1 on and not an integer; write ${Math.trunc(value)} steps or a ratio below 1`,
    );
  }
  return { steps: value };
}

/** Steps out of `total`; a ratio is truncated like Python's int(). */
export const resolveSteps = (value: StepsOrRatio, total: number): number =>
  "steps" in value ? value.steps : Math.trunc(value.ratio * total);
