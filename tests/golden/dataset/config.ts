/** Dataset files: what they resolve to, and which mistakes are found where. */

import { checkDatasetFile, DatasetFileError, type Mistake } from "../../../src/data/dataset/config_file.ts";
import type { Supports } from "../../../src/data/dataset/config_schema.ts";
import type { DatasetFlags } from "../../../src/data/dataset/options.ts";
import { settle } from "../../../src/data/dataset/params.ts";
import { UserError } from "../../../src/base/errors.ts";
import { parseToml } from "../../../src/formats/toml.ts";
import type { Check, GoldenCase } from "../case.ts";
import { exact } from "../compare.ts";
import { readTrainArgs } from "../train_args.ts";

const SUPPORTS = "support(dreambooth,finetuning,controlnet,dropout)";

interface TomlCase {
  name: string;
  toml: string;
  args_name?: string;
  [SUPPORTS]?: [boolean, boolean, boolean, boolean];
  error_class?: string;
  message?: string;
  path?: string[] | null;
  resolved?: unknown[];
}

export function planCases({ json }: GoldenCase): Check[] {
  return (json.cases as TomlCase[]).map((c) => {
    const [dreambooth, finetuning, controlnet, dropout] = c[SUPPORTS] ?? [true, true, false, true];
    const { config } = readTrainArgs(json.args?.[c.args_name ?? "defaults"] ?? []);
    const title = `${c.name}${c.args_name ? ` (${c.args_name})` : ""}`;
    try {
      const resolved = resolve(c.toml, { dreambooth, finetuning, controlnet, dropout }, config);
      return exact(title, resolved, c.resolved ?? c.error_class);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return exact(title, outcome(error), c.resolved ?? expected(c));
    }
  });
}

function resolve(toml: string, supports: Supports, flags: DatasetFlags): unknown[] {
  const file = checkDatasetFile(parseToml(toml, "case.toml"), supports, "case.toml");
  return settle(file, flags).map(({ kind, params, subsets }) => ({ kind, params, subsets }));
}

interface Wrong {
  mistake: Mistake | "syntax";
  path: readonly string[];
}

function outcome(error: UserError): Wrong {
  return error instanceof DatasetFileError ? { mistake: error.mistake, path: error.path } : SYNTAX;
}

const SYNTAX: Wrong = { mistake: "syntax", path: [] };

/** The reference's message tells the kind of mistake and, where the case gives no path, the place. */
function expected({ error_class, message = "", path }: TomlCase): Wrong {
  if (error_class?.includes("TomlDecodeError")) return SYNTAX;
  const mistake = message.startsWith("extra keys")
    ? "unknown"
    : message.startsWith("required key")
    ? "missing"
    : message.startsWith("expected")
    ? "type"
    : "mixed";
  return { mistake, path: path ?? [...message.matchAll(/\['?([^'\]]*)'?\]/g)].map(([, part]) => part) };
}
