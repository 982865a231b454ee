/**
 * JSON as Python's json module reads and writes it: keys stay in the order of the file, also those that look like numbers,
 * and a number stays what it was (1.0, an integer of any length), so that a file passes through unchanged but for its layout.
 */

import { floatRepr } from "./python_number.ts";

/** A number as Python writes it: "1.0", "1e-07", "12345678901234567890". */
export class JsonNumber {
  constructor(readonly text: string) {}
}

export type JsonValue = null | boolean | string | JsonNumber | JsonValue[] | JsonTable;
export type JsonTable = Map<string, JsonValue>;

const WORDS: Readonly<Record<string, JsonValue>> = {
  null: null,
  true: true,
  false: false,
  NaN: new JsonNumber("NaN"),
  Infinity: new JsonNumber("Infinity"),
  "-Infinity": new JsonNumber("-Infinity"),
};

const BLANKS = /[ \t\n\r]*/y;
const WORD = /null|true|false|NaN|-?Infinity/y;
const NUMBER = /(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][-+]?[0-9]+)?/y;
// deno-lint-ignore no-control-regex -- JSON forbids them inside a text
const TEXT = /"[^"\\\x00-\x1f]*(?:\\.[^"\\\x00-\x1f]*)*"/y;

/** Deeper ones are no data. */
const DEEPEST = 500;

/** json.loads(). Throws SyntaxError for anything else. */
export function parsePythonJson(text: string): JsonValue {
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found) at += found[0].length;
    return found;
  };
  const fail = (wanted: string): never => {
    const line = text.slice(0, at).split("\n").length;
    throw new SyntaxError(`line ${line}: ${wanted} is wanted at "${text.slice(at, at + 20)}"`);
  };
  /** Past blanks and the character, or no further than the blanks. */
  const skip = (character: string): boolean => {
    take(BLANKS);
    if (text[at] !== character) return false;
    at++;
    return true;
  };
  const string = (): string => {
    take(BLANKS);
    const found = take(TEXT);
    return found ? JSON.parse(found[0]) : fail("a text between double quotes");
  };
  const items = (end: string, one: () => void) => {
    if (skip(end)) return;
    do one(); while (skip(","));
    if (!skip(end)) fail(`, or ${end}`);
  };
  const value = (depth: number): JsonValue => {
    if (depth > DEEPEST) fail(`no more than ${DEEPEST} levels`);
    if (skip("{")) {
      const table: JsonTable = new Map();
      items("}", () => {
        const key = string();
        if (!skip(":")) fail(":");
        table.set(key, value(depth + 1));
      });
      return table;
    }
    if (skip("[")) {
      const list: JsonValue[] = [];
      items("]", () => list.push(value(depth + 1)));
      return list;
    }
    if (text[at] === '"') return string();
    const word = take(WORD), number = word ? null : take(NUMBER);
    if (word) return WORDS[word[0]];
    return number ? new JsonNumber(pythonText(number)) : fail("a value");
  };
  const result = value(0);
  take(BLANKS);
  return at === text.length ? result : fail("the end");
}

/** repr() of what Python makes of the digits. */
function pythonText([all, whole, point, exponent]: RegExpExecArray): string {
  if (point !== undefined || exponent !== undefined) return jsonFloat(Number(all));
  return whole === "-0" ? "0" : whole;
}

/** A float as json.dumps() writes it. */
export function jsonFloat(value: number): string {
  const text = floatRepr(value);
  return { nan: "NaN", inf: "Infinity", "-inf": "-Infinity" }[text] ?? text;
}

/** json.dumps(value, indent=2): only ASCII, no line break at the end. */
export function pythonJson(value: JsonValue, indent = ""): string {
  if (typeof value === "string") return asciiJson(value);
  if (value instanceof JsonNumber) return value.text;
  const deeper = indent + "  ";
  if (value instanceof Map) {
    return block("{}", [...value].map(([k, v]) => `${asciiJson(k)}: ${pythonJson(v, deeper)}`), indent);
  }
  return Array.isArray(value)
    ? block("[]", value.map((item) => pythonJson(item, deeper)), indent)
    : String(value);
}

function block([open, close]: string, lines: readonly string[], indent: string): string {
  if (lines.length === 0) return open + close;
  return `${open}\n${lines.map((line) => `${indent}  ${line}`).join(",\n")}\n${indent}${close}`;
}

/** A text between double quotes with everything beyond ASCII escaped, and DEL. */
export function asciiJson(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
