/** Form, command line and TOML are one truth: each is read back from each, over every flag of every command. */

import assert from "node:assert/strict";
import type { Texts } from "../../../src/options/given/config_file.ts";
import { parseArgs } from "../../../src/options/given/parse.ts";
import { type AnyOption, rowsOf } from "../../../src/options/mod.ts";
import { type Draft, EMPTY, MASK, unmasked } from "../../../src/studio/form/draft.ts";
import { draftOfWords, flagWords, lineOf, wordsOf } from "../../../src/studio/form/line.ts";
import { readLine } from "../../../src/studio/form/pasted.ts";
import { draftOfToml, tomlOf } from "../../../src/studio/form/toml.ts";
import { CATALOGUE } from "./form_studio.ts";

const NASTY = [
  "a b",
  "it's",
  `"x"`,
  "C:\\new\\table",
  "-dash",
  "--flag=x",
  "$HOME `id` \\",
  "#no",
  "a=b=c",
  "line\nline",
  "日本語 𝄞",
  "~",
  "*",
  "",
];

/** Texts that the parser takes. */
function examples(row: AnyOption): Texts[] {
  if (row.type === "flag") return [true];
  const { min = row.above === undefined ? -2 : row.above + 1, max = Infinity } = row;
  const small = Math.min(Math.max(1, min), max), number = [String(small), ...min <= -1 ? ["-1"] : []];
  const texts = row.choices ? row.choices.map(String) : {
    int: number,
    float: [...number, ...max >= 2 ? ["1.5e0", "2"] : []],
    int_or_float: ["10", "0.1", "5%"],
    bytes: ["6GB"],
  }[row.type as string] ??
    NASTY.filter((text) => row.leadsTo === undefined || text !== "");
  if (row.nargs === null) return texts;
  if (row.nargs !== "*") return [Array(row.nargs).fill(texts[0])];
  // a list with a word like a flag in it is what no command line can say
  return [[], ...texts.map((text) => [text]), texts.filter((text) => !/^-\D/.test(text) && text !== "")];
}

const COMMANDS = await Promise.all(CATALOGUE.names.map(({ name }) => CATALOGUE.load(name)));

for (const command of COMMANDS) {
  const { name, groups } = command, rows = rowsOf(groups);
  const typed = (draft: Draft) => parseArgs(wordsOf({ ...draft, positionals: [] }, rows), groups).values;
  const drafts: Draft[] = Object.entries(rows).flatMap(([flag, row]) =>
    examples(row).map((texts) => ({ ...EMPTY, values: { [flag]: texts } }))
  );
  const all = Object.entries(rows).map(([flag, row]) => [flag, examples(row).at(-1)!]);
  drafts.push({
    values: Object.fromEntries(all),
    unknown: { strange: `{ a = [1, 2.0], "b c" = "it's" }`, x: "1979-05-27" },
    positionals: ["a file", "b"],
  });

  Deno.test(`${name}: what a form holds is read back from the words, the line and the TOML that it makes`, async () => {
    for (const draft of drafts) {
      const { unknown, ...given } = draft;
      assert.deepEqual(draftOfWords(wordsOf(draft, rows), rows), { ...given, unknown: {} });
      const read = await readLine(lineOf(name, draft, rows), "demo", CATALOGUE);
      assert.equal(read.command.name, name);
      assert.deepEqual(unmasked(read.draft, draft, rows), draft);
      // in a file an empty text is the same as no value
      if (Object.values(draft.values).some((texts) => [texts].flat().includes(""))) continue;
      const toml = unmasked(draftOfToml(tomlOf(draft, rows), rows), draft, rows);
      assert.deepEqual(toml.unknown, unknown);
      assert.deepEqual(typed(toml), typed(draft), tomlOf(draft, rows));
    }
  });
}

Deno.test("a secret is shown in neither view and survives an edit of both", async () => {
  const { groups } = await CATALOGUE.load("train_network"), rows = rowsOf(groups);
  const draft: Draft = { ...EMPTY, values: { huggingface_token: "hf_secret", output_name: "cat" } };
  const toml = tomlOf(draft, rows), line = lineOf("train_network", draft, rows);
  assert.ok(!/hf_secret/.test(toml + line) && toml.includes(MASK));
  assert.deepEqual(unmasked(draftOfToml(toml.replace("cat", "dog"), rows), draft, rows).values, {
    huggingface_token: "hf_secret",
    output_name: "dog",
  });
  assert.deepEqual(wordsOf(draft, rows).slice(-1), ["hf_secret"]);
});

Deno.test("what is no value of its flag is kept as it is, in every view", () => {
  const rows = rowsOf(COMMANDS.find(({ name }) => name === "train_network")!.groups);
  const draft: Draft = { ...EMPTY, values: { network_dim: "eight", mixed_precision: "fp64" } };
  assert.deepEqual(draftOfToml(tomlOf(draft, rows), rows), draft);
  assert.deepEqual(draftOfWords(wordsOf(draft, rows), rows), draft);
  assert.deepEqual(flagWords("x", ["-a", "b"]), ["--x", "-a", "b"]);
});
