/** `<lora:NAME:0.8>` in a prompt, as the AUTOMATIC1111 web UI knows it: a LoRA and its strength, no words. */

import { UserError } from "../base/errors.ts";

export interface LoraTag {
  /** A file's name without its ending. */
  readonly name: string;
  /** Strengths in the text encoders and in the U-Net; below 0 they take away what the LoRA was trained to add. */
  readonly text: number;
  readonly unet: number;
}

/** The longest name of a file and its strengths: more is no tag, and takes no time. A backslash before it makes it words; what reads the words takes the backslash away. */
const TAGS = /(?<!\\)<(lora|lyco|hypernet):([^>]{0,400})>/gi;

/** What an argument without a name is, by its place after the file's name. */
const PLACES = ["te", "unet"];

/**
 * A prompt without its tags, and what they say: `<lora:NAME>`, `<lora:NAME:both>`, `<lora:NAME:te:unet>` or
 * `<lora:NAME:te=0.5:unet=1>`. Throws UserError for a tag that says something else.
 */
export function takeLoraTags(prompt: string): { words: string; tags: LoraTag[] } {
  const tags: LoraTag[] = [];
  const words = prompt.replaceAll(TAGS, (tag, kind: string, inside: string) => {
    if (kind.toLowerCase() === "hypernet") {
      throw new UserError(`${tag}: hypernetworks are not supported yet; leave it away`);
    }
    tags.push(readTag(tag, inside));
    return "";
  });
  return tags.length === 0 ? { words: prompt, tags } : { words: words.trim(), tags };
}

function readTag(tag: string, inside: string): LoraTag {
  const [file, ...given] = inside.split(":").map((part) => part.trim());
  const name = file.replace(/\.(safetensors|pt|ckpt)$/i, "");
  if (name === "") throw new UserError(`${tag}: names no file; write <lora:NAME:0.8>`);
  const strengths = new Map<string, number>();
  for (const [i, text] of given.entries()) {
    const [, key = PLACES[i], value] = /^(?:(\w+)\s*=\s*)?(.*)$/.exec(text)!;
    if (!PLACES.includes(key)) {
      throw new UserError(`${tag}: only strengths are known, <lora:NAME:both> or <lora:NAME:te:unet>`);
    }
    const strength = value === "" ? NaN : Number(value);
    if (!Number.isFinite(strength)) {
      throw new UserError(`${tag}: "${value}" is no strength; write <lora:NAME:0.8>`);
    }
    strengths.set(key, strength);
  }
  const text = strengths.get("te") ?? 1;
  return { name, text, unet: strengths.get("unet") ?? text };
}

/** The tag that says so. */
export function loraTagText({ name, text, unet }: LoraTag): string {
  const short = (x: number) => String(Number(x.toFixed(4)));
  return `<lora:${name}:${short(text)}${unet === text ? "" : `:${short(unet)}`}>`;
}
