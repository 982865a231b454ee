/** PEFT's adapter_config.json, which lies beside an adapter's weights and alone says alpha. */

import { dirname, join } from "node:path";
import { UserError } from "../../base/errors.ts";
import type { TensorFile } from "../../formats/tensor_file.ts";
import type { Target } from "../sites/targets.ts";

interface PeftConfig {
  readonly r: number;
  readonly lora_alpha: number;
  readonly alpha_pattern: Readonly<Record<string, number>>;
  readonly rank_pattern: Readonly<Record<string, number>>;
  readonly use_rslora: boolean;
}

const read = new WeakMap<TensorFile, PeftConfig | null>();

/**
 * A module's alpha as such a file says it, so that alpha / rank is PEFT's scale; null where there is no such file or the
 * weights are not PEFT's. Throws UserError for a file that is none.
 */
export function peftAlpha(file: TensorFile, { diffusers, layer }: Target): number | null {
  if (!file.keys().some((key) => /\.lora_[AB](\.default)?\.weight$/.test(key))) return null;
  if (!read.has(file)) read.set(file, configBeside(file.path));
  const config = read.get(file);
  if (!config) return null;
  const own = <T>(table: Readonly<Record<string, T>>, rest: T) =>
    Object.entries(table).find(([name]) =>
      [diffusers, layer].some((path) => path === name || path?.endsWith(`.${name}`))
    )?.[1] ?? rest;
  const alpha = own(config.alpha_pattern, config.lora_alpha);
  return config.use_rslora ? alpha * Math.sqrt(own(config.rank_pattern, config.r)) : alpha;
}

/** All that the configuration beside a file says. Throws UserError where there is none, as the file means nothing without. */
export function peftSays(file: TensorFile, kind: string): Readonly<Record<string, unknown>> {
  if (!said.has(file)) said.set(file, jsonBeside(file.path));
  const config = said.get(file);
  if (config) return config;
  throw new UserError(
    `${file.path}: holds ${kind}, whose numbers its adapter_config.json explains, which is not beside it; copy it there`,
  );
}

const said = new WeakMap<TensorFile, Record<string, unknown> | null>();

function configBeside(weights: string): PeftConfig | null {
  const json = jsonBeside(weights);
  if (!json) return null;
  const { r, lora_alpha: alpha, alpha_pattern, rank_pattern, use_rslora } = json;
  if (!(typeof r === "number" && r > 0)) throw wrong(weights, `r is ${JSON.stringify(r)}, a rank is wanted`);
  if (typeof alpha !== "number" || !Number.isFinite(alpha)) {
    throw wrong(weights, `lora_alpha is ${JSON.stringify(alpha)}, a number is wanted`);
  }
  return {
    ...{ r, lora_alpha: alpha, use_rslora: use_rslora === true },
    alpha_pattern: numbers(alpha_pattern),
    rank_pattern: numbers(rank_pattern),
  };
}

/** null where there is no such file. */
function jsonBeside(weights: string): Record<string, unknown> | null {
  let text: string;
  try {
    text = Deno.readTextFileSync(placeBeside(weights));
  } catch {
    return null;
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw wrong(weights, "is no JSON");
  }
  return typeof json === "object" && json !== null ? json as Record<string, unknown> : {};
}

const placeBeside = (weights: string) => join(dirname(weights), "adapter_config.json");

function wrong(weights: string, found: string): UserError {
  return new UserError(`${placeBeside(weights)}: ${found}; give PEFT's own, or move it away`);
}

function numbers(table: unknown): Record<string, number> {
  const entries = typeof table === "object" && table !== null ? Object.entries(table) : [];
  return Object.fromEntries(entries.filter((row): row is [string, number] => typeof row[1] === "number"));
}
