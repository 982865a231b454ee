/** Captions of a batch as the rows of ids that text encoders take. */
import {
  captionChunks,
  chunksNeeded,
  type ClipTokenizer,
  cutWeighted,
  padWeighted,
  weightedTokens,
} from "../../text/mod.ts";

export interface CaptionIds {
  /** For each text encoder N * chunks rows of 77 ids. */
  readonly ids: readonly Int32Array[];
  /** Chunks of a caption. */
  readonly chunks: number;
  /** (N, 77 * chunks): what the states are multiplied with; absent where captions have no weights. */
  readonly weights?: Float32Array;
}

/** Chunks of 75 tokens, by --max_token_length. */
export const mostChunks = (maxTokenLength: number | null): number => (maxTokenLength ?? 75) / 75;

/**
 * Captions as they are, each as long as --max_token_length allows. Each text encoder may read them in several ways, all
 * captions in one and then in the next.
 */
export function plainIds(
  tokenizers: readonly (readonly ClipTokenizer[])[],
  captions: readonly string[],
  maxTokenLength: number | null,
): CaptionIds {
  const ids = tokenizers.map((readings) => {
    const rows = readings.flatMap((tokenizer) =>
      captions.flatMap((text) => captionChunks(tokenizer, text, maxTokenLength).flat())
    );
    return Int32Array.from(rows);
  });
  return { ids, chunks: mostChunks(maxTokenLength) };
}

/**
 * --weighted_captions: "(word:1.3)" and "[word]" as weights of the words' states. A batch is as many chunks long as its
 * longest caption needs. Source: sd-scripts' get_weighted_text_embeddings.
 */
export function weightedIds(
  tokenizer: ClipTokenizer,
  captions: readonly string[],
  maxTokenLength: number | null,
): CaptionIds {
  const most = mostChunks(maxTokenLength);
  const parsed = captions.map((text) => weightedTokens(tokenizer, text, 75 * most, { knowsBreak: false }));
  const chunks = chunksNeeded(parsed, most);
  const padded = parsed.map((tokens) => padWeighted(tokenizer, tokens, chunks, true));
  return {
    ids: [Int32Array.from(padded.flatMap(({ ids }) => cutWeighted(tokenizer, ids).flat()))],
    chunks,
    weights: Float32Array.from(padded.flatMap(({ weights }) => weights)),
  };
}
