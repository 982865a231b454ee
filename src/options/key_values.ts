/** Options that are lists of `key=value`: --network_args, --optimizer_args, --lr_scheduler_args. */
import { UsageError } from "../base/errors.ts";
import { guess, listed } from "../base/phrases.ts";
import { type PythonLiteral, readLiteral } from "../text/python_literal.ts";

export type { PythonLiteral } from "../text/python_literal.ts";

/** Texts by key, the last of several; the text may contain further "=". `flag` names the option in errors. */
export function splitKeyValues(flag: string, words: readonly string[] | null): Record<string, string> {
  return Object.fromEntries((words ?? []).map((word) => {
    const split = word.indexOf("="), key = word.slice(0, split).trim();
    if (split < 0 || key === "") {
      throw new UsageError(
        `${flag}: ${
          JSON.stringify(word)
        } is not of the form key=value; a value with blanks in it wants quotes around the whole`,
      );
    }
    return [key, word.slice(split + 1)];
  }));
}

/** The same with a Python literal on the right. */
export function keyValues(flag: string, words: readonly string[] | null): Record<string, PythonLiteral> {
  const texts = Object.entries(splitKeyValues(flag, words));
  return Object.fromEntries(texts.map(([key, text]) => [key, literal(flag, key, text)]));
}

/** Throws UsageError for the first key that `who` does not take, with those that it does: `shown`, where not all are told. */
export function refuseUnknownKeys(
  flag: string,
  who: string,
  given: readonly string[],
  known: readonly string[],
  shown = known,
): void {
  const unknown = given.find((key) => !known.includes(key));
  if (unknown === undefined) return;
  const takes = shown.length ? `; it takes ${listed(shown)}` : "";
  throw new UsageError(`${flag}: ${who} takes no ${unknown}${guess(unknown, shown)}${takes}`);
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
