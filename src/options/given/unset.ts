/**
 * Values that mean "not given". Interfaces write every field of their forms into a configuration file, empty ones too,
 * and sd-scripts checks neither types nor choices of what comes from there.
 */

import type { AnyOption } from "../mod.ts";

/** Whether a file's value is the same as leaving the key out. */
export function isUnset(row: AnyOption, value: unknown): boolean {
  if (value === "" || isNoneText(row, value)) return true;
  if (row.type === "flag") return false;
  if (value === false) return true;
  if (row.nargs === null && Array.isArray(value)) return value.length === 0;
  return isUnsetText(row, value) || isIdleZero(row, value);
}

/** Python's None as an interface may write it, but for names and other free texts, which may be called so. */
function isNoneText(row: AnyOption, value: unknown): boolean {
  if (typeof value !== "string" || value.toLowerCase() !== "none" || row.choices?.includes(value)) {
    return false;
  }
  return row.type !== "str" || row.leadsTo !== undefined || row.choices !== null;
}

/** 75 tokens for --max_token_length, "no" for --dynamo_backend: meant so on the command line as well. */
export function isUnsetText(row: AnyOption, value: unknown): boolean {
  return row.unset !== undefined && String(value) === row.unset;
}

/** An empty text where a path or one of a few words is wanted, as in `--vae "$VAE"`. */
export function isEmptyWord(row: AnyOption, text: string): boolean {
  return text === "" && row.nargs === null && (row.leadsTo !== undefined || row.choices !== null);
}

/** 0 where a file's 0 can only mean that there is to be none of it. */
export function isIdleZero(row: AnyOption, value: unknown): boolean {
  if (Number(value) !== 0 || value === "" || typeof value === "boolean" || Array.isArray(value)) return false;
  return row.zeroInFiles === "unset" || (row.support.kind === "not yet" && row.default === null);
}
