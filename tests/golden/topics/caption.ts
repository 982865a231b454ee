/** Captions by BLIP and GIT: tokenizer, models, ways of choosing words, and whole runs of both scripts. */

import { checkBlipModel } from "../caption/blip.ts";
import type { GoldenCase, Runner } from "../case.ts";
import { checkGit } from "../caption/git.ts";
import { checkKeys, checkRemoveWords } from "../caption/plain.ts";
import { checkRun } from "../caption/runs.ts";
import { checkTokenizer } from "../caption/tokenizer.ts";

export function match(c: GoldenCase): Runner | string | null {
  if (c.topic !== "caption") return null;
  const { json } = c;
  if (json.argv) return () => checkRun(c);
  if (json.encode || (json.rows && json.special)) return () => checkTokenizer(c);
  if (json.patterns) return () => Promise.resolve(checkRemoveWords(c));
  if (json.config) return () => checkGit(c);
  if (json.arguments || json.input_ids || json.features) return () => checkBlipModel(c);
  if (json.keys) return () => checkKeys(c);
  return "not supported yet";
}
