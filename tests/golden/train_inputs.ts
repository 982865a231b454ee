/** The items that training cases draw their batches from, by the rules in the case. */
import { UserError } from "../../src/base/errors.ts";
import type { Family } from "../../src/models/mod.ts";
import { areaResize } from "../../src/training/objective/masks.ts";
import { weightedIds } from "../../src/training/objective/captions.ts";
import { loadTokenizer } from "../../src/text/mod.ts";
import type { CachedText, TextWidths } from "../../src/data/cache/text_file.ts";
import { encodedTextInputs, textInputs } from "../../src/training/objective/conditioning.ts";
import type { LatentBatch } from "../../src/training/objective/batch.ts";
import { uniform } from "./synth.ts";

const BOS = 49406, EOS = 49407, LENGTH = 77;

/** What a micro-step takes; `k` counts from 0. */
export type Batches = (k: number) => LatentBatch;

/** A caption's ids in each way that the text encoder reads it. */
export type Readings = (ids: readonly number[]) => readonly (readonly number[])[];

export async function trainBatches(
  // deno-lint-ignore no-explicit-any -- the case as it is
  json: any,
  family: Family,
  scale: number,
  priorLossWeight: number,
  readings: Readings = (ids) => [ids],
): Promise<Batches> {
  const rule: string = json.inputs;
  const read = (pattern: RegExp, what: string) => {
    const found = pattern.exec(rule);
    if (!found) throw new UserError(`the inputs rule does not say ${what}: ${rule}`);
    return found.slice(1);
  };
  const prefix: string = json.input_prefix ?? "train";
  const items = Number(read(/(\d+) items/, "how many items")[0]);
  const factor = Number(read(/float32\(([\d.]+)\*uniform\('P\.latents\.i'\)/, "the latents")[0]);
  const [c, h, w] = read(/\[(\d+), ?(\d+), ?(\d+)\]/, "the latents' shape").map(Number);
  const n = (/micro-step k uses items ([^;]*)/.exec(rule)?.[1].match(/%/g) ?? []).length;
  if (n === 0) throw new UserError(`the inputs rule does not say which items a step uses: ${rule}`);
  const idsRule: string = json.ids_rule ?? "";
  const chunks = Number(/input_ids are \[b, ?(\d+), ?77\]/.exec(idsRule)?.[1] ?? 1);
  // the rule of whole command lines draws an item's ids from its own name, the older one from the name's first row
  const row = /u=uniform\('P\.ids\.i'\)/.test(rule) ? "" : ".0";
  const idsOf = (item: number) =>
    Array.from(
      { length: chunks },
      (_, chunk) => tokenIds(`${prefix}.ids.${item}${json.ids_rule ? `.chunk${chunk}` : ""}${row}`),
    ).flat();
  const written: string[] | undefined = json.batch?.captions;
  const tokenizer = written && await loadTokenizer(family.textEncoders[0].tokenizer);
  const batchRule: string = written ? "" : json.batch ?? "";
  const regular = /sample (\d+) a regularisation image/.exec(batchRule)?.[1];
  const widths = encodedText(json);
  return (k) => {
    const chosen = Array.from({ length: n }, (_, b) => (n * k + b) % items);
    const latents = chosen.flatMap((item) =>
      Array.from(uniform(`${prefix}.latents.${item}`, c * h * w, factor), (x) => Math.fround(x * scale))
    );
    const read = chosen.map((item) => readings(idsOf(item)));
    const ids = Int32Array.from(read[0].flatMap((_, way) => read.flatMap((ways) => [...ways[way]])));
    const rows = family.text.pooled ? [ids, secondIds(ids)] : [ids];
    const text = written
      ? weightedIds(tokenizer!, chosen.map((item) => written[item]), null)
      : { ids: rows, chunks };
    return {
      latents: Float32Array.from(latents),
      shape: [n, c, h, w],
      chunks: text.chunks,
      sampleWeights: chosen.map((_, b) => regular && b >= Number(regular) ? priorLossWeight : 1),
      mask: mask(batchRule, prefix, chosen, h, w),
      model: widths
        ? encodedTextInputs(
          family,
          chosen.map((item) => encoded(prefix, item, widths)),
          widths,
          sizes(rule, n),
        )
        : textInputs(family, {
          ...text,
          sizes: family.sizes ? sizes(`${batchRule} ${rule}`, n) : undefined,
        }),
    };
  };
}

/** The shapes of captions that a case gives encoded. */
// deno-lint-ignore no-explicit-any -- the case as it is
export function encodedText(json: any): TextWidths | undefined {
  const found = /outputs1_list \[(\d+),(\d+)\].*outputs2_list \[\d+,(\d+)\].*pool2_list \[(\d+)\]/.exec(
    String(json.batch),
  );
  if (!found) return undefined;
  const [tokens, first, second, pooled] = found.slice(1).map(Number);
  return { tokens, hidden: [first, second], pooled };
}

function encoded(prefix: string, item: number, { tokens, hidden, pooled }: TextWidths): CachedText {
  const of = (name: string, count: number) => uniform(`${prefix}.${name}.${item}`, count);
  return {
    hidden: [
      of("text_encoder_outputs1_list", tokens * hidden[0]),
      of("text_encoder_outputs2_list", tokens * hidden[1]),
    ],
    pooled: of("text_encoder_pool2_list", pooled),
    tokens,
  };
}

/** A beginning, 6 to 17 words and ends, by the numbers of `name`. */
function tokenIds(name: string): number[] {
  const first = uniform(name, 1)[0];
  const n = 6 + Math.floor((first + 1) / 2 * 12);
  const u = uniform(name, n + 1);
  const words = Array.from(
    u.subarray(1),
    (x) => 300 + Math.floor(Math.fround(Math.fround(Math.fround(x + 1) / 2) * 40000)),
  );
  const ids = [BOS, ...words, EOS];
  return [...ids, ...new Array(LENGTH - ids.length).fill(EOS)];
}

/** The same ids with everything after the first end token set to 0. */
function secondIds(ids: Int32Array): Int32Array {
  return ids.map((id, i) => {
    const row = Math.floor(i / LENGTH) * LENGTH;
    return ids.indexOf(EOS, row) < i ? 0 : id;
  });
}

/** "original_sizes_hw [[160,140],…], crop_top_lefts …, target_sizes_hw …" as six numbers a sample. */
function sizes(rule: string, n: number): Float32Array {
  const list = (name: string): number[][] => {
    const found = new RegExp(`${name} (\\[\\[[^a-z]*\\]\\])`).exec(rule);
    if (!found) throw new UserError(`the batch rule gives no ${name}: ${rule}`);
    return JSON.parse(found[1]);
  };
  const [original, crop, target] = ["original_sizes_hw", "crop_top_lefts", "target_sizes_hw"].map(list);
  return Float32Array.from(
    Array.from({ length: n }, (_, b) => [...original[b], ...crop[b], ...target[b]]).flat(),
  );
}

/** Alpha masks in 0 to 1, or the red channel of conditioning images in -1 to 1, at the latents' size. */
function mask(rule: string, prefix: string, items: number[], h: number, w: number): Float32Array | undefined {
  const found = /(alpha_masks|conditioning_images) \[(?:\d+), ?(?:\d+, ?)?(\d+), ?(\d+)\]/.exec(rule);
  if (!found) return undefined;
  const [H, W] = [Number(found[2]), Number(found[3])];
  const name = found[1] === "alpha_masks" ? "mask" : "cond";
  return Float32Array.from(items.flatMap((item) => {
    const values = uniform(`${prefix}.${name}.${item}`, H * W).map((u) => 0.5 + 0.5 * u);
    return Array.from(areaResize(values, H, W, h, w));
  }));
}
