/** What CLIP sees in pictures: one embedding each, made once. */

import type { DType } from "../../../base/dtype.ts";
import { UserError } from "../../../base/errors.ts";
import type { JobContext } from "../../../base/job.ts";
import { Programs } from "../../../graph/mod.ts";
import { prepareMiddle } from "../../../images/clip_pixels.ts";
import type { Pixels } from "../../../images/pixels.ts";
import {
  type ClipFile,
  type Family,
  imageEmbeddings,
  loadMissing,
  openClipFile,
  type Shapes,
  Weights,
} from "../../../models/mod.ts";
import { type Device, ParameterStore } from "../../../runtime/mod.ts";
import type { GenImgConfig } from "../../groups.ts";
import { CLIP_VISION_MODEL, givenOrUsual } from "./usual_models.ts";

export class PictureEmbedder {
  readonly #store: ParameterStore;
  readonly #programs: Programs<string>;
  readonly #known = new WeakMap<Pixels, Float32Array>();

  constructor(
    private readonly file: ClipFile,
    device: Device,
    private readonly dtype: DType,
    /** Embeddings are multiplied by it. */
    private readonly strength: number,
  ) {
    this.#store = new ParameterStore(device);
    this.#programs = new Programs(this.#store, { load: (graph) => loadMissing(graph, this.#store, file) });
  }

  async embeddings(pictures: readonly Pixels[]): Promise<Float32Array[]> {
    const found: Float32Array[] = [];
    for (const picture of pictures) {
      const embedding = this.#known.get(picture) ?? await this.#embed(picture);
      this.#known.set(picture, embedding);
      found.push(embedding);
    }
    return found;
  }

  async #embed(picture: Pixels): Promise<Float32Array> {
    const { path, shapes, side, shorter, vision } = this.file, { dtype, strength } = this;
    const { embedding } = await this.#programs.run("picture", (graph) => {
      const pixels = graph.input("pixels", [1, side, side, 3], dtype);
      graph.output(
        "embedding",
        imageEmbeddings(pixels, Weights.over(graph, shapes, { dtype, source: path }), vision),
      );
    }, { pixels: prepareMiddle(picture, shorter, side) });
    return embedding.map((x) => x * strength);
  }

  close(): void {
    this.#programs.destroy();
    this.#store.destroy();
    this.file.close();
  }
}

/**
 * The CLIP of --clip_vision_strength, which puts what it sees in the place of the prompt's pooled text; null without.
 * Throws UserError where the model has none, or one of another width.
 */
export async function clipForVision(
  { clipVisionStrength, clipVisionModel }: Pick<GenImgConfig, "clipVisionStrength" | "clipVisionModel">,
  { family, shapes }: { readonly family: Family; readonly shapes: Shapes },
  context: JobContext,
): Promise<ClipFile | null> {
  if (clipVisionStrength === null) return null;
  const width = family.text.pooled
    ? shapes.get(`${family.textEncoders.at(-1)!.scope}.text_projection`)?.[0]
    : undefined;
  if (width === undefined) {
    throw new UserError(`--clip_vision_strength is for SDXL, the model is ${family.label}; leave it away`);
  }
  const clip = openClipFile(await givenOrUsual(clipVisionModel, CLIP_VISION_MODEL, context));
  if (clip.projection === width) return clip;
  clip.close();
  throw new UserError(
    `${clip.path}: gives ${clip.projection} numbers for a picture, the model wants ${width}; ` +
      "give --clip_vision_model a CLIP ViT-bigG/14",
  );
}
