/** The page's words in the languages that it speaks; each view has a table of its own beside this file. */

import { useEffect, useState } from "preact/hooks";
import { keep, kept } from "../kept.ts";

/** English, Korean, Japanese. `{name}` is filled in. */
export type Row = readonly [en: string, ko: string, ja: string];
export type Words = Readonly<Record<string, Row>>;

export const LANGUAGES = [
  { code: "en", name: "English" },
  { code: "ko", name: "한국어" },
  { code: "ja", name: "日本語" },
] as const;

export type Language = typeof LANGUAGES[number]["code"];

const listeners = new Set<() => void>();
let language: Language = kept("language") as Language ?? preferred(globalThis.navigator?.languages ?? []);
if (!LANGUAGES.some(({ code }) => code === language)) language = "en";
applyLanguage();

/** The first of the browser's languages that there is here. */
export function preferred(languages: readonly string[]): Language {
  for (const wanted of languages) {
    const found = LANGUAGES.find(({ code }) => wanted.toLowerCase().split("-")[0] === code);
    if (found) return found.code;
  }
  return "en";
}

export function setLanguage(code: string): void {
  language = code as Language;
  keep("language", code);
  applyLanguage();
  for (const listener of listeners) listener();
}

function applyLanguage(): void {
  if (globalThis.document) document.documentElement.lang = language;
}

/** Draws anew when it changes. */
export function useLanguage(): Language {
  const [now, set] = useState(language);
  useEffect(() => {
    const listener = () => set(language);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return now;
}

/** The words of a table in the language that is spoken now. */
export function useWords<W extends Words>(table: W): { readonly [K in keyof W]: string } {
  return spoken(table, useLanguage());
}

/** The same for what is no part of a view: as it is spoken at this moment. */
export function said<W extends Words>(table: W): { readonly [K in keyof W]: string } {
  return spoken(table, language);
}

export function spoken<W extends Words>(table: W, code: Language): { readonly [K in keyof W]: string } {
  const at = LANGUAGES.findIndex((language) => language.code === code);
  return Object.fromEntries(Object.entries(table).map(([name, row]) => [name, row[at]])) as {
    readonly [K in keyof W]: string;
  };
}

/** "{n} pictures" with `{ n: 3 }` -> "3 pictures". */
export function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (all, name) => Object.hasOwn(values, name) ? String(values[name]) : all);
}

/** "1,234.5" as the language writes it. */
export function number(value: number, digits = 0): string {
  return value.toLocaleString(language, { maximumFractionDigits: digits });
}
