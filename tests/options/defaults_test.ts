/** A default stands in its row and nowhere else. */

import assert from "node:assert/strict";
import { COMMANDS } from "../../src/cli/commands/index.ts";
import { loadCommands } from "../../src/cli/pages/describe.ts";
import { camel, type Rows, rowsOf, type Value } from "../../src/options/mod.ts";
import { sources, textOf } from "../sources.ts";

/** So many defaults in one run of lines are a table of them; fewer may be values of something else with that name. */
const A_TABLE = 4;

/** These may say that there is none of something. */
const NOTHING: readonly Value[] = [null, false, ""];

/** `name: literal,` of every line; null where a line is no such thing. */
function literalOf(line: string): { name: string; value: Value } | null {
  const match = /^\s*(\w+): ("[^"]*"|-?[\d.]+(?:e-?\d+)?|true|false|null),$/.exec(line);
  return match && { name: match[1], value: JSON.parse(match[2]) };
}

/** Runs of lines that give options their defaults, as "path:line". */
function tables(path: string, text: string, defaults: ReadonlyMap<string, readonly Value[]>): string[] {
  const found: string[] = [];
  let run: Value[] = [];
  text.split("\n").forEach((line, i) => {
    const literal = literalOf(line);
    const repeats = literal !== null && (defaults.get(literal.name) ?? []).includes(literal.value);
    if (repeats) run.push(literal.value);
    else run = [];
    if (run.length === A_TABLE && run.some((value) => !NOTHING.includes(value))) {
      found.push(`${path}:${i + 1}`);
    }
  });
  return found;
}

Deno.test("no second table of defaults stands anywhere", async () => {
  const defaults = new Map<string, Value[]>();
  const add = (rows: Rows) => {
    for (const [name, row] of Object.entries(rows)) {
      for (const key of [name, camel(name)]) defaults.set(key, [...defaults.get(key) ?? [], row.default]);
    }
  };
  for (const { command } of await loadCommands(COMMANDS)) add(rowsOf(command.groups));
  const found = sources("src", "tests", "tools").flatMap((path) => tables(path, textOf(path), defaults));
  assert.deepEqual(found, []);
});

Deno.test("a table of defaults would be found", () => {
  const defaults = new Map<string, Value[]>([["a", [1]], ["b", [null]], ["c", ["x"]], ["d", [false]]]);
  const text = '{\n  a: 1,\n  b: null,\n  c: "x",\n  d: false,\n}';
  assert.deepEqual(tables("t.ts", text, defaults), ["t.ts:5"]);
  assert.deepEqual(tables("t.ts", text.replace("null", "2"), defaults), []);
});
