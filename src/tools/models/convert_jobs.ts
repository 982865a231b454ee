/** sd-scripts' tools/convert_diffusers20_original_sd.py on the command line's terms, and easel's own `convert`. */

import { UsageError } from "../../base/errors.ts";
import { formByName, isFolderForm, type ModelForm } from "../../models/saving/forms.ts";
import type { ConfigOf } from "../../options/mod.ts";
import type { compatOptions } from "../../options/shared.ts";
import { readLiteral } from "../../text/python_literal.ts";
import type { ConvertConfig } from "./convert.ts";
import type { convertDiffusersOptions, convertOptions } from "./options.ts";

type Own = ConfigOf<readonly [typeof convertOptions]>;
type Reference = ConfigOf<readonly [typeof convertDiffusersOptions, typeof compatOptions]>;

/** Throws UsageError for a name whose form cannot be told. */
export function convertConfig(values: Own, from: string, to: string): ConvertConfig {
  return {
    ...{ from, to, form: values.saveModelAs ?? formOfName(to), parts: values },
    precision: values.savePrecision,
    variant: values.variant,
    saveVariant: values.saveVariant,
    ...{ v1: false, v2: false },
    vPrediction: values.vParameterization ? true : null,
    metadata: "kept",
    ...{ epoch: 0, globalStep: 0, reference: null, compat: false },
  };
}

/** Throws UsageError for flags that contradict each other. */
export function convertDiffusersConfig(values: Reference, from: string, to: string): ConvertConfig {
  const { v1, v2, variant, epoch, globalStep, metadata, referenceModel, useSafetensors, compat } = values;
  if (v1 && v2) throw new UsageError("--v1 and --v2 contradict each other; give one of them, or neither");
  const form = formOfName(to);
  return {
    ...{ from, to, parts: {}, v1, v2, variant, epoch, globalStep },
    form: isFolderForm(form) && !useSafetensors ? "diffusers" : form,
    precision: precisionOf(values),
    saveVariant: null,
    vPrediction: null,
    metadata: metadata === null ? null : metadataOf(metadata),
    reference: referenceModel,
    compat: compat !== null,
  };
}

function formOfName(to: string): ModelForm {
  const form = formByName(to);
  if (form) return form;
  throw new UsageError(
    `${to}: a model is written as .safetensors, .ckpt or .pt, or as a folder without an ending`,
  );
}

function precisionOf(values: Pick<Reference, "fp16" | "bf16" | "float" | "savePrecisionAs">) {
  const named = (["fp16", "bf16", "float"] as const).filter((name) => values[name]);
  if (values.savePrecisionAs !== "no" && !named.includes(values.savePrecisionAs)) {
    named.push(values.savePrecisionAs);
  }
  if (named.length <= 1) return named[0] ?? null;
  throw new UsageError(`${named.join(" and ")} are asked for at once; give one precision`);
}

/** '{"name": "model", "resolution": "512x512"}' */
function metadataOf(text: string): Record<string, string> {
  const wrong = (what: string): never => {
    throw new UsageError(
      `--metadata ${text}: ${what}; give a Python dict of texts such as {"title": "mine"}`,
    );
  };
  let value;
  try {
    ({ value } = readLiteral(text));
  } catch {
    return wrong("is no Python literal");
  }
  if (!(value instanceof Map)) return wrong("is no dict");
  const entries = [...value].map(([key, entry]): [string, string] =>
    typeof key === "string" && typeof entry === "string"
      ? [key, entry]
      : wrong("holds something else than texts")
  );
  return Object.fromEntries(entries);
}
