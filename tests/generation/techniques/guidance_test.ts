import assert from "node:assert/strict";
import { quietContext } from "../../../src/base/job.ts";
import type { GenImgConfig } from "../../../src/generation/groups.ts";
import { genImg } from "../../../src/generation/gen_img.ts";
import { samplingOf } from "../../../src/generation/pipeline/sampling.ts";
import { pictureRequests } from "../../../src/generation/prompts/requests.ts";
import { createSampler } from "../../../src/generation/samplers/mod.ts";
import { GuideModels, openGuides } from "../../../src/generation/techniques/guidance/guide_models.ts";
import { checkGuidance } from "../../../src/generation/techniques/guidance/flags.ts";
import { Pulls } from "../../../src/generation/techniques/guidance/pulls.ts";
import { decodeImage } from "../../../src/images/load.ts";
import type { Pixels } from "../../../src/images/pixels.ts";
import { encodePng } from "../../../src/images/png_file.ts";
import { noiseSchedule } from "../../../src/models/noise/schedule.ts";
import { interpolatedValues, linearWeights } from "../../../src/models/mod.ts";
import { openStudio } from "../../golden/drawing.ts";
import { stream, uniform } from "../../golden/synth.ts";
import { GEN_IMG_DEFAULTS } from "../defaults.ts";
import { writeClip, writeVgg16 } from "./guide_files.ts";

const SIDE = 32;

function photo(name: string, side = SIDE): Pixels {
  const data = Uint8Array.from(stream(name, side * side * 3), (u) => Math.floor((u + 1) * 128));
  return { width: side, height: side, channels: 3, data };
}

/** The loss as the papers and gen_img_diffusers.py write it, of values in float64. */
const LOSSES = {
  clip: (view: Float32Array, wanted: Float32Array) => {
    const length = Math.hypot(...view), distance = Math.hypot(...wanted.map((x, i) => view[i] / length - x));
    return 2 * Math.asin(distance / 2) ** 2;
  },
  vgg: (view: Float32Array, wanted: Float32Array) =>
    wanted.reduce((sum, x, i) => sum + (view[i] - x) ** 2, 0) / wanted.length,
};

Deno.test("guidance goes against the slope of the published losses, for noises blended and added", async () => {
  const dir = Deno.makeTempDirSync();
  const studio = openStudio({ model: "sd1-tiny" }), { pipeline } = studio, { model } = pipeline;
  const clip = writeClip(`${dir}/clip.safetensors`), vgg = writeVgg16(`${dir}/vgg.safetensors`);
  const size = { width: SIDE, height: SIDE }, shape = { batch: 1, channels: 4, height: 4, width: 4 };
  try {
    const flags = {
      text: { clipGuidanceScale: 3, clipGuidanceModel: clip },
      picture: { clipImageGuidanceScale: 3, clipGuidanceModel: clip },
      vgg16: { vgg16GuidanceScale: 3, vgg16GuidanceLayer: 8, vgg16GuidanceModel: vgg },
    };
    for (const [kind, sampler] of [["text", "ddim"], ["picture", "lms"], ["vgg16", "ddim"]] as const) {
      const config: GenImgConfig = { ...GEN_IMG_DEFAULTS, scale: 1, steps: 4, seed: 1, ...flags[kind] };
      const models = await GuideModels.load(
        config,
        (await openGuides(config, quietContext()))!,
        model.store,
        "f32",
      );
      const requests = [...pictureRequests(config, ["a red circle --n no"], size)], guide = photo("guide");
      const conditioner = await pipeline.conditioner({
        ...{ clipSkip: null, normalization: "original", maxChunks: 1, knowsBreak: true, padWithEos: false },
      });
      const positive = await conditioner.encode(["a red circle"]);
      const guidance = { positive, negative: null, scale: 1, positiveVectors: null, negativeVectors: null };
      const sampling = samplingOf(config), steps = createSampler(sampler, { ...sampling, steps: 4 });
      const i = 1, timestep = steps.timesteps[i], divisor = steps.inputDivisor(i);
      const sigma = Math.sqrt(divisor ** 2 - 1), { alphasCumprod } = noiseSchedule();
      const alpha = alphasCumprod[Math.round(timestep)], share = Math.sqrt(1 - alpha);

      /** Unguided: what the model expects in the end, looked at. */
      const wanted = kind === "text"
        ? await models.textVector(pipeline, requests[0])
        : kind === "picture"
        ? await models.pictureVector(pipeline, guide)
        : await models.features(pipeline, guide, size);
      const lossAt = async (latents: Float32Array) => {
        const input = latents.map((x) => x / divisor);
        const noise = await pipeline.predict(input, timestep, shape, guidance);
        const expected = latents.map((x, k) => {
          if (divisor > 1) return x - sigma * noise[k];
          return (x - share * noise[k]) / Math.sqrt(alpha) * share + x * (1 - share);
        });
        const picture = (await pipeline.decode(expected, shape))
          .map((x) => Math.min(1, Math.max(0, x / 2 + 0.5)));
        const side = kind === "vgg16" ? SIDE / 4 : 32;
        const weights = linearWeights(SIDE, side);
        const small = interpolatedValues(picture, [1, SIDE, SIDE, 3], weights, weights);
        const name = kind === "vgg16" ? "vgg" : "clip";
        const data = small.map((x) => 255 * x);
        return 3 *
          LOSSES[name](await models.view(pipeline, name, { width: side, height: side, data }), wanted);
      };

      const latents = uniform("latents", 4 * 4 * 4, divisor), prediction = uniform("answer", 64, 1);
      const run = await new Pulls(config, models).begin(pipeline, requests, [guide], { size, sampling });
      const after = await run.apply({ sampler: steps, i, shape, guidance, latents, prediction });
      const slope = divisor > 1
        ? after.latents.map((x, k) => (latents[k] - x) / sigma ** 2)
        : after.prediction.map((x, k) => (x - prediction[k]) / share);
      const length = Math.hypot(...slope);
      assert.ok(length > 0);
      const step = 2e-2 * divisor, along = slope.map((x) => x / length);
      const moved = (sign: number) => lossAt(latents.map((x, k) => x + sign * step * along[k]));
      const measured = (await moved(1) - await moved(-1)) / (2 * step);
      assert.ok(Math.abs(measured / length - 1) < 0.03, `${kind}: slope ${length}, measured ${measured}`);
    }
  } finally {
    studio.close();
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("genImg() draws with guidance: by a text, a picture, or the picture before where none is given", async () => {
  const dir = Deno.makeTempDirSync();
  const clipGuidanceModel = writeClip(`${dir}/clip.safetensors`);
  const vgg16GuidanceModel = writeVgg16(`${dir}/vgg.safetensors`);
  Deno.writeFileSync(`${dir}/guide.png`, encodePng(photo("guide")));
  Deno.writeTextFileSync(`${dir}/prompts.txt`, "a red circle --d 1\na blue square --d 2 --c a green sea\n");
  const draw = async (name: string, options: Partial<GenImgConfig>) => {
    const outdir = `${dir}/${name}`;
    await genImg({
      ...GEN_IMG_DEFAULTS,
      ...{ ckpt: "builtin:tiny", fromFile: `${dir}/prompts.txt`, outdir, sequentialFileName: true },
      ...{ W: 32, H: 32, steps: 2, threads: 1, ...options },
    }, quietContext());
    return await Promise.all(["1", "2"].map(async (n) => {
      return (await decodeImage(Deno.readFileSync(`${outdir}/im_00000${n}.png`))).data;
    }));
  };
  try {
    const [one, two] = await draw("plain", {});
    const text = await draw("text", { clipGuidanceScale: 30, clipGuidanceModel, batchSize: 2 });
    assert.notDeepEqual(text[0], one);
    assert.notDeepEqual(text[1], two);
    const before = await draw("before", { clipImageGuidanceScale: 30, clipGuidanceModel });
    assert.deepEqual(before[0], one);
    assert.notDeepEqual(before[1], two);
    const guideImagePath = [`${dir}/guide.png`];
    const vgg = await draw("vgg", { vgg16GuidanceScale: 100, vgg16GuidanceModel, guideImagePath });
    assert.notDeepEqual(vgg[0], one);
    const clip = { clipGuidanceScale: 1, clipGuidanceModel };
    for (
      const [options, wanted] of [
        [{ ...clip, vParameterization: true }, /not possible with a model that predicts velocity/],
        [
          { ...clip, gradualLatentTimesteps: 700, sampler: "euler_a" as const },
          /not possible with Gradual Latent/,
        ],
        [{ ...clip, clipGuidanceModel: vgg16GuidanceModel }, /vgg\.safetensors: is no CLIP model/],
        [
          { vgg16GuidanceScale: 1, vgg16GuidanceModel: clipGuidanceModel },
          /clip\.safetensors: is no VGG16 \(it has no convolution features\.0\.weight\)/,
        ],
      ] as const
    ) await assert.rejects(draw("refused", options), wanted);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("flags of guidance that do not go together are refused in a line", () => {
  const refused = (options: Partial<GenImgConfig>, wanted: RegExp) =>
    assert.throws(() => checkGuidance({ ...GEN_IMG_DEFAULTS, ...options }), wanted);
  refused({ guideImagePath: ["a.png"] }, /--guide_image_path needs .*--clip_image_guidance_scale or/);
  refused(
    { vgg16GuidanceScale: 1, guideImagePath: ["a.png"], controlNetModels: ["net.safetensors"] },
    /either for ControlNets or for guidance/,
  );
  refused({ clipGuidanceScale: 1, XTIEmbeddings: ["x.pt"] }, /--XTI_embeddings and guidance/);
  refused({ vgg16GuidanceLayer: 31 }, /the layers are 0 to 30/);
  refused({ clipGuidanceModel: "m" }, /--clip_guidance_model needs/);
  refused({ vgg16GuidanceModel: "m" }, /--vgg16_guidance_model needs/);
  checkGuidance({ ...GEN_IMG_DEFAULTS, clipImageGuidanceScale: 1, guideImagePath: ["a.png"] });
});
