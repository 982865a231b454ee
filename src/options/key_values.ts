/** The values of `--optimizer_args` and `--lr_scheduler_args`: `key=value` with a Python literal on the right. */
import { UsageError } from "../base/errors.ts";
import { type PythonLiteral, readLiteral } from "../text/python_literal.ts";

export type { PythonLiteral } from "../text/python_literal.ts";

/** Splits `key=value` words and reads the values; `flag` names the option in errors. */
export function keyValues(flag: string, words: readonly string[] | null): Record<string, PythonLiteral> {
  const result: Record<string, PythonLiteral> = {};
  for (const word of words ?? []) {
    const split = word.indexOf("="), key = word.slice(0, split).trim();
    if (split < 0 || key === "") {
      throw new UsageError(
        `${flag}: ${
          JSON.stringify(word)
        } is not of the form key=value; a value with blanks in it wants quotes around the whole`,
      );
    }
    result[key] = literal(flag, key, word.slice(split + 1));
  }
  return result;
}

function literal(flag: string, key: string, text: string): PythonLiteral {
  try {
    return readLiteral(text).value;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new UsageError(
      `${flag} ${key}: ${cause.message}: use a number, a quoted string, True, False, None or numbers with commas between`,
      { cause },
    );
  }
}
