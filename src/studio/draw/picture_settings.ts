/** How a picture was drawn, read from its file: by gen_img, by a web interface, or only as texts. */

import { UserError } from "../../base/errors.ts";
import { commentOf } from "../../images/codecs/exif_comment.ts";
import { pngTexts } from "../../generation/pictures/png_texts.ts";
import { samplerNames, webUiName } from "../../generation/samplers/mod.ts";
import { takeLoraTags } from "../../text/mod.ts";
import { parseWebUiText, type WebUiText } from "./web_ui_text.ts";
import type { PictureSettings } from "./shown.ts";

const MOST_TEXTS = 100, TEXT = 20_000;

/** Never throws; of what is no picture, or has no texts, nothing is known. */
export function pictureSettings(bytes: Uint8Array): PictureSettings {
  const texts = textsOf(bytes);
  const shown = [...texts].slice(0, MOST_TEXTS)
    .map(([key, text]): [string, string] => [key.slice(0, 200), text.slice(0, TEXT)]);
  const web = texts.get("parameters"), own = texts.has("seed") && texts.has("steps");
  // ComfyUI's graph of nodes stands where gen_img has the words
  const graph = texts.get("prompt")?.trimStart().startsWith("{") ?? false;
  const said = web === undefined ? NOTHING : fromWebUi(parseWebUiText(web));
  const by = own && !graph ? "gen_img" : web !== undefined ? "web_ui" : graph ? "comfy" : null;
  return { ...said, ...(by === "gen_img" ? fromGenImg(texts, said) : {}), by, texts: shown };
}

function textsOf(bytes: Uint8Array): ReadonlyMap<string, string> {
  const texts = pngTexts(bytes);
  if (texts.size > 0) return texts;
  const comment = commentOf(bytes);
  return new Map(comment === null ? [] : [["parameters", comment]]);
}

type Said = Omit<PictureSettings, "by" | "texts">;

const NOTHING: Said = {
  ...{ prompt: null, negativePrompt: null, seed: null, sampler: null, steps: null, scale: null },
  ...{ width: null, height: null, clipSkip: null, model: null, loras: [] },
};

function fromWebUi({ prompt, negativePrompt, entries }: WebUiText): Said {
  const number = (key: string) => numberIn(entries.get(key));
  const [, width, height] = /^(\d+)x(\d+)$/.exec(entries.get("Size") ?? "") ?? [];
  return {
    ...withoutTags(prompt),
    negativePrompt,
    seed: number("Seed"),
    sampler: samplerCalled(entries.get("Sampler")),
    steps: number("Steps"),
    scale: number("CFG scale"),
    width: numberIn(width),
    height: numberIn(height),
    clipSkip: number("Clip skip"),
    model: entries.get("Model") ?? null,
  };
}

/** The reference's own entries; sizes, model and LoRAs stand only in the web UI's line, which easel writes beside. */
function fromGenImg(texts: ReadonlyMap<string, string>, said: Said): Partial<Said> {
  const number = (key: string) => numberIn(texts.get(key)), sampler = texts.get("sampler");
  const written = said.prompt === null ? withoutTags(texts.get("prompt") ?? "") : {};
  return {
    ...written,
    negativePrompt: texts.get("negative-prompt") ?? "",
    seed: number("seed"),
    sampler: sampler !== undefined && samplerNames.includes(sampler) ? sampler : said.sampler,
    steps: number("steps"),
    scale: number("scale"),
  };
}

/** A tag that says something else stays among the words. */
function withoutTags(prompt: string): Pick<Said, "prompt" | "loras"> {
  try {
    const { words, tags } = takeLoraTags(prompt);
    return { prompt: words, loras: tags.map(({ name, unet }) => ({ name, strength: unet })) };
  } catch (cause) {
    if (cause instanceof UserError) return { prompt, loras: [] };
    throw cause;
  }
}

/** Older web UIs write the spacing of the sigmas behind the name. */
function samplerCalled(name: string | undefined): string | null {
  if (name === undefined) return null;
  const plain = name.replace(/ (Karras|Exponential)$/i, "").toLowerCase();
  const samplers = samplerNames.filter((sampler) => webUiName(sampler).toLowerCase() === plain);
  return samplers.at(-1) ?? samplerNames.find((sampler) => sampler === plain) ?? null;
}

function numberIn(text: string | undefined): number | null {
  const value = text === undefined || text.trim() === "" ? NaN : Number(text);
  return Number.isFinite(value) ? value : null;
}
