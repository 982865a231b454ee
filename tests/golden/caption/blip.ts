/** BLIP in parts: what it sees, the logits of given tokens, and captions by every way of choosing words. */

import { prepareClip } from "../../../src/images/clip_pixels.ts";
import type { Pixels } from "../../../src/images/pixels.ts";
import { TorchGenerator } from "../../../src/random/mod.ts";
import { nucleusProbabilities } from "../../../src/tools/captions/decoding/mod.ts";
import { BlipCaptioner } from "../../../src/tools/captions/blip_captioner.ts";
import type { Check, GoldenCase } from "../case.ts";
import { close, exact, sample, within } from "../compare.ts";
import { goldenDevice } from "../device.ts";
import { captionPicturesOf, writeBlip } from "./models.ts";

export async function checkBlipModel(c: GoldenCase): Promise<Check[]> {
  const folder = Deno.makeTempDirSync({ prefix: "easel-golden-" }), device = goldenDevice();
  const { arguments: given = {}, seed } = c.json;
  try {
    const model = writeBlip(folder, c, "model.safetensors");
    const captioner = await BlipCaptioner.open(model, device, {
      beamSearch: given.sample !== true,
      numBeams: given.num_beams ?? 1,
      topP: given.top_p ?? 0.9,
      maxLength: given.max_length ?? 75,
      minLength: given.min_length ?? 5,
    }, 0);
    captioner.generator.manualSeed(seed ?? 0);
    try {
      const pictures = await captionPicturesOf(c, folder);
      if (c.json.arguments) return await checkCaptions(c, captioner, pictures);
      return c.json.input_ids
        ? await checkLogits(c, captioner, pictures)
        : await checkVision(c, captioner, pictures);
    } finally {
      captioner.close();
    }
  } finally {
    device.close();
    Deno.removeSync(folder, { recursive: true });
  }
}

async function checkVision(c: GoldenCase, captioner: BlipCaptioner, images: Pixels[]): Promise<Check[]> {
  const { tolerance } = c.json,
    t = c.tensors(),
    prepared = images.map((image) => prepareClip(image, captioner.sees));
  const side = Math.sqrt(prepared[0].length / 3), area = side * side;
  // recorded channels first
  const pixels = prepared.flatMap((p) => [0, 1, 2].map((k) => p.filter((_, i) => i % 3 === k)));
  const all = new Float32Array(prepared.length * 3 * area);
  pixels.forEach((plane, i) => all.set(plane, i * area));
  const features = await captioner.look(prepared), wanted = t.f32("pixels_sample").length;
  const first = prepared.flatMap((_, i) => {
    const from = i * features.length / prepared.length;
    return [...features.subarray(from, from + t.info("features_first_token").shape[1])];
  });
  return [
    within("pixels", sample(all, wanted), t.f32("pixels_sample"), tolerance.pixels.abs),
    close(
      "features",
      sample(features, t.f32("features_sample").length),
      t.f32("features_sample"),
      tolerance.features.rel_l2,
    ),
    close("first tokens", first, t.f32("features_first_token"), tolerance.features.rel_l2),
  ];
}

async function checkLogits(c: GoldenCase, captioner: BlipCaptioner, images: Pixels[]): Promise<Check[]> {
  await captioner.look(images.map((image) => prepareClip(image, captioner.sees)));
  const found = await captioner.everything(c.json.input_ids), t = c.tensors();
  return Object.entries(found).map(([name, values]) =>
    close(name, values, t.f32(name), c.json.tolerance.rel_l2)
  );
}

async function checkCaptions(c: GoldenCase, captioner: BlipCaptioner, images: Pixels[]): Promise<Check[]> {
  const pictures = images.map((image) => prepareClip(image, captioner.sees)), checks: Check[] = [];
  checks.push(exact("captions", await captioner.caption(pictures), c.json.captions));
  if (c.json.arguments.sample) checks.push(...await checkDraws(c, captioner));
  return checks;
}

/** Step by step along the recorded texts. */
async function checkDraws(c: GoldenCase, captioner: BlipCaptioner): Promise<Check[]> {
  const t = c.tensors(), [rows, length] = t.info("sequences").shape;
  const sequences = integers(t.bytes("sequences")), generator = new TorchGenerator(c.json.seed);
  const [steps, , width] = t.info("probs").shape, start = length - steps;
  const { top_p: topP, max_length: maxLength, min_length: minLength } = c.json.arguments;
  const limits = { topP, maxLength, minLength, end: captioner.tokenizer.id("[SEP]"), pad: 0 };
  const found: number[] = [], drawn: number[] = [];
  for (let step = 0; step < steps; step++) {
    const texts = Array.from(
      { length: rows },
      (_, i) => sequences.slice(i * length, i * length + start + step),
    );
    found.push(...nucleusProbabilities(await captioner.next(texts), texts, limits));
    drawn.push(...generator.exponential(rows * width));
  }
  return [
    within("probabilities", found, t.f32("probs"), c.json.tolerance.probs.abs),
    close("exponential", drawn, t.f32("exponential"), 1e-6),
  ];
}

function integers(bytes: Uint8Array<ArrayBuffer>): number[] {
  return Array.from(new BigInt64Array(bytes.buffer), Number);
}
