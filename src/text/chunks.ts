/** Captions as the trainer feeds them to a text encoder: one or more chunks of 77 token ids. */

import { CHUNK_LENGTH, type ClipTokenizer } from "./clip_tokenizer.ts";

/**
 * Ids of a caption, cut at `maxTokenLength` (75, 150 or 225; null means 75) and padded: a list of chunks of 77 ids,
 * 1, 2 or 3 of them, each with its own BOS and closing token. Source: sd-scripts `get_input_ids`.
 */
export function captionChunks(
  tokenizer: ClipTokenizer,
  caption: string,
  maxTokenLength: number | null,
): number[][] {
  return cutIntoChunks(tokenizer, padded(tokenizer, tokenizer.encode(caption), (maxTokenLength ?? 75) + 2));
}

/** BOS, at most `length - 2` tokens, EOS, padding: `length` ids in all. */
export function padded({ bos, eos, pad }: ClipTokenizer, tokens: number[], length: number): number[] {
  const ids = [bos, ...tokens.slice(0, length - 2), eos];
  while (ids.length < length) ids.push(pad);
  return ids;
}

/** Cuts 75 n + 2 ids (BOS first, a closing token last) into n chunks of 77. */
export function cutIntoChunks(tokenizer: ClipTokenizer, ids: number[]): number[][] {
  if (ids.length <= CHUNK_LENGTH) return [ids];
  const chunks: number[][] = [];
  for (let i = 1; i + CHUNK_LENGTH - 2 < ids.length; i += CHUNK_LENGTH - 2) {
    const chunk = [ids[0], ...ids.slice(i, i + CHUNK_LENGTH - 2), ids[ids.length - 1]];
    if (tokenizer.pad !== tokenizer.eos) closeChunk(tokenizer, chunk);
    chunks.push(chunk);
  }
  return chunks;
}

/** Where padding is not EOS: a chunk that ends in a word gets EOS last, one that holds only padding gets it first. */
function closeChunk({ eos, pad }: ClipTokenizer, chunk: number[]): void {
  const last = chunk[chunk.length - 2];
  if (last !== eos && last !== pad) chunk[chunk.length - 1] = eos;
  if (chunk[1] === pad) chunk[1] = eos;
}
