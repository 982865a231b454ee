import assert from "node:assert/strict";
import { type PictureFacts, pictureTexts } from "../../../src/generation/pictures/picture_text.ts";
import { pictureRequests } from "../../../src/generation/prompts/requests.ts";
import { GEN_IMG_DEFAULTS } from "../defaults.ts";

Deno.test("the web UI's line names model, autoencoder, LoRAs and embeddings by their hashes", () => {
  const [request] = pictureRequests(
    { ...GEN_IMG_DEFAULTS, seed: 5, steps: 20 },
    ["a cat, good --n badhand --d 5"],
    { width: 64, height: 96 },
    () => {},
  );
  const facts = {
    request,
    width: 64,
    height: 96,
    sampler: "dpmpp_2m",
    sigmas: "karras",
    modelName: "my,model",
    clipSkip: 2,
    sized: false,
    networks: [{ name: "c,a:t", text: 0.5, unet: 0.5, hash: "0123456789abcdef" }],
    strength: 0.4,
    hashes: {
      model: { name: "my,model", hash: "aaaaaaaaaa" },
      vae: { name: "sharp.safetensors", hash: "bbbbbbbbbb" },
      embeddings: [{ name: "badhand", hash: "cccccccccc" }, { name: "unused", hash: "dddddddddd" }],
    },
  } as const;
  const parameters = (more: Partial<PictureFacts> = {}) =>
    new Map(pictureTexts({ ...facts, ...more })).get("parameters")!;
  assert.deepEqual(parameters().split("\n"), [
    "a cat, good <lora:c,a:t:0.5>",
    "Negative prompt: badhand",
    "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 5, Size: 64x96, " +
    "Model hash: aaaaaaaaaa, Model: my model, VAE hash: bbbbbbbbbb, VAE: sharp.safetensors, " +
    'Denoising strength: 0.4, Clip skip: 2, Lora hashes: "cat: 0123456789ab", TI hashes: "badhand: cccccccccc", ' +
    'Hashes: {"model": "aaaaaaaaaa", "vae": "bbbbbbbbbb", "lora:c,a:t": "0123456789ab", "embed:badhand": "cccccccccc"}',
  ]);
  const firstPass = { width: 48, height: 72, steps: 12, upscaler: "4x,Ultra" };
  const twice = parameters({ firstPass });
  assert.match(twice, /\nSteps: 12, .* Size: 48x72, /);
  assert.match(
    twice,
    /Denoising strength: 0.4, Clip skip: 2, Hires upscale: 1.3333, Hires steps: 20, Hires upscaler: 4x Ultra, Lora/,
  );
});
