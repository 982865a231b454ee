/** Readers of what JSON.parse gives: each checks one kind of value and names the place of one that is wrong. */

/** Checks a value that stands at `at`, such as "position.epoch". Throws WrongField. */
export type Reader<T> = (value: unknown, at: string) => T;

export class WrongField extends Error {
  constructor(at: string, value: unknown, wanted: string) {
    super(value === undefined ? `${at} is missing` : `${at} is ${shown(value)}, ${wanted} is wanted`);
  }
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

function reader<T>(wanted: string, fits: (value: unknown) => boolean): Reader<T> {
  return (value, at) => {
    if (!fits(value)) throw new WrongField(at, value, wanted);
    return value as T;
  };
}

/** 0, 1, 2, ... */
export const count = reader<number>(
  "a whole number from 0",
  (x) => Number.isSafeInteger(x) && x as number >= 0,
);
export const integer = reader<number>("a whole number", Number.isSafeInteger);
export const number = reader<number>("a number", Number.isFinite);
export const positive = reader<number>("a number above 0", (x) => Number.isFinite(x) && x as number > 0);
export const text = reader<string>("a text", (x) => typeof x === "string");
export const truth = reader<boolean>("true or false", (x) => typeof x === "boolean");
export const word = reader<number>(
  "a whole number below 2^32",
  (x) => Number.isInteger(x) && x as number >= 0 && x as number < 2 ** 32,
);
export const sha256 = reader<string>("a SHA-256", (x) => typeof x === "string" && /^[0-9a-f]{64}$/.test(x));

/** JSON writes numbers that are none as null. */
export const numberOrNaN: Reader<number> = (value, at) => value === null ? NaN : number(value, at);

export function orNull<T>(read: Reader<T>): Reader<T | null> {
  return (value, at) => value === null ? null : read(value, at);
}

export function listOf<T>(read: Reader<T>, length?: number): Reader<T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) throw new WrongField(at, value, "a list");
    if (length !== undefined && value.length !== length) {
      throw new WrongField(`${at}.length`, value.length, String(length));
    }
    return value.map((item, i) => read(item, `${at}[${i}]`));
  };
}

/** Any names, values of one kind. */
export function namesTo<T>(read: Reader<T>): Reader<Record<string, T>> {
  return (value, at) =>
    Object.fromEntries(
      Object.entries(plain(value, at)).map(([name, item]) => [name, read(item, `${at}.${name}`)]),
    );
}

/** Just these names; what else there is is left out. */
export function object<T>(fields: { readonly [Name in keyof T]-?: Reader<T[Name]> }): Reader<T> {
  return (value, at) => {
    const from = plain(value, at);
    const names = Object.keys(fields) as (keyof T & string)[];
    const own = (name: string) => Object.hasOwn(from, name) ? from[name] : undefined;
    return Object.fromEntries(
      names.map((name) => [name, fields[name](own(name), at ? `${at}.${name}` : name)]),
    ) as T;
  };
}

function plain(value: unknown, at: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new WrongField(at || "it", value, "an object");
  }
  return value as Record<string, unknown>;
}
