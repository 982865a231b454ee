/** CLIP's tokenizer as the files of transformers' CLIPTokenizer (4.57.6), for whoever reads a saved model. */

import { BOS, EOS, type TokenizerKind, vocabularyTexts } from "./clip_tokenizer.ts";
import { type Config, configText } from "./config_json.ts";

const START = "<|startoftext|>", END = "<|endoftext|>";

const token = (content: string, normalized: boolean): Config => ({
  content,
  lstrip: false,
  normalized,
  rstrip: false,
  single_word: false,
});

/** Contents by file name. SD2's padding is the plain "!", and so is that of SDXL's second encoder. */
export async function tokenizerFiles(kind: TokenizerKind): Promise<Record<string, string>> {
  const { tokens, merges } = await vocabularyTexts(), pads = kind !== "clip_l";
  const special = {
    [BOS]: { ...token(START, true), special: true },
    [EOS]: { ...token(END, true), special: true },
  };
  const ids = new Map(tokens.map((text, id) => [text, id]));
  const lines = [...ids.keys()].sort(byCodePoint).map((text) =>
    `  ${JSON.stringify(text)}: ${ids.get(text)}`
  );
  return {
    "vocab.json": `{\n${lines.join(",\n")}\n}\n`,
    "merges.txt": `#version: 0.2\n${merges.map((pair) => pair.join(" ") + "\n").join("")}`,
    "special_tokens_map.json": configText({
      bos_token: token(START, true),
      eos_token: token(END, true),
      pad_token: kind === "clip_h" ? token("!", false) : kind === "clip_g" ? "!" : token(END, true),
      unk_token: token(END, true),
    }),
    "tokenizer_config.json": configText({
      added_tokens_decoder: pads ? { 0: { ...token("!", false), special: true }, ...special } : special,
      bos_token: START,
      clean_up_tokenization_spaces: false,
      eos_token: END,
      errors: "replace",
      extra_special_tokens: {},
      model_max_length: 77,
      pad_token: pads ? "!" : END,
      tokenizer_class: "CLIPTokenizer",
      unk_token: END,
    }),
  };
}

/** The vocabulary has no surrogates, so code units do. */
const byCodePoint = (a: string, b: string) => a < b ? -1 : 1;
