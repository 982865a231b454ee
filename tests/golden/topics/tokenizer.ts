/** Token ids of prompts and captions, prompt weights, dynamic prompts. */
import { PythonRandom } from "../../../src/random/mod.ts";
import {
  captionChunks,
  type ClipTokenizer,
  dynamicPrompts,
  loadTokenizer,
  padWeighted,
  parsePromptWeights,
  type TokenizerKind,
  weightedTokens,
} from "../../../src/text/mod.ts";
import type { Check, GoldenCase, Runner } from "../case.ts";
import { exact } from "../compare.ts";

// deno-lint-ignore no-explicit-any -- the entries of a case as they are
type Entry = any;

export function match(c: GoldenCase): Runner | string | null {
  if (c.topic !== "tokenizer") return null;
  const { json } = c;
  const first = json.expected?.[0] ?? {};
  if (json.config?.kind) return () => prompts(json);
  if ("repeat_count" in first) return () => Promise.resolve(json.expected.flatMap(dynamic));
  if ("gen_img" in first) return () => weights(json.expected);
  if ("max_token_length" in first) return () => chunks(json.expected);
  return `no rule for a tokenizer case with ${Object.keys(first).join(", ")}`;
}

/** As the cases call them. */
const KINDS: Readonly<Record<string, TokenizerKind>> = { sd1: "clip_l", sd2: "clip_h", sdxl2: "clip_g" };

/** The SD2 and SDXL files list what differs from SD1; an empty list still checks the padding token. */
async function prompts({ config, expected }: Entry): Promise<Check[]> {
  const tokenizer = await loadTokenizer(KINDS[config.kind]);
  return [
    exact("pad_token_id", tokenizer.pad, config.pad_token_id),
    ...expected.map((e: Entry) =>
      exact(JSON.stringify(e.text), [tokenizer.bos, ...tokenizer.encode(e.text), tokenizer.eos], e.ids)
    ),
  ];
}

async function chunks(expected: Entry[]): Promise<Check[]> {
  const tokenizers: Record<string, ClipTokenizer> = {};
  const checks: Check[] = [];
  for (const { tokenizer: kind, text, max_token_length: length, ids } of expected) {
    const tokenizer = tokenizers[kind] ??= await loadTokenizer(KINDS[kind]);
    checks.push(exact(`${kind} ${length} ${text.slice(0, 40)}`, captionChunks(tokenizer, text, length), ids));
  }
  return checks;
}

function dynamic({ random_seed, prompt, repeat_count, result }: Entry): Check {
  return exact(prompt, dynamicPrompts(prompt, repeat_count, new PythonRandom(random_seed)), result);
}

/** Weights agree to 1e-12 relative; the texts between them exactly. */
async function weights(expected: Entry[]): Promise<Check[]> {
  const sd1 = await loadTokenizer("clip_l"), sd2 = await loadTokenizer("clip_h");
  const checks: Check[] = [];
  for (const e of expected) {
    const pieces = (what: string, got: [string, number][], want: [string, number][]) => {
      checks.push(exact(`${what} ${e.text}`, got.map((p) => p[0]), want.map((p) => p[0])));
      checks.push(near(`${what} weights of ${e.text}`, got.map((p) => p[1]), want.map((p) => p[1])));
    };
    const tokens = (
      what: string,
      tokenizer: ClipTokenizer,
      knowsBreak: boolean,
      ids: number[],
      w?: number[],
    ) => {
      const got = weightedTokens(tokenizer, e.text, 225, { knowsBreak });
      checks.push(exact(`${what} of ${e.text}`, got.tokens, ids));
      if (w) checks.push(near(`${what}, weights of ${e.text}`, got.weights, w));
    };
    pieces("gen_img", parsePromptWeights(e.text, { knowsBreak: true }), e.gen_img);
    pieces("train", parsePromptWeights(e.text, { knowsBreak: false }), e.train);
    tokens("gen_img_tokens_sd1", sd1, true, e.gen_img_tokens_sd1, e.gen_img_weights);
    tokens("train_tokens_sd1", sd1, false, e.train_tokens_sd1, e.train_weights);
    if (e.gen_img_tokens_sd2) tokens("gen_img_tokens_sd2", sd2, true, e.gen_img_tokens_sd2);
    if (e.gen_img_padded_tokens_2x) {
      const { ids, weights } = padWeighted(sd1, weightedTokens(sd1, e.text, 225, { knowsBreak: true }), 2);
      checks.push(exact(`padded tokens of ${e.text}`, ids, e.gen_img_padded_tokens_2x));
      checks.push(near(`padded weights of ${e.text}`, weights, e.gen_img_padded_weights_2x));
    }
  }
  return checks;
}

function near(what: string, a: number[], b: number[]): Check {
  const error = a.length !== b.length
    ? NaN
    : Math.max(0, ...a.map((x, i) => x === b[i] ? 0 : Math.abs(x / b[i] - 1)));
  return { what, error, limit: 1e-12 };
}
