/** Reading single values of network_args. */

import { UsageError } from "../../base/errors.ts";
import { pythonFloat } from "../../text/python_number.ts";

/** The scale is value / rank. An integer is written as int64 when no save precision is given, as PyTorch does. */
export interface Alpha {
  readonly value: number;
  readonly integer: boolean;
}

export function wholeAlpha(value: number): Alpha {
  return { value, integer: true };
}

export function floatAlpha(value: number): Alpha {
  return { value, integer: false };
}

/** A float as Python's float() reads it, without infinities and NaN. */
export function number(key: string, text: string): number {
  const value = pythonFloat(text);
  if (value === null || !Number.isFinite(value)) {
    throw new UsageError(`--network_args ${key}=${text}: ${JSON.stringify(text)} is not a number`);
  }
  return value;
}

export function integer(key: string, text: string): number {
  const value = number(key, text);
  if (!Number.isInteger(value) || value < 0) {
    throw new UsageError(`--network_args ${key}=${text}: give a whole number, 0 or more`);
  }
  return value;
}

export function loraPlusRatio(key: string, text: string): number {
  const value = number(key, text);
  if (value < 0) throw new UsageError(`--network_args ${key}=${text}: give a ratio of 0 or more`);
  return value;
}

/** Below 1, because what remains is scaled by 1 / (1 - p). `flag` is named in the error. */
export function probability(flag: string, value: number): number {
  if (!(value >= 0 && value < 1)) {
    throw new UsageError(`${flag}=${value}: give a probability from 0 up to, not including, 1`);
  }
  return value;
}

/** A truth as Python's arguments are written: True, 1, yes; anything else that is given says no. */
export function truth(key: string, text: string): boolean {
  const value = text.trim().toLowerCase();
  if (/^(true|1|yes|y|on)$/.test(value)) return true;
  if (/^(false|0|no|n|off|none|)$/.test(value)) return false;
  throw new UsageError(`--network_args ${key}=${text}: give True or False`);
}
