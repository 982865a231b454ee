/** BERT's tokenizer with a small vocabulary, and with the real one. */

import { bertTokenizer, bertVocabulary } from "../../../src/text/bert/mod.ts";
import type { Check, GoldenCase } from "../case.ts";
import { exact } from "../compare.ts";

const ADDED = ["[DEC]", "[ENC]"];

export async function checkTokenizer({ json }: GoldenCase): Promise<Check[]> {
  const words = json.vocabulary instanceof Array
    ? json.vocabulary.filter((word: string) => !ADDED.includes(word))
    : await bertVocabulary();
  const tokenizer = bertTokenizer(words, ADDED);
  const encode = (text: string) => [tokenizer.id("[CLS]"), ...tokenizer.encode(text), tokenizer.id("[SEP]")];
  if (json.rows) {
    return (json.rows as [string, number[], string][]).flatMap(([text, ids, decoded]) => [
      exact(`ids of ${text}`, encode(text), ids),
      exact(`text of ${text}`, tokenizer.decode(ids), decoded),
    ]);
  }
  return [
    ...(json.encode.rows as [string, number[]][]).map(([text, ids]) =>
      exact(`ids of ${text}`, encode(text), ids)
    ),
    ...(json.decode.rows as [number[], string][]).map(([ids, text]) =>
      exact(text, tokenizer.decode(ids), text)
    ),
  ];
}
