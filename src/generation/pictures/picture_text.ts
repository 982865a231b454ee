/** What is written into a picture: gen_img.py's entries, and one line the way the AUTOMATIC1111 web UI writes it. */

import { loraTagText } from "../../text/mod.ts";
import type { UsedNetwork } from "../pipeline/networks.ts";
import { type SigmaSpacing, webUiName, webUiSpacing } from "../samplers/mod.ts";
import type { PictureRequest } from "../prompts/requests.ts";
import type { Resource, ResourceHashes } from "./resource_hashes.ts";

export interface PictureFacts {
  readonly request: PictureRequest;
  readonly width: number;
  readonly height: number;
  readonly sampler: string;
  /** --sigmas */
  readonly sigmas: SigmaSpacing | null;
  readonly modelName: string;
  readonly hashes: ResourceHashes;
  readonly clipSkip: number;
  /** Whether the model is conditioned on sizes. */
  readonly sized: boolean;
  /** Those that took part. */
  readonly networks: readonly UsedNetwork[];
  /** Null for text to image. */
  readonly strength: number | null;
  /** The first of two passes, where this is a picture of the second. */
  readonly firstPass?: FirstPass;
}

export interface FirstPass {
  readonly width: number;
  readonly height: number;
  readonly steps: number;
  /** What enlarged it, as the web UI calls it. */
  readonly upscaler: string;
}

export function pictureTexts(facts: PictureFacts): [string, string][] {
  const { prompt, negativePrompt, seed, clipPrompt, rawPrompt, settings } = facts.request;
  const texts: [string, string][] = [
    ["prompt", prompt],
    ["seed", String(seed)],
    ["sampler", facts.sampler],
    ["steps", String(settings.steps)],
    ["scale", pythonFloat(settings.scale)],
    ["negative-prompt", negativePrompt],
  ];
  if (clipPrompt !== null) texts.push(["clip-prompt", clipPrompt]);
  texts.push(["raw-prompt", rawPrompt]);
  if (facts.sized) {
    const none = (x: number | null) => x === null ? "None" : String(x);
    texts.push(
      ["original-height", none(settings.originalHeight)],
      ["original-width", none(settings.originalWidth)],
      ["original-height-negative", none(settings.originalHeightNegative)],
      ["original-width-negative", none(settings.originalWidthNegative)],
      ["crop-top", none(settings.cropTop)],
      ["crop-left", none(settings.cropLeft)],
    );
  }
  texts.push(["parameters", webUiLine(facts)]);
  return texts;
}

function webUiLine(facts: PictureFacts): string {
  const { words, negativePrompt, seed, settings } = facts.request, { networks, hashes } = facts;
  const { model, vae } = hashes, { firstPass } = facts;
  const first = firstPass ?? { ...facts, steps: settings.steps }; // the web UI's size and steps are the first pass's
  const entries = [
    `Steps: ${first.steps}`,
    `Sampler: ${webUiName(facts.sampler)}`,
    ...(facts.sigmas ? [`Schedule type: ${webUiSpacing(facts.sigmas)}`] : []),
    `CFG scale: ${settings.scale}`,
    `Seed: ${seed}`,
    `Size: ${first.width}x${first.height}`,
    ...(model ? [`Model hash: ${model.hash}`] : []),
    `Model: ${oneEntry(facts.modelName)}`,
    ...(vae ? [`VAE hash: ${vae.hash}`, `VAE: ${oneEntry(vae.name)}`] : []),
  ];
  if (facts.strength !== null) entries.push(`Denoising strength: ${facts.strength}`);
  if (facts.clipSkip > 1) entries.push(`Clip skip: ${facts.clipSkip}`);
  if (firstPass) {
    entries.push(
      `Hires upscale: ${Math.round(1e4 * facts.width / firstPass.width) / 1e4}`,
      `Hires steps: ${settings.steps}`,
      `Hires upscaler: ${oneEntry(firstPass.upscaler)}`,
    );
  }
  const loras = networks.map(({ name, hash }) => ({ name, hash: hash.slice(0, LORA_DIGITS) }));
  const embeddings = hashes.embeddings.filter(({ name }) => `${words}\n${negativePrompt}`.includes(name));
  if (loras.length > 0) entries.push(`Lora hashes: ${JSON.stringify(hashList(loras))}`);
  if (embeddings.length > 0) entries.push(`TI hashes: ${JSON.stringify(hashList(embeddings))}`);
  // the last one: readers that do not know it split it at its commas
  const all = [
    ...(model ? [["model", model.hash]] : []),
    ...(vae ? [["vae", vae.hash]] : []),
    ...loras.map(({ name, hash }) => [`lora:${name}`, hash]),
    ...embeddings.map(({ name, hash }) => [`embed:${name}`, hash]),
  ];
  if (all.length > 0) entries.push(`Hashes: {${all.map(jsonEntry).join(", ")}}`);
  // strengths as they were: the prompt's own tags do not know of --network_mul and --am
  const prompt = [words, ...networks.map(loraTagText)].join(" ");
  const negative = negativePrompt ? [`Negative prompt: ${negativePrompt}`] : [];
  return [prompt, ...negative, entries.join(", ")].join("\n");
}

/** Of the hash over a LoRA's tensors; sites call it AutoV3. */
const LORA_DIGITS = 12;

/** Readers split it at commas and each entry at its colon; the web UI leaves both out of names, too. */
function hashList(resources: readonly Resource[]): string {
  return resources.map(({ name, hash }) => `${name.replace(/[,:]/g, "")}: ${hash}`).join(", ");
}

/** Entries are divided by commas. */
function oneEntry(text: string): string {
  return text.replaceAll(",", " ");
}

/** As Python's json.dumps spaces it. */
function jsonEntry([key, value]: string[]): string {
  return `${JSON.stringify(key)}: ${JSON.stringify(value)}`;
}

/** As Python's str(float) writes it. */
function pythonFloat(x: number): string {
  return Number.isInteger(x) ? `${x}.0` : String(x);
}
