/**
 * Python literals as ast.literal_eval reads them: numbers, strings, True, False, None, tuples with or without
 * parentheses, lists, dicts and sets. Complex numbers and bytes are left out, for no option takes them.
 */

import { floatRepr } from "./python_number.ts";

export type PythonLiteral =
  | number
  | string
  | boolean
  | null
  | PythonLiteral[]
  | Set<PythonLiteral>
  | Map<PythonLiteral, PythonLiteral>;

/** A value and how repr() writes it, which tells 1 from 1.0 and a tuple from a list. */
export interface ReadLiteral {
  readonly value: PythonLiteral;
  readonly repr: string;
}

const DIGITS = String.raw`\d(?:_?\d)*`;
const EXPONENT = `[eE][+-]?${DIGITS}`;
const FLOAT = new RegExp(
  `(?:(?:${DIGITS}\\.(?:${DIGITS})?|\\.${DIGITS})(?:${EXPONENT})?|${DIGITS}${EXPONENT})`,
  "y",
);
const INT = /0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|0(?:_?0)*|[1-9](?:_?\d)*/y;
const STRING = /(r|u)?('''|"""|'|")/iy;
const WORD = /True|False|None|set\(\s*\)/y;

const WORDS: Readonly<Record<string, PythonLiteral>> = { True: true, False: false, None: null };
const ESCAPES: Readonly<Record<string, string>> = {
  ...{ "\\": "\\", "'": "'", '"': '"', "\n": "" },
  ...{ a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" },
};
const HEX: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** More brackets inside each other than this are refused, as Python refuses them a little later. */
const MAX_DEPTH = 100;

/** Reads a whole text. Throws SyntaxError for what is no such literal. */
export function readLiteral(text: string): ReadLiteral {
  const reader = new Reader(text);
  const found = reader.list("", 0);
  return found.items.length === 1 && !found.comma ? found.items[0] : tuple(found.items);
}

/** str() of the value: what a format string puts into a sentence. */
export function strOf({ value, repr }: ReadLiteral): string {
  return typeof value === "string" ? value : repr;
}

function tuple(items: readonly ReadLiteral[]): ReadLiteral {
  const inner = items.map((item) => item.repr).join(", ");
  return { value: items.map((item) => item.value), repr: `(${inner}${items.length === 1 ? "," : ""})` };
}

class Reader {
  #at = 0;
  constructor(readonly text: string) {}

  /** Values up to `end`, which is taken too; "" is the end of the text. `comma`: whether there was any. */
  list(end: string, depth: number): { items: ReadLiteral[]; comma: boolean } {
    const items: ReadLiteral[] = [];
    for (let comma = false;; comma = true) {
      if (this.#ends(end)) {
        if (end === "" && items.length === 0) this.#fail();
        return { items, comma };
      }
      items.push(this.#value(depth));
      if (this.#ends(end)) return { items, comma };
      if (!this.#take(",")) this.#fail();
    }
  }

  #value(depth: number): ReadLiteral {
    if (depth > MAX_DEPTH) this.#fail();
    if (this.#take("(")) {
      const { items, comma } = this.list(")", depth + 1);
      return items.length === 1 && !comma ? items[0] : tuple(items);
    }
    if (this.#take("[")) {
      const { items } = this.list("]", depth + 1);
      return {
        value: items.map((item) => item.value),
        repr: `[${items.map((item) => item.repr).join(", ")}]`,
      };
    }
    if (this.#take("{")) return this.#braces(depth + 1);
    const sign = this.#take("-") ? "-" : this.#take("+") ? "+" : null;
    return sign ? this.#signed(sign, depth + 1) : this.#string() ?? this.#number() ?? this.#word();
  }

  #signed(sign: string, depth: number): ReadLiteral {
    if (/[+-]/.test(this.#peek())) this.#fail();
    const { value, repr } = this.#value(depth);
    if (typeof value !== "number") this.#fail();
    if (sign === "+") return { value, repr };
    return { value: -value, repr: repr.startsWith("-") ? repr.slice(1) : repr === "0" ? "0" : `-${repr}` };
  }

  /** A dict, or a set. {} is a dict. */
  #braces(depth: number): ReadLiteral {
    const keys: ReadLiteral[] = [], values: ReadLiteral[] = [];
    while (!this.#ends("}")) {
      if (keys.length > 0 && !(this.#take(",") && !this.#ends("}", false))) {
        if (this.#ends("}")) break;
        this.#fail();
      }
      keys.push(this.#value(depth));
      const paired = this.#take(":");
      if (keys.length > 1 && paired !== values.length > 0) this.#fail();
      if (paired) values.push(this.#value(depth));
    }
    const reprs = keys.map(({ repr }, i) => values.length > 0 ? `${repr}: ${values[i].repr}` : repr);
    const value = values.length > 0 || keys.length === 0
      ? new Map(keys.map((key, i) => [key.value, values[i].value]))
      : new Set(keys.map((key) => key.value));
    return { value, repr: `{${reprs.join(", ")}}` };
  }

  #number(): ReadLiteral | null {
    const float = this.#match(FLOAT), digits = float ?? this.#match(INT);
    if (digits === null) return null;
    if (/[\w.]/.test(this.text[this.#at] ?? "")) this.#fail(); // 1j, 1x, 1.2.3, 01
    const plain = digits.replaceAll("_", "");
    if (float !== null) return { value: Number(plain), repr: floatRepr(Number(plain)) };
    return { value: Number(plain), repr: String(BigInt(plain)) };
  }

  #word(): ReadLiteral {
    const word = this.#match(WORD);
    if (word === null || /\w/.test(this.text[this.#at] ?? "")) this.#fail();
    if (word.startsWith("set")) return { value: new Set(), repr: "set()" };
    return { value: WORDS[word], repr: word };
  }

  /** Strings that follow each other are one. */
  #string(): ReadLiteral | null {
    let value: string | null = null;
    for (let opening = this.#match(STRING); opening !== null; opening = this.#match(STRING)) {
      value = (value ?? "") + this.#rest(opening);
    }
    return value === null ? null : { value, repr: reprOf(value) };
  }

  /** A string's characters after its opening quotes. */
  #rest(opening: string): string {
    const raw = /^r/i.test(opening), quote = opening.replace(/^[ru]/i, "");
    let out = "";
    while (!this.text.startsWith(quote, this.#at)) {
      const c = this.text[this.#at++];
      if (c === undefined || (c === "\n" && quote.length === 1)) this.#fail();
      if (c !== "\\") out += c;
      else if (raw) out += c + (this.text[this.#at++] ?? "");
      else out += this.#escape();
    }
    this.#at += quote.length;
    return out;
  }

  #escape(): string {
    const c = this.text[this.#at++] ?? this.#fail();
    if (Object.hasOwn(ESCAPES, c)) return ESCAPES[c];
    const octal = /[0-7]{1,3}/y, digits = new RegExp(`[0-9a-fA-F]{${HEX[c] ?? 0}}`, "y");
    if (/[0-7]/.test(c)) {
      octal.lastIndex = --this.#at;
      const [found] = octal.exec(this.text)!;
      this.#at += found.length;
      return String.fromCodePoint(parseInt(found, 8));
    }
    if (!Object.hasOwn(HEX, c)) return `\\${c}`; // Python keeps both, with a warning
    digits.lastIndex = this.#at;
    const code = parseInt(digits.exec(this.text)?.[0] ?? this.#fail(), 16);
    if (code > 0x10ffff) this.#fail();
    this.#at += HEX[c];
    return String.fromCodePoint(code);
  }

  #ends(end: string, take = true): boolean {
    if (end === "") return this.#peek() === "";
    return take ? this.#take(end) : this.#peek() === end;
  }

  /** The next character that is no blank, "" at the end. */
  #peek(): string {
    while (/[ \t\n\r\f]/.test(this.text[this.#at] ?? "")) this.#at++;
    return this.text[this.#at] ?? "";
  }

  #take(c: string): boolean {
    if (this.#peek() !== c) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): string | null {
    this.#peek();
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.text)?.[0];
    if (found === undefined) return null;
    this.#at += found.length;
    return found;
  }

  #fail(): never {
    throw new SyntaxError(`${JSON.stringify(this.text)} is not a Python literal`);
  }
}

// deno-lint-ignore no-control-regex -- what Python does not print as it is
const ESCAPED = /[\\\x00-\x1f\x7f-\xa0\xad]/g;
const NAMED: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** repr() of a text. */
export function reprOf(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const inner = text.replace(
    ESCAPED,
    (c) => NAMED[c] ?? `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return quote + (quote === "'" ? inner.replaceAll("'", "\\'") : inner) + quote;
}
