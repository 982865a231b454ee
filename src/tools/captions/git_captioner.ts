/** GIT writes captions: greedily, from the start token on (transformers' GitForCausalLM as sd-scripts calls it). */

import { UserError } from "../../base/errors.ts";
import { CaptionPrograms, tokenStates } from "../../models/bert/mod.ts";
import {
  type GitFile,
  gitLogits,
  gitPrefix,
  gitProjected,
  gitText,
  gitVision,
  openGit,
} from "../../models/git/mod.ts";
import type { Device } from "../../runtime/mod.ts";
import { type BertTokenizer, bertTokenizer } from "../../text/bert/mod.ts";
import { type Captioner, checkMaxLength, joinedPictures, paddedRows, vocabularyFor } from "./captioner.ts";
import { greedy, type NextLogits } from "./decoding/mod.ts";
import type { ClipPixels } from "../../images/clip_pixels.ts";

const START = "[CLS]", END = "[SEP]", PAD = "[PAD]";

export class GitCaptioner implements Captioner {
  readonly #programs: CaptionPrograms;
  #seen: Record<string, Float32Array> = {};
  #pictures = 0;

  private constructor(
    readonly file: GitFile,
    device: Device,
    readonly tokenizer: BertTokenizer,
    private readonly maxLength: number,
  ) {
    this.#programs = new CaptionPrograms(file, device);
  }

  /** Throws UserError for what is no GIT model. */
  static async open(path: string, device: Device, maxLength: number): Promise<GitCaptioner> {
    const file = openGit(path);
    try {
      checkMaxLength(maxLength, file.positions, file.path);
      const words = await vocabularyFor(file.path);
      if (words.length > file.vocabulary) {
        throw new UserError(
          `${file.path}: has ${file.vocabulary} words, its vocabulary ${words.length}; ` +
            "put the model's vocab.txt beside it",
        );
      }
      return new GitCaptioner(file, device, bertTokenizer(words), maxLength);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  get sees(): ClipPixels {
    return { shorter: this.file.shorter, side: this.file.side };
  }

  async caption(pictures: readonly Float32Array[]): Promise<string[]> {
    await this.look(pictures);
    return (await this.write()).map((ids) => this.tokenizer.decode(ids));
  }

  /** The ids of a text for each picture that was looked at. */
  write(): Promise<number[][]> {
    const start = Array.from({ length: this.#pictures }, () => [this.tokenizer.id(START)]);
    return greedy(start, this.next, {
      maxLength: this.maxLength,
      minLength: 0,
      end: this.tokenizer.id(END),
      pad: this.tokenizer.id(PAD),
    });
  }

  /** Keeps what the text layers see of the pictures; gives the encoder's output, its projection and the pictures' logits. */
  async look(
    pictures: readonly Float32Array[],
  ): Promise<Record<"vision" | "projected" | "last", Float32Array>> {
    const { heads, side } = this.file, shape = [pictures.length, side, side, 3];
    const { vision, projected, last, ...seen } = await this.#programs.run(
      ["pictures", pictures.length],
      (graph, w) => {
        const git = w.at("git");
        const found = gitVision(
          graph.input("pixels", shape),
          git.at("image_encoder.vision_model"),
          heads.vision,
        );
        const tokens = gitProjected(found, git), way = gitPrefix(tokens, git, heads.text);
        graph.output("vision", found);
        graph.output("projected", tokens);
        graph.output("last", way.last);
        way.prefix.forEach(({ keys, values }, i) => {
          graph.output(`keys.${i}`, keys);
          graph.output(`values.${i}`, values);
        });
      },
      { pixels: joinedPictures(pictures) },
    );
    this.#seen = seen;
    this.#pictures = pictures.length;
    return { vision, projected, last };
  }

  /** The logits after each row's last token. */
  readonly next: NextLogits = async (rows) => {
    const { length, ids, last } = paddedRows(rows, this.file.positions),
      { heads, layers, shapes } = this.file;
    const { logits } = await this.#programs.run(["text", rows.length, length], (graph, w) => {
      const tokens = this.#seen["keys.0"].length / this.#pictures;
      const [, width] = shapes.get("git.embeddings.word_embeddings.weight")!;
      const shape = [rows.length, tokens / width, width];
      const prefix = Array.from({ length: layers }, (_, i) => ({
        keys: graph.input(`keys.${i}`, shape),
        values: graph.input(`values.${i}`, shape),
      }));
      const states = gitText(
        graph.input("ids", [rows.length, length], "i32"),
        prefix,
        w.at("git"),
        heads.text,
      );
      const ends = tokenStates(states, graph.input("last", [rows.length], "i32"));
      graph.output("logits", gitLogits(ends, w));
    }, { ids, last, ...this.#seen });
    return logits;
  };

  close(): void {
    this.#programs.close();
  }
}
