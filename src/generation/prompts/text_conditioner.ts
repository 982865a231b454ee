/** Prompts to what the U-Net is conditioned on; each prompt goes through the text encoders once. */

import type { Programs, Tensor } from "../../graph/mod.ts";
import { eosRows, type Normalization } from "../../models/mod.ts";
import {
  CHUNK_LENGTH,
  chunksNeeded,
  type ClipTokenizer,
  cutWeighted,
  loadTokenizer,
  padWeighted,
  weightedTokens,
  withWords,
} from "../../text/mod.ts";
import { type DrawingModel, type NetworkInputs, weightsIn } from "../pipeline/model.ts";

export interface TextSettings {
  /** Layer counted from the end; null: the family's, as in gen_img. */
  readonly clipSkip: number | null;
  readonly normalization: Normalization;
  /** Chunks of 75 tokens; longer prompts are cut. */
  readonly maxChunks: number;
  /** BREAK fills up a chunk (gen_img) or is a word (pictures during training). */
  readonly knowsBreak: boolean;
  /** False takes brackets as words. Default true. */
  readonly knowsWeights?: boolean;
  /** Pads with EOS and not as the tokenizer does. */
  readonly padWithEos: boolean;
}

export interface Conditioning {
  /** (tokens, width): 77 tokens a chunk. */
  readonly context: Float32Array;
  readonly tokens: number;
  /** Of families whose text has it: the last encoder's pooled state. */
  readonly pooled: Float32Array | null;
  /** XTI: contexts for each of the model's blockWords, where they are not all `context`. */
  readonly blocks?: readonly Float32Array[];
}

/** What is encoded. */
export interface PromptText {
  readonly prompt: string;
  /** What the second encoder reads where that is something else. */
  readonly second?: string;
  readonly networks?: NetworkInputs;
}

/** Encoded prompts that are remembered; about a quarter of a megabyte each. */
const KEPT = 200;

export class TextConditioner {
  readonly #known = new Map<string, Conditioning>();
  readonly #truncated = new Set<string>();

  private constructor(
    private readonly model: DrawingModel,
    private readonly programs: Programs<string>,
    private readonly settings: TextSettings,
    private readonly tokenizers: readonly ClipTokenizer[],
    /** One for each block of the U-Net that reads words in its own way. */
    private readonly blockTokenizers: readonly ClipTokenizer[],
    private readonly warn: (text: string) => void,
  ) {}

  static async load(
    model: DrawingModel,
    programs: Programs<string>,
    settings: TextSettings,
    warn: (text: string) => void = () => {},
  ): Promise<TextConditioner> {
    const own = await Promise.all(
      model.family.textEncoders.map(({ tokenizer }) => loadTokenizer(tokenizer)),
    );
    const tokenizers = own.map((tokenizer, i) => withWords(tokenizer, model.words?.[i] ?? new Map()));
    const inBlocks = (model.blockWords ?? []).map(({ words }) => withWords(own[0], words));
    return new TextConditioner(model, programs, settings, tokenizers, inBlocks, warn);
  }

  /** Prompts that are used together get equally many tokens: as many chunks as the longest needs. */
  encode(prompts: readonly string[], networks?: NetworkInputs): Promise<Conditioning[]> {
    return this.encodeEach(prompts.map((prompt) => ({ prompt, networks })));
  }

  /** The same for prompts that networks take part in differently. */
  async encodeEach(texts: readonly PromptText[]): Promise<Conditioning[]> {
    const tokens = texts.flatMap((text) => this.#tokens(text));
    const chunks = chunksNeeded(tokens, this.settings.maxChunks);
    if (this.#known.size > KEPT) this.#known.clear();
    const encoded: Conditioning[] = [];
    for (const text of texts) {
      const { prompt, second = prompt, networks = {} } = text;
      const state = JSON.stringify(Object.entries(networks).map(([name, values]) => [name, ...values]));
      const key = JSON.stringify([chunks, state, prompt, second]);
      const known = this.#known.get(key) ?? await this.#encode(text, chunks);
      this.#known.set(key, known);
      encoded.push(known);
    }
    return encoded;
  }

  /** Forgets what was encoded, after weights changed. */
  forget(): void {
    this.#known.clear();
  }

  #tokens({ prompt, second = prompt }: PromptText, tokenizers = this.tokenizers) {
    const { maxChunks, knowsBreak, knowsWeights } = this.settings;
    const limit = maxChunks * (CHUNK_LENGTH - 2);
    const tokens = tokenizers.map((tokenizer, i) =>
      weightedTokens(tokenizer, i === 1 ? second : prompt, limit, { knowsBreak, knowsWeights })
    );
    if (tokens.some((t) => t.truncated) && !this.#truncated.has(prompt)) {
      this.#truncated.add(prompt);
      this.warn(`only the first ${limit} tokens are used of the prompt "${prompt}"`);
    }
    return tokens;
  }

  async #encode(asked: PromptText, chunks: number): Promise<Conditioning> {
    const inputs = this.#inputs(asked, chunks, this.tokenizers);
    const { context, pooled } = await this.#run(inputs, chunks);
    const blocks: Float32Array[] = [];
    for (const tokenizer of this.blockTokenizers) {
      const own = this.#inputs(asked, chunks, [tokenizer]), ids = own["ids.0"];
      const same = ids.every((id, k) => id === inputs["ids.0"][k]);
      blocks.push(same ? context : (await this.#run(own, chunks)).context);
    }
    return {
      context,
      tokens: chunks * CHUNK_LENGTH,
      pooled: pooled ?? null,
      blocks: blocks.some((own) => own !== context) ? blocks : undefined,
    };
  }

  #inputs(
    asked: PromptText,
    chunks: number,
    tokenizers: readonly ClipTokenizer[],
  ): Record<string, Int32Array | Float32Array> {
    const inputs: Record<string, Int32Array | Float32Array> = { ...asked.networks };
    this.#tokens(asked, tokenizers).forEach((tokens, i) => {
      const tokenizer = tokenizers[i];
      const { ids, weights } = padWeighted(tokenizer, tokens, chunks, this.settings.padWithEos);
      const rows = Int32Array.from(cutWeighted(tokenizer, ids).flat());
      inputs[`ids.${i}`] = rows;
      inputs[`weights.${i}`] = Float32Array.from(weights);
      if (this.model.family.text.pooled) inputs.eosRows = eosRows(rows, CHUNK_LENGTH); // the last encoder's stay
    });
    return inputs;
  }

  #run(
    inputs: Record<string, Int32Array | Float32Array>,
    chunks: number,
  ): Promise<Record<string, Float32Array>> {
    const { clipSkip, normalization } = this.settings, { text } = this.model.family;
    const key = `text ${chunks} ${clipSkip} ${normalization}`;
    return this.programs.run(key, (graph) => {
      const perEncoder = (make: (i: number) => Tensor) => this.tokenizers.map((_, i) => make(i));
      const { context, pooled } = text.prompts(
        {
          ids: perEncoder((i) => graph.input(`ids.${i}`, [chunks, CHUNK_LENGTH], "i32")),
          weights: perEncoder((i) =>
            graph.input(`weights.${i}`, [1, chunks * CHUNK_LENGTH], this.model.dtype)
          ),
          chunks,
          eosRows: text.pooled ? graph.input("eosRows", [chunks], "i32") : undefined,
        },
        weightsIn(graph, this.model, "model"),
        { clipSkip, normalization },
      );
      graph.output("context", context);
      if (pooled) graph.output("pooled", pooled);
    }, inputs);
  }
}
