/** What a request says, checked before it is believed. */

import { type Asked, Refused, type Studio } from "./studio.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** The body as an object. Throws Refused. */
export async function bodyOf(asked: Asked): Promise<Fields> {
  const body = await asked.json();
  if (typeof body !== "object" || body === null || Array.isArray(body)) throw wrong("the body", "an object");
  return body as Fields;
}

/** A path of the query, in one of the studio's folders. Throws Refused. */
export function pathField({ url }: Asked, { folders }: Studio, name: string): string {
  const path = url.searchParams.get(name);
  if (!path) throw wrong(name, "a path");
  return folders.inside(path);
}

/** The query as an object: what stands there once is a text. */
export function queryOf({ url }: Asked): Fields {
  return Object.fromEntries(url.searchParams);
}

export function wordField(fields: Fields, name: string, fallback?: string): string {
  const value = fields[name] ?? fallback;
  if (typeof value !== "string") throw wrong(name, "a text");
  return value;
}

export function flagField(fields: Fields, name: string, fallback?: boolean): boolean {
  const value = fields[name] ?? fallback;
  if (value === "true" || value === "false") return value === "true";
  if (typeof value !== "boolean") throw wrong(name, "true or false");
  return value;
}

/** A whole number, in a query as its digits. */
export function numberField(fields: Fields, name: string, fallback?: number): number {
  const value = fields[name] ?? fallback;
  const number = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
  if (!Number.isSafeInteger(number) || (number as number) < 0) throw wrong(name, "a whole number");
  return number as number;
}

export function wordsField(fields: Fields, name: string): string[] {
  const value = fields[name];
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) {
    throw wrong(name, "a list of texts");
  }
  return value;
}

export function choiceField<T extends string>(
  fields: Fields,
  name: string,
  choices: readonly T[],
  fallback?: T,
): T {
  const value = fields[name] ?? fallback;
  if (!choices.includes(value as T)) throw wrong(name, `one of ${choices.join(", ")}`);
  return value as T;
}

function wrong(name: string, wanted: string): Refused {
  return new Refused(400, `${name}: ${wanted} is wanted`);
}
