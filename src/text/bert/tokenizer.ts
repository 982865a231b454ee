/** BERT's WordPiece tokenizer without case (arXiv 1810.04805), id for id like transformers' Python `BertTokenizer`. */

export interface BertTokenizer {
  /** Ids without [CLS] and [SEP]. */
  encode(text: string): number[];
  /** The text of ids without special tokens, its spaces cleaned up as transformers before 4.45 does by default. */
  decode(ids: readonly number[]): string;
  /** The id of a token that the vocabulary has. Throws RangeError when it has none. */
  id(token: string): number;
}

const SPECIAL = ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"];
const MAX_WORD = 100;

const CHINESE =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b820}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;
/** Beside control characters, what Python does not take as one: tab and line ends are spaces. */
const DROPPED = /(?![\t\n\r])[\p{C}\ufffd]/gu;
const PUNCTUATION = /[\p{P}$+<=>^`|~]/gu;

/** `tokens` by id; `added` are special ones that come after them: BLIP's [DEC] and [ENC]. */
export function bertTokenizer(tokens: readonly string[], added: readonly string[] = []): BertTokenizer {
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const all = [...tokens];
  for (const token of added) {
    if (ids.has(token)) continue;
    ids.set(token, all.length);
    all.push(token);
  }
  const special = new Set([...SPECIAL, ...added]);
  const id = (token: string): number => {
    const found = ids.get(token);
    if (found === undefined) throw new RangeError(`the vocabulary has no ${token}`);
    return found;
  };
  const pattern = new RegExp(`(${[...special].map((s) => s.replace(/[[\]]/g, "\\$&")).join("|")})`);
  const known = new Map<string, number[]>();
  const encodeWord = (word: string) => {
    let found = known.get(word);
    if (!found) known.set(word, found = wordPieces(word, ids) ?? [id("[UNK]")]);
    return found;
  };
  return {
    id,
    encode: (text) =>
      text.split(pattern).flatMap((part) =>
        special.has(part) ? [id(part)] : basicWords(part).flatMap((word) => encodeWord(word))
      ),
    decode: (given) => {
      const words = given.map((i) => all[i] ?? "").filter((token) => !special.has(token));
      return cleanedUp(words.join(" ").replaceAll(" ##", "").trim());
    },
  };
}

/** Words and marks, in small letters without accents. */
function basicWords(text: string): string[] {
  const spaced = text.replace(DROPPED, "").replace(CHINESE, " $& ").normalize("NFC");
  const plain = spaced.toLowerCase().normalize("NFD").replace(/\p{Mn}/gu, "");
  return plain.replace(PUNCTUATION, " $& ").split(/\s+/u).filter((word) => word !== "");
}

/** The longest known pieces from the left; null where one is not known. */
function wordPieces(word: string, ids: ReadonlyMap<string, number>): number[] | null {
  const letters = Array.from(word), found: number[] = [];
  if (letters.length > MAX_WORD) return null;
  for (let start = 0; start < letters.length;) {
    let end = letters.length, piece: number | undefined;
    for (; end > start; end--) {
      piece = ids.get((start > 0 ? "##" : "") + letters.slice(start, end).join(""));
      if (piece !== undefined) break;
    }
    if (piece === undefined) return null;
    found.push(piece);
    start = end;
  }
  return found;
}

const CLEANED: readonly (readonly [from: string, to: string])[] = [
  [" .", "."],
  [" ?", "?"],
  [" !", "!"],
  [" ,", ","],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

function cleanedUp(text: string): string {
  return CLEANED.reduce((cleaned, [from, to]) => cleaned.replaceAll(from, to), text);
}
