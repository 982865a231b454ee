/** The models of guidance on a device: CLIP and VGG16, and what they see in texts and pictures. */

import type { DType } from "../../../base/dtype.ts";
import type { JobContext } from "../../../base/job.ts";
import { cast, type Graph } from "../../../graph/mod.ts";
import type { Pixels } from "../../../images/pixels.ts";
import { resizeNearest } from "../../../images/resampling/nearest.ts";
import {
  type ClipFile,
  clipL,
  eosRows,
  linear,
  openClipFile,
  openVgg16,
  type Shapes,
  under,
  type VggFile,
  Weights,
} from "../../../models/mod.ts";
import type { ParameterStore } from "../../../runtime/mod.ts";
import { type ClipTokenizer, loadTokenizer, weightedTokens } from "../../../text/mod.ts";
import type { GenImgConfig } from "../../groups.ts";
import type { Pipeline } from "../../pipeline/pipeline.ts";
import type { PictureRequest } from "../../prompts/requests.ts";
import { pullsOf } from "./flags.ts";
import { clipVectors, unit, VGG_SHRINKS, vggView } from "./likeness.ts";
import { CLIP_GUIDANCE_MODEL, givenOrUsual, VGG16_MODEL } from "./usual_models.ts";

/** Tokens that CLIP reads, the first and last included. */
const LENGTH = 77;

export interface OpenedGuides {
  readonly clip: ClipFile | null;
  readonly vgg: VggFile | null;
}

/** The files that the flags want, opened; null without any. Throws UserError for what they are not. */
export async function openGuides(
  config: GenImgConfig,
  context: JobContext,
): Promise<OpenedGuides | null> {
  const kinds = pullsOf(config).map(({ kind }) => kind);
  if (kinds.length === 0) return null;
  const texts = kinds.includes("text"), pictures = kinds.includes("picture");
  const clip = texts || pictures
    ? openClipFile(await givenOrUsual(config.clipGuidanceModel, CLIP_GUIDANCE_MODEL, context), { texts })
    : null;
  try {
    const vgg = kinds.includes("vgg16")
      ? openVgg16(await givenOrUsual(config.vgg16GuidanceModel, VGG16_MODEL, context))
      : null;
    return { clip, vgg };
  } catch (error) {
    clip?.close();
    throw error;
  }
}

const PREFIX = { clip: "guide_clip", vgg: "guide_vgg" } as const;

export class GuideModels {
  readonly #shapes: Partial<Record<keyof OpenedGuides, Shapes>> = {};

  private constructor(
    private readonly config: GenImgConfig,
    readonly files: OpenedGuides,
    private readonly dtype: DType,
    private readonly tokenizer: ClipTokenizer,
  ) {}

  /** Brings the tensors to the store and closes the files. */
  static async load(
    config: GenImgConfig,
    files: OpenedGuides,
    store: ParameterStore,
    dtype: DType,
  ): Promise<GuideModels> {
    const models = new GuideModels(config, files, dtype, await loadTokenizer("clip_l"));
    for (const name of ["clip", "vgg"] as const) {
      const file = files[name];
      if (!file) continue;
      const used = [...file.shapes].filter(([key]) => USED.test(key));
      models.#shapes[name] = under(`${PREFIX[name]}.`, new Map(used));
      for (const [key, shape] of used) {
        store.upload(`${PREFIX[name]}.${key}`, shape, dtype, file.places.get(key)!.file.f32(key), {
          frozen: true,
        });
      }
      file.close();
    }
    return models;
  }

  /** What CLIP makes of --c, else of the prompt without weights. */
  async textVector({ programs }: Pipeline, { words, clipPrompt }: PictureRequest): Promise<Float32Array> {
    const { tokenizer } = this, most = LENGTH - 2;
    const tokens = clipPrompt === null
      ? weightedTokens(tokenizer, words, most, { knowsBreak: true }).tokens
      : tokenizer.encode(clipPrompt).slice(0, most);
    const ids = new Int32Array(LENGTH).fill(tokenizer.eos);
    ids.set([tokenizer.bos, ...tokens]);
    const { vector } = await programs.run("guide text", (graph) => {
      const w = this.weights(graph, "clip"), projection = w.at("text_projection");
      const states = clipL(graph.input("ids", [1, LENGTH], "i32"), w.at("text_model"), {
        activation: this.files.clip!.textActivation,
        projection: (x) => linear(x, projection),
      });
      graph.output("vector", unit(cast(states.pooled(graph.input("rows", [1], "i32")), "f32")));
    }, { ids, rows: eosRows(ids, LENGTH, tokenizer.eos) });
    return vector;
  }

  /** A picture to be like, as CLIP sees it. */
  pictureVector(pipeline: Pipeline, guide: Pixels): Promise<Float32Array> {
    const { side } = this.files.clip!;
    return this.view(pipeline, "clip", resizeNearest(guide, side, side));
  }

  /** A picture to be like, as VGG16 sees it beside pictures of a size. */
  features(
    pipeline: Pipeline,
    guide: Pixels,
    { width, height }: { readonly width: number; readonly height: number },
  ): Promise<Float32Array> {
    const [w, h] = [width, height].map((side) => Math.floor(side / VGG_SHRINKS));
    return this.view(pipeline, "vgg", resizeNearest(guide, w, h));
  }

  /** CLIP's unit vector of a picture, or VGG16's features. */
  async view(
    { programs }: Pipeline,
    name: keyof OpenedGuides,
    { width, height, data }: { width: number; height: number; data: ArrayLike<number> },
  ): Promise<Float32Array> {
    const { view } = await programs.run(`guide ${name} ${height} ${width}`, (graph) => {
      const pixels = graph.input("pixels", [1, height, width, 3]), w = this.weights(graph, name);
      graph.output(
        "view",
        name === "clip"
          ? clipVectors(pixels, w, this.files.clip!)
          : vggView(pixels, w, this.config.vgg16GuidanceLayer),
      );
    }, { pixels: Float32Array.from(data, (byte) => byte / 255) });
    return view;
  }

  weights(graph: Graph, name: keyof OpenedGuides): Weights {
    const source = this.files[name]!.path;
    return Weights.over(graph, this.#shapes[name]!, { dtype: this.dtype, source }).at(PREFIX[name]);
  }
}

/** Tensors of CLIP and VGG16 that take part. */
const USED =
  /^(vision_model|text_model|features)\..*\.(weight|bias|class_embedding)$|^vision_model\.embeddings\.class_embedding$|^(visual|text)_projection\.weight$/;
