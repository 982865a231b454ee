/** The text that the AUTOMATIC1111 web UI, its relatives and easel write into pictures, taken apart. */

export interface WebUiText {
  readonly prompt: string;
  readonly negativePrompt: string;
  /** "Steps", "Sampler", "CFG scale", "Seed", "Size", "Model" and whatever else stands in the last line. */
  readonly entries: ReadonlyMap<string, string>;
}

const NEGATIVE = "Negative prompt:";

/** One of the last line: a value with commas in it is a JSON text. A name is short, so that no text takes long. */
const ENTRY = /(\w[\w \-/]{0,60}):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)/g;

/** A last line has this many; with fewer it is words of the prompt. */
const FEWEST = 3;

/** Never throws; a text that is none of it is all prompt. */
export function parseWebUiText(text: string): WebUiText {
  const lines = text.trim().split("\n"), last = lines.at(-1) ?? "";
  // easel's last entry, Hashes, is an object with commas in it
  const found = [...withoutHashes(last).matchAll(ENTRY)];
  const isLast = found.length >= FEWEST || /^Steps: \d+/.test(last);
  const entries = new Map(isLast ? found.map(([, key, value]) => [key, unquoted(value.trim())]) : []);
  const words = (isLast ? lines.slice(0, -1) : lines).join("\n");
  const at = words.startsWith(NEGATIVE) ? 0 : words.indexOf(`\n${NEGATIVE}`);
  const prompt = at < 0 ? words : words.slice(0, at);
  const negative = at < 0 ? "" : words.slice(at).replace(/^\n/, "").slice(NEGATIVE.length);
  return { prompt: prompt.trim(), negativePrompt: negative.trim(), entries };
}

function withoutHashes(line: string): string {
  const at = line.endsWith("}") ? line.indexOf(", Hashes: {") : -1;
  return at < 0 ? line : line.slice(0, at);
}

function unquoted(value: string): string {
  if (!value.startsWith('"')) return value;
  try {
    return String(JSON.parse(value));
  } catch {
    return value;
  }
}
