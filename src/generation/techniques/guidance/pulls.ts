/**
 * Pictures pulled towards a text or a picture while they are drawn, as CLIP or VGG16 sees them (gen_img_diffusers.py, after
 * diffusers' clip_guided_stable_diffusion): each step looks at the picture that the model expects in the end, and goes
 * against the gradient of what it lacks.
 */

import { UserError } from "../../../base/errors.ts";
import {
  add,
  affine,
  cast,
  concat,
  gradients,
  type Graph,
  maximum,
  minimum,
  mul,
  reshape,
} from "../../../graph/mod.ts";
import type { Pixels } from "../../../images/pixels.ts";
import { decode, type LatentShape, VAE } from "../../../models/mod.ts";
import type { GenImgConfig } from "../../groups.ts";
import { weightsIn } from "../../pipeline/model.ts";
import type { Guidance, Pipeline } from "../../pipeline/pipeline.ts";
import type { Sampling } from "../../pipeline/sampling.ts";
import type { PictureRequest } from "../../prompts/requests.ts";
import { type Sampler, scheduleOf } from "../../samplers/sampler.ts";
import { depthAt } from "../deep_shrink.ts";
import { pullsOf } from "./flags.ts";
import type { GuideModels } from "./guide_models.ts";
import { clipLikeness, type Likeness, vggLikeness } from "./likeness.ts";

type Kind = ReturnType<typeof pullsOf>[number]["kind"];

interface Pull {
  readonly kind: Kind;
  readonly scale: number;
  /** For each picture what it should be like: a unit vector of CLIP's or features of VGG16's. */
  readonly wanted: readonly Float32Array[];
}

/** What a step knows. */
export interface PulledStep {
  readonly sampler: Sampler;
  /** The evaluation. */
  readonly i: number;
  readonly shape: LatentShape;
  readonly guidance: Guidance;
  readonly latents: Float32Array;
  readonly prediction: Float32Array;
}

/** A batch that is pulled. */
export interface PullRun {
  apply(step: PulledStep): Promise<Pick<PulledStep, "latents" | "prediction">>;
}

export class Pulls {
  constructor(private readonly config: GenImgConfig, private readonly models: GuideModels) {}

  /** Makes a batch ready; `guides` are the pictures that its pictures should be like, null where there are none yet. */
  async begin(
    pipeline: Pipeline,
    requests: readonly PictureRequest[],
    guides: readonly Pixels[] | null,
    { size, sampling }: {
      readonly size: { readonly width: number; readonly height: number };
      readonly sampling: Sampling;
    },
  ): Promise<PullRun> {
    const { models } = this, pulls: Pull[] = [];
    for (const { kind, scale } of pullsOf(this.config)) {
      if (kind === "text") {
        pulls.push({ kind, scale, wanted: await each(requests, (r) => models.textVector(pipeline, r)) });
      } else if (guides) {
        const view = (guide: Pixels) =>
          kind === "picture" ? models.pictureVector(pipeline, guide) : models.features(pipeline, guide, size);
        pulls.push({ kind, scale, wanted: await each(guides, view) });
      }
    }
    const { alphasCumprod } = scheduleOf({ ...sampling, steps: 1 });
    return {
      apply: async ({ sampler, i, shape, guidance, ...step }) => {
        let { latents, prediction } = step;
        const timestep = sampler.timesteps[i], divisor = sampler.inputDivisor(i);
        // samplers that think in sigmas add noise to latents, the others blend the two
        const sigma = divisor === 1 ? null : Math.sqrt(divisor * divisor - 1);
        const alpha = alphasCumprod[Math.round(timestep)], beta = 1 - alpha, share = Math.sqrt(beta);
        const blend = sigma === null
          ? [share / Math.sqrt(alpha) + 1 - share, -share * share / Math.sqrt(alpha)]
          : [1, -sigma];
        for (const pull of pulls) {
          const slope = await this.#slope(pipeline, pull, {
            latents,
            shape,
            guidance,
            timestep,
            divisor,
            blend,
          });
          if (sigma === null) prediction = prediction.map((x, k) => x + share * slope[k]);
          else latents = latents.map((x, k) => x - sigma * sigma * slope[k]);
        }
        return { latents, prediction };
      },
    };
  }

  /** The loss's slope by the latents (N, h, w, C), one picture after the other. */
  async #slope(
    pipeline: Pipeline,
    { kind, scale, wanted }: Pull,
    { latents, shape, guidance, timestep, divisor, blend }: {
      latents: Float32Array;
      shape: LatentShape;
      guidance: Guidance;
      timestep: number;
      divisor: number;
      blend: readonly number[];
    },
  ): Promise<Float32Array> {
    const { batch, height, width, channels } = shape,
      { model } = pipeline,
      out = new Float32Array(latents.length);
    const { tokens } = guidance.positive[0], { deepShrink, positiveVectors } = guidance;
    const painted = (guidance.painted?.length ?? 0) / batch;
    const depth = deepShrink ? depthAt(deepShrink, timestep) : null;
    const one = [1, height, width, channels], size = height * width * channels;
    const program = await pipeline.programs.get(
      `pull ${kind} ${height} ${width} ${tokens} ${depth} ${deepShrink?.ratio}`,
      (graph) => {
        const x = graph.input("latents", one),
          number = (name: string) => reshape(graph.input(name, [1]), [1, 1, 1, 1]);
        const noisy = mul(x, number("inverse"));
        const answer = model.family.denoise(
          painted
            ? concat([noisy, graph.input("painted", [1, height, width, painted / (height * width)])], 3)
            : noisy,
          graph.input("timesteps", [1]),
          {
            context: graph.input("context", [1, tokens, guidance.positive[0].context.length / tokens]),
            vector: positiveVectors ? graph.input("vector", [1, positiveVectors[0].length]) : undefined,
          },
          weightsIn(graph, model, "model"),
          { shrink: depth === null ? undefined : { depth, ratio: deepShrink!.ratio } },
        );
        const expected = add(mul(x, number("ofLatents")), mul(answer, number("ofAnswer")));
        const picture = decode(
          affine(expected, 1 / pipeline.latentScale, 0),
          weightsIn(graph, model, "vae").at(VAE),
          {
            attention: model.vaeAttention,
          },
        );
        const likeness = this.#likeness(graph, kind, unitColours(picture), wanted[0].length);
        const seed = mul(likeness.growth, reshape(graph.input("scale", [1]), likeness.growth.shape));
        graph.output("slope", cast(gradients(likeness.value, [x], seed)[0]!, "f32"));
      },
      () => ({ recompute: "all" }),
    );
    for (let i = 0; i < batch; i++) {
      const inputs: Record<string, Float32Array> = {
        ...guidance.networks,
        latents: latents.subarray(i * size, (i + 1) * size),
        timesteps: Float32Array.of(timestep),
        inverse: Float32Array.of(1 / divisor),
        ofLatents: Float32Array.of(blend[0]),
        ofAnswer: Float32Array.of(blend[1]),
        context: guidance.positive[i].context,
        wanted: wanted[i],
        scale: Float32Array.of(scale),
        ...painted ? { painted: guidance.painted!.subarray(i * painted, (i + 1) * painted) } : {},
        ...positiveVectors ? { vector: positiveVectors[i] } : {},
      };
      const known = Object.entries(inputs).filter(([name]) => program.tables.inputs.has(name));
      const { slope } = await program.run(Object.fromEntries(known));
      if (!slope.every(Number.isFinite)) {
        throw new UserError("guidance has become infinite; lower its scale, or draw without --fp16");
      }
      out.set(slope, i * size);
    }
    return out;
  }

  #likeness(graph: Graph, kind: Kind, picture: ReturnType<typeof unitColours>, count: number): Likeness {
    if (kind !== "vgg16") {
      return clipLikeness(
        picture,
        graph.input("wanted", [1, count]),
        this.models.weights(graph, "clip"),
        this.models.files.clip!,
      );
    }
    const last = this.config.vgg16GuidanceLayer, w = this.models.weights(graph, "vgg");
    return vggLikeness(picture, (like) => graph.input("wanted", like), w, last);
  }
}

/** From around [-1, 1] to within [0, 1]. */
function unitColours(picture: ReturnType<typeof decode>) {
  const number = (x: number) => picture.graph.constant(Float32Array.of(x), [1, 1, 1, 1]);
  return minimum(maximum(affine(picture, 0.5, 0.5), number(0)), number(1));
}

async function each<T>(list: readonly T[], make: (one: T) => Promise<Float32Array>): Promise<Float32Array[]> {
  const made = new Map<T, Float32Array>();
  for (const one of list) if (!made.has(one)) made.set(one, await make(one));
  return list.map((one) => made.get(one)!);
}
