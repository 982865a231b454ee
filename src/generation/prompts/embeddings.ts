/** Textual inversion (arXiv 2208.01618): words whose vectors lie in files; a file's name is the word. */

import { basename } from "node:path";
import { UserError } from "../../base/errors.ts";
import type { DType } from "../../base/dtype.ts";
import { openCheckpoint } from "../../formats/checkpoint.ts";
import type { TensorFile } from "../../formats/tensor_file.ts";
import {
  embeddingKey,
  embeddingNames,
  type Family,
  readXti,
  type Shapes,
  textBlocks,
  type TokenTable,
  tokenTables,
} from "../../models/mod.ts";
import type { ParameterStore } from "../../runtime/mod.ts";
import { type AddedWords, vocabularyTexts } from "../../text/mod.ts";
import type { GenImgConfig } from "../groups.ts";
import type { BlockWords } from "../pipeline/model.ts";

/** An encoder's table of words with what files add. */
interface Table extends TokenTable {
  readonly added: Float32Array[];
}

export interface Embeddings {
  /** For each text encoder, what its tokenizer learns. */
  readonly words: readonly AddedWords[];
  /** XTI: what it learns for blocks of the U-Net that read the text in their own way; null without. */
  readonly blockWords: readonly BlockWords[] | null;
  /** The model's shapes with larger tables. */
  readonly shapes: Shapes;
  /** Brings the tables to the device; `base` gives the model's own. */
  upload(store: ParameterStore, dtype: DType, base: (key: string) => Float32Array): void;
}

/** The flags that name files. */
export type EmbeddingFlags = Partial<Pick<GenImgConfig, "textualInversionEmbeddings" | "XTIEmbeddings">>;

/** Reads the files and fits them to the model. Throws UserError for what is none, or another model's. */
export async function readEmbeddings(
  { textualInversionEmbeddings, XTIEmbeddings }: EmbeddingFlags,
  { family, shapes }: { readonly family: Family; readonly shapes: Shapes },
): Promise<Embeddings> {
  const paths = textualInversionEmbeddings ?? [], extended = XTIEmbeddings ?? [];
  const tables = tokenTables(family, shapes).map((table): Table => ({ ...table, added: [] }));
  const words = tables.map(() => new Map<string, readonly number[]>());
  const known = paths.length + extended.length > 0 ? new Set((await vocabularyTexts()).tokens) : new Set();
  const wordOf = (path: string) => {
    const word = basename(path).replace(/\.[^.]*$/, "");
    if (!known.has(word) && !words[0].has(word)) return word;
    throw new UserError(
      `${path}: the word "${word}" is there already; rename the file, its name is the word`,
    );
  };
  const next = ({ vocabulary, added, width }: Table) => vocabulary + extent(added) / width;
  for (const path of paths) {
    const word = wordOf(path);
    using file = openCheckpoint(path);
    const counts = tables.map((table, i) => {
      const vectors = vectorsFor(file, family, i, table.width);
      const count = vectors.length / table.width, first = next(table);
      table.added.push(vectors);
      learn(words[i], word, first, count);
      return count;
    });
    if (counts.some((count) => count !== counts[0])) {
      throw new UserError(
        `${path}: has ${counts.join(" and ")} vectors for the text encoders; as many are wanted for each`,
      );
    }
  }
  const blocks = extended.length > 0 ? textBlocks(shapes) : [];
  const inBlocks = blocks.map(() => new Map(words[0]));
  for (const path of extended) {
    const [table] = tables, word = wordOf(path);
    if (tables.length > 1) {
      throw new UserError(`${path}: is for models with one text encoder, this is an ${family.label} model`);
    }
    const { count, values } = readXti(path, blocks, table), first = next(table), each = count / blocks.length;
    table.added.push(values);
    learn(words[0], word, first, each);
    inBlocks.forEach((own, i) => learn(own, word, first + i * each, each));
  }
  const larger = new Map(shapes);
  for (const { key, width, vocabulary, added } of tables) {
    larger.set(key, [vocabulary + extent(added) / width, width]);
  }
  return {
    words,
    blockWords: extended.length > 0 ? blocks.map(({ block }, i) => ({ block, words: inBlocks[i] })) : null,
    shapes: larger,
    upload(store, dtype, base) {
      for (const { key, added } of tables) {
        const own = base(key), all = new Float32Array(own.length + extent(added));
        all.set(own);
        let at = own.length;
        for (const vectors of added) {
          all.set(vectors, at);
          at += vectors.length;
        }
        store.upload(key, larger.get(key)!, dtype, all, { frozen: true });
      }
    },
  };
}

/** A word for all vectors; of several the second on has a number behind it. */
function learn(words: Map<string, readonly number[]>, word: string, first: number, count: number): void {
  const ids = Array.from({ length: count }, (_, k) => first + k);
  ids.forEach((id, k) => words.set(k === 0 ? word : `${word}${k}`, k === 0 ? ids : [id]));
}

function extent(lists: readonly Float32Array[]): number {
  return lists.reduce((sum, list) => sum + list.length, 0);
}

/** SDXL's files hold `clip_l` and `clip_g`; others one tensor, the web UI's below `string_to_param`. */
function vectorsFor(file: TensorFile, family: Family, encoder: number, width: number): Float32Array {
  const key = embeddingKey(file, family, encoder), shape = key === null ? null : file.info(key).shape;
  if (key === null || shape?.at(-1) !== width) {
    const name = family.textEncoders.length > 1 ? ` called ${embeddingNames(family)[encoder]}` : "";
    const what = `vectors of ${width} numbers${name}`;
    const there = file.keys().slice(0, 3).map((name) => `${name} [${file.info(name).shape.join(", ")}]`).join(
      ", ",
    );
    throw new UserError(
      `${file.path}: holds ${
        there || "no tensor"
      }, ${family.label} wants ${what}; use an embedding made for it`,
    );
  }
  file.requireFinite(key);
  return file.f32(key);
}
