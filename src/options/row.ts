/**
 * An option is one row of a group: sd-scripts' spelling as the key, its type, default and choices as data. Parser, help,
 * config files, "not supported yet" and the TypeScript type of the parsed values all come from the row.
 */

import type { StepsOrRatio } from "./steps.ts";

export type Scalar = string | number | boolean | StepsOrRatio;
export type Value = Scalar | null | string[] | number[];

/** Names as in the spec of sd-scripts' parsers, and "bytes" for sizes of memory. */
export type OptionType = "str" | "int" | "float" | "flag" | "int_or_float" | "Path" | "bytes";

/** Where a flag comes from: a version of sd-scripts, or easel alone. */
export const ORIGINS = ["0.9.1", "0.10.1", "0.11", "easel"] as const;

/** What easel does with a flag that was given. */
export type Support =
  | { readonly kind: "supported" }
  /** Accepted and named in one line, because nothing changes: `why` ends the sentence "--x has no effect: ". */
  | { readonly kind: "no effect"; readonly why: string }
  | { readonly kind: "not yet" };

export interface Option<T> {
  readonly type: OptionType;
  readonly default: T;
  /** null: one value; "*": any number; a count: that many. */
  readonly nargs: null | "*" | number;
  readonly choices: readonly (string | number)[] | null;
  /** Of the values that the reference knows those that do something here, for help and completion; absent: all. */
  readonly works?: readonly string[];
  /** What else serves those who want a value that does nothing here. */
  readonly instead?: string;
  /** Other values than those that work may be right too, in another spelling; who uses the value decides. */
  readonly open?: boolean;
  readonly help: string;
  readonly support: Support;
  /** Where an abbreviation fits several flags, those of the first of ORIGINS win. */
  readonly origin: typeof ORIGINS[number];
  /** Smallest and largest value, and one that it must be above, for numbers; all of them are finite anyway. */
  readonly min?: number;
  readonly max?: number;
  readonly above?: number;
  /** A further value that means the same as not giving the flag. */
  readonly unset?: string;
  /** "unset" where a 0 that comes from a file means the same: interfaces write it for "none of this". */
  readonly zeroInFiles?: "unset";
  /** What the path given leads to, for the help's placeholder and for completion. */
  readonly leadsTo?: PathKind;
  /** Never shown or written anywhere, in states neither: a key or token. */
  readonly secret?: boolean;
  /** A letter that stands for it after one dash. */
  readonly short?: string;
  /** An empty text is a value like others, which that of a path never is. */
  readonly mayBeEmpty?: boolean;
  /** No job starts without it. */
  readonly required?: boolean;
  /** What a run that goes on from a state may do with it; absent: change it, and the change is told. */
  readonly resumed?: Resumed;
}

/** "same": must not change, compared as `normal` gives it. "never": is not remembered, for it changes no result. */
export type Resumed = "never" | { readonly same: (value: Value) => Value };

/** Null until it is given, which it is before a job sees it. */
export interface RequiredOption<T extends Scalar | string[] | number[]> extends Option<T | null> {
  readonly required: true;
}

/** What changes nothing is no part of what a job is told. */
export interface IdleOption<T> extends Option<T> {
  readonly idle: true;
}

/** Files by what they hold; "file" is any. */
export type PathKind = "model" | "toml" | "json" | "text" | "file" | "folder";

export type AnyOption = Option<Value>;

type More = Pick<AnyOption, "min" | "max" | "above">;

type Or<T, D> = null extends D ? T | null : T;

const base = { nargs: null, choices: null, support: { kind: "supported" }, origin: "0.9.1" } as const;

export function str<D extends string | null>(standard: D, help: string): Option<Or<string, D>> {
  return { ...base, type: "str", default: standard as Or<string, D>, help };
}

export function path(help: string): Option<string | null> {
  return { ...base, type: "Path", default: null, help };
}

export function int<D extends number | null>(
  standard: D,
  help: string,
  more: More = {},
): Option<Or<number, D>> {
  return { ...base, ...more, type: "int", default: standard as Or<number, D>, help };
}

export function float<D extends number | null>(
  standard: D,
  help: string,
  more: More = {},
): Option<Or<number, D>> {
  return { ...base, ...more, type: "float", default: standard as Or<number, D>, help };
}

/** store_true. */
export function flag(help: string): Option<boolean> {
  return { ...base, type: "flag", default: false, help };
}

/** A string out of a list. */
export function choice<const C extends string, D extends C | null>(
  choices: readonly C[],
  standard: D,
  help: string,
): Option<Or<C, D>> {
  return { ...base, type: "str", choices, default: standard as Or<C, D>, help };
}

/** An integer out of a list. */
export function intChoice<const C extends number, D extends C | null>(
  choices: readonly C[],
  standard: D,
  help: string,
): Option<Or<C, D>> {
  return { ...base, type: "int", choices, default: standard as Or<C, D>, help };
}

export function strings(help: string): Option<string[] | null> {
  return { ...base, type: "str", nargs: "*", default: null, help };
}

export function floats(
  help: string,
  count: "*" | number = "*",
  more: More = {},
): Option<number[] | null> {
  return { ...base, ...more, type: "float", nargs: count, default: null, help };
}

/** A whole number is steps, a number below 1 or a percentage a share of all steps. */
export function stepsOrRatio(help: string): Option<StepsOrRatio> {
  return { ...base, type: "int_or_float", default: { steps: 0 }, help };
}

/** A size of memory: "6GB", "512 MB", "1.5g" or plain bytes; binary units. */
export function bytes(help: string): Option<number | null> {
  return { ...base, type: "bytes", default: null, help };
}

/** Without it no job starts. */
export function required<T extends Scalar | string[] | number[]>(f: Option<T | null>): RequiredOption<T> {
  return { ...f, required: true };
}

/** A run that goes on from a state must have the same value; those that `normal` makes equal are. */
export function same<T extends Value>(
  f: Option<T>,
  normal: (value: T) => Value = (value) => value,
): Option<T> {
  return { ...f, resumed: { same: normal as (value: Value) => Value } };
}

/** Says where and how to compute or whom to tell: a state does not remember it. */
export function forgotten<O extends AnyOption>(f: O): O {
  return { ...f, resumed: "never" };
}

/** Known with all of the reference's values, of which `works` are honoured: another one is refused by name. */
export function working<T>(works: readonly string[], f: Option<T>, instead?: string): Option<T> {
  return { ...f, works, ...instead && { instead } };
}

/** Names that are right, while whoever uses the value takes other spellings too. */
export function named<T>(works: readonly string[], f: Option<T>): Option<T> {
  return { ...f, works, open: true };
}

/** Also as "". */
export function mayBeEmpty<O extends AnyOption>(f: O): O {
  return { ...f, mayBeEmpty: true };
}

/** Known by name only: giving it a value other than its default is an error. */
export function notYet<T>(f: Option<T>): Option<T> {
  return { ...f, support: { kind: "not yet" } };
}

/** Accepted, because here it changes nothing; the user is told. */
export function noEffect<T>(why: string, f: Option<T>): IdleOption<T> {
  return { ...f, idle: true, support: { kind: "no effect", why } };
}

/** Not in sd-scripts 0.9.1 but in `origin`. */
export function newer<O extends AnyOption>(f: O, origin: "0.10.1" | "0.11" = "0.10.1"): O {
  return { ...f, origin };
}

/** The value is a path. */
export function pathTo<O extends AnyOption>(kind: PathKind, f: O): O {
  return { ...f, leadsTo: kind };
}

/** `-s` means it too. */
export function short<O extends AnyOption>(letter: string, f: O): O {
  return { ...f, short: letter };
}

/** The value is a key or token: left out of written configuration files, masked in reports. */
export function secret<O extends AnyOption>(f: O): O {
  return { ...f, secret: true };
}

/** `text` means the same as not giving the flag. */
export function sameAsUnset<T>(text: string, f: Option<T>): Option<T> {
  return { ...f, unset: text };
}

/** In a file, 0 means the same as not giving the flag. */
export function idleZero<O extends AnyOption>(f: O): O {
  return { ...f, zeroInFiles: "unset" };
}

/** easel's own. */
export function own<O extends AnyOption>(f: O): O {
  return { ...f, origin: "easel" };
}
