/** SDXL's text encoders by themselves: captions to the states and pooled text that a training step or a cache keeps. */

import type { CachedText, TextWidths } from "../../data/cache/text_file.ts";
import type { DrawingModel } from "../../generation/pipeline/model.ts";
import { Programs } from "../../graph/mod.ts";
import { below, CHUNK, clipConfig, eosRows, Weights } from "../../models/mod.ts";
import { captionChunks, type ClipTokenizer, loadTokenizer } from "../../text/mod.ts";

/** A model as far as its text encoders go. */
export type TextModel = Pick<
  DrawingModel,
  "family" | "shapes" | "store" | "source" | "dtype" | "storage" | "load"
>;

export class CaptionEncoder {
  readonly #programs: Programs<number>;
  readonly widths: TextWidths;

  private constructor(
    private readonly model: TextModel,
    private readonly tokenizers: readonly ClipTokenizer[],
    private readonly maxTokenLength: number | null,
  ) {
    this.#programs = new Programs(model.store, { load: model.load, kept: 6 });
    const [first, second] = model.family.textEncoders.map(({ scope }) =>
      clipConfig(below(model.shapes, `${scope}.`))!.width
    );
    this.widths = { tokens: (maxTokenLength ?? 75) + 2, hidden: [first, second], pooled: second };
  }

  /** Throws TypeError for a family whose captions are not kept so: it has one text encoder, or no pooled text. */
  static async open(model: TextModel, maxTokenLength: number | null): Promise<CaptionEncoder> {
    const { textEncoders, text, label } = model.family;
    if (textEncoders.length !== 2 || !text.pooled) throw new TypeError(`${label} has no two text encoders`);
    const tokenizers = await Promise.all(textEncoders.map(({ tokenizer }) => loadTokenizer(tokenizer)));
    return new CaptionEncoder(model, tokenizers, maxTokenLength);
  }

  async encode(captions: readonly string[]): Promise<CachedText[]> {
    const batch = captions.length, chunks = (this.maxTokenLength ?? 75) / 75, rows = batch * chunks;
    const ids = this.tokenizers.map((tokenizer) =>
      Int32Array.from(captions.flatMap((text) => captionChunks(tokenizer, text, this.maxTokenLength).flat()))
    );
    const { family, shapes, dtype, storage, source } = this.model;
    const { context, pooled } = await this.#programs.run(batch, (graph) => {
      const weights = Weights.over(graph, shapes, { dtype, storage, source });
      const inputs = ids.map((_, i) => graph.input(`ids${i}`, [rows, CHUNK], "i32"));
      const made = family.text.captions(
        { ids: inputs, chunks, eosRows: graph.input("rows", [rows], "i32") },
        weights,
      );
      graph.output("context", made.context);
      graph.output("pooled", made.pooled!);
    }, { ids0: ids[0], ids1: ids[1], rows: eosRows(ids[1], CHUNK) });
    return captions.map((_, i) => this.#one(context, pooled, i));
  }

  /** The context has both encoders' states side by side. */
  #one(context: Float32Array, pooled: Float32Array, index: number): CachedText {
    const { tokens, hidden: [first, second], pooled: width } = this.widths, row = first + second;
    const states = context.subarray(index * tokens * row, (index + 1) * tokens * row);
    const columns = (from: number, count: number) => {
      const out = new Float32Array(tokens * count);
      for (let t = 0; t < tokens; t++) {
        out.set(states.subarray(t * row + from, t * row + from + count), t * count);
      }
      return out;
    };
    return {
      hidden: [columns(0, first), columns(first, second)],
      pooled: pooled.slice(index * width, (index + 1) * width),
      tokens,
    };
  }

  destroy(): void {
    this.#programs.destroy();
  }
}
