/**
 * The values of `--optimizer_args` and `--lr_scheduler_args`: `key=value` with a Python literal on the right
 * (numbers, strings, True, False, None, tuples and lists), as the reference reads them with ast.literal_eval.
 */
import { UsageError } from "../../base/errors.ts";

export type PythonLiteral = number | string | boolean | null | PythonLiteral[];

/** Reads one Python literal; throws UsageError for anything else. */
export function pythonLiteral(text: string): PythonLiteral {
  let at = 0;
  const blank = () => {
    while (at < text.length && /\s/.test(text[at])) at++;
  };
  const fail = (): never => {
    throw new UsageError(
      `"${text}" is not a Python literal: use a number, a quoted string, True, False or (a, b)`,
    );
  };
  const sequence = (end: string): PythonLiteral[] => {
    const items: PythonLiteral[] = [];
    at++;
    for (blank(); text[at] !== end; blank()) {
      items.push(value());
      blank();
      if (text[at] === ",") at++;
      else if (text[at] !== end) fail();
    }
    at++;
    return items;
  };
  const value = (): PythonLiteral => {
    blank();
    const c = text[at];
    if (c === "(") return sequence(")");
    if (c === "[") return sequence("]");
    if (c === "'" || c === '"') {
      const end = text.indexOf(c, at + 1);
      if (end < 0) fail();
      const string = text.slice(at + 1, end);
      at = end + 1;
      return string;
    }
    const word = /^[^\s,()[\]]+/.exec(text.slice(at))?.[0] ?? "";
    at += word.length;
    if (word === "True" || word === "False") return word === "True";
    if (word === "None") return null;
    if (!/^[-+]?(\d[\d_]*\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(word)) fail();
    return Number(word.replaceAll("_", ""));
  };
  const result = value();
  blank();
  if (at !== text.length) fail();
  return result;
}

/** Splits `key=value` words and reads the values; `flag` names the option in errors. */
export function keyValues(flag: string, words: readonly string[] | null): Record<string, PythonLiteral> {
  const result: Record<string, PythonLiteral> = {};
  for (const word of words ?? []) {
    const split = word.indexOf("=");
    if (split < 1 || word.indexOf("=", split + 1) >= 0) {
      throw new UsageError(`${flag}: "${word}" is not of the form key=value`);
    }
    result[word.slice(0, split)] = pythonLiteral(word.slice(split + 1));
  }
  return result;
}
