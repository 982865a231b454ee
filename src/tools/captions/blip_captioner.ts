/** BLIP writes captions (sd-scripts' finetune/blip/blip.py BLIP_Decoder.generate). */

import { UserError } from "../../base/errors.ts";
import type { Graph, Tensor } from "../../graph/mod.ts";
import { CaptionPrograms, tokenStates } from "../../models/bert/mod.ts";
import {
  BLIP_SIDE,
  blipDraws,
  type BlipFile,
  blipLogits,
  blipSeen,
  blipText,
  blipVision,
  openBlip,
} from "../../models/blip/mod.ts";
import type { Weights } from "../../models/mod.ts";
import { TorchGenerator } from "../../random/mod.ts";
import type { Device } from "../../runtime/mod.ts";
import { type BertTokenizer, bertTokenizer } from "../../text/bert/mod.ts";
import { type Captioner, checkMaxLength, joinedPictures, paddedRows, vocabularyFor } from "./captioner.ts";
import { beamSearch, greedy, type Limits, type NextLogits, nucleus } from "./decoding/mod.ts";
import type { BlipConfig } from "./options.ts";
import type { ClipPixels } from "../../images/clip_pixels.ts";

const PROMPT = "a picture of ";

export type BlipGeneration = Pick<BlipConfig, "beamSearch" | "numBeams" | "topP" | "maxLength" | "minLength">;

export class BlipCaptioner implements Captioner {
  readonly #programs: CaptionPrograms;
  readonly #start: readonly number[];
  readonly #limits: Limits;
  #seen: Record<string, Float32Array> = {};
  #pictures = 0;

  private constructor(
    readonly file: BlipFile,
    device: Device,
    readonly tokenizer: BertTokenizer,
    private readonly generation: BlipGeneration,
    readonly generator: TorchGenerator,
  ) {
    this.#programs = new CaptionPrograms(file, device);
    if (file.placed !== null) {
      const name = "visual_encoder.pos_embed", shape = file.shapes.get(name)!;
      this.#programs.store.upload(name, shape, "f32", file.placed, { frozen: true });
    }
    this.#start = [tokenizer.id("[DEC]"), ...tokenizer.encode(PROMPT)];
    const { maxLength, minLength } = generation;
    this.#limits = { maxLength, minLength, end: tokenizer.id("[SEP]"), pad: tokenizer.id("[PAD]") };
  }

  /**
   * What building the model takes from the generator is passed over, as sd-scripts' seed comes before that. Throws UserError
   * for what is no BLIP model.
   */
  static async open(
    path: string,
    device: Device,
    generation: BlipGeneration,
    seed: number,
  ): Promise<BlipCaptioner> {
    const file = openBlip(path);
    try {
      checkMaxLength(generation.maxLength, file.positions, file.path);
      const tokenizer = bertTokenizer(await vocabularyFor(file.path), ["[DEC]", "[ENC]"]);
      if (tokenizer.id("[ENC]") >= file.vocabulary) {
        throw new UserError(
          `${file.path}: has ${file.vocabulary} words, its vocabulary ${tokenizer.id("[ENC]") + 1}; ` +
            "put the model's vocab.txt beside it",
        );
      }
      const generator = new TorchGenerator(seed);
      generator.skip(blipDraws(file.shapes));
      return new BlipCaptioner(file, device, tokenizer, generation, generator);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  get sees(): ClipPixels {
    return { shorter: null, side: BLIP_SIDE };
  }

  async caption(pictures: readonly Float32Array[]): Promise<string[]> {
    await this.look(pictures);
    const texts = await this.#write(pictures.length);
    return texts.map((ids) => Array.from(this.tokenizer.decode(ids)).slice(PROMPT.length).join(""));
  }

  /** Keeps what the text layers see of the pictures; gives the encoder's output. */
  async look(pictures: readonly Float32Array[]): Promise<Float32Array> {
    const shape = [pictures.length, BLIP_SIDE, BLIP_SIDE, 3], { heads } = this.file;
    const { features, ...seen } = await this.#programs.run(["pictures", pictures.length], (graph, w) => {
      const found = blipVision(graph.input("pixels", shape), w.at("visual_encoder"), heads.vision);
      graph.output("features", found);
      blipSeen(found, w.at("text_decoder")).forEach(({ keys, values }, i) => {
        graph.output(`keys.${i}`, keys);
        graph.output(`values.${i}`, values);
      });
    }, { pixels: joinedPictures(pictures) });
    this.#seen = seen;
    this.#pictures = pictures.length;
    return features;
  }

  /** The logits after each row's last token. */
  readonly next: NextLogits = async (rows) => {
    const { length, ids, last } = paddedRows(rows, this.file.positions),
      { logits } = await this.#programs.run(
        ["text", this.#pictures, rows.length, length],
        (graph, w) => {
          const states = this.#states(rows.length, length, graph, w.at("text_decoder"));
          const ends = tokenStates(states.at(-1)!, graph.input("last", [rows.length], "i32"));
          graph.output("logits", blipLogits(ends, w.at("text_decoder")));
        },
        { ids, last, ...this.#seen },
      );
    return logits;
  };

  /** All hidden states and the logits of all tokens, as `hidden0` and so on: for comparisons. */
  async everything(rows: readonly (readonly number[])[]): Promise<Record<string, Float32Array>> {
    const [{ length }] = rows;
    return await this.#programs.run(["all", rows.length, length], (graph, w) => {
      const states = this.#states(rows.length, length, graph, w.at("text_decoder"));
      states.forEach((state, i) => graph.output(`hidden${i}`, state));
      graph.output("logits", blipLogits(states.at(-1)!, w.at("text_decoder")));
    }, { ids: Int32Array.from(rows.flat()), ...this.#seen });
  }

  close(): void {
    this.#programs.close();
  }

  #states(rows: number, length: number, graph: Graph, w: Weights): Tensor[] {
    const { heads, shapes } = this.file, picture = shapes.get("visual_encoder.pos_embed")![1];
    const width = w.shape("bert.embeddings.word_embeddings.weight")[1],
      shape = [this.#pictures, picture, width];
    const seen = w.list("bert.encoder.layer").map((_, i) => ({
      keys: graph.input(`keys.${i}`, shape),
      values: graph.input(`values.${i}`, shape),
    }));
    return blipText(graph.input("ids", [rows, length], "i32"), seen, w, heads.text);
  }

  async #write(count: number): Promise<number[][]> {
    const start = Array.from({ length: count }, () => this.#start), limits = this.#limits;
    const { beamSearch: beams, numBeams, topP } = this.generation, { generator } = this;
    if (!beams) return await nucleus(start, this.next, { ...limits, topP, generator });
    if (numBeams === 1) return await greedy(start, this.next, limits);
    return await beamSearch(start, this.next, limits, numBeams);
  }
}
