/** What the form holds: numbers as they are typed, so that nothing is lost while one is changed. */

import type { PictureSettings } from "../../../draw/shown.ts";
import { keep, kept } from "../../kept.ts";
import { stemOf } from "../../path_names.ts";

export interface FormLora {
  readonly path: string;
  readonly strength: string;
}

export type SeedKind = "random" | "fixed" | "previous";

export interface Form {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly model: string;
  readonly width: string;
  readonly height: string;
  readonly seedKind: SeedKind;
  readonly seed: string;
  /** Of the last pictures; "" where none were drawn yet. */
  readonly lastSeed: string;
  readonly sampler: string;
  readonly steps: string;
  readonly scale: string;
  readonly clipSkip: string;
  readonly precision: string;
  readonly batch: string;
  readonly count: string;
  readonly folder: string;
  readonly loras: readonly FormLora[];
}

export type SetForm = (change: Partial<Form>) => void;

const USUAL: Form = {
  ...{
    prompt: "",
    negativePrompt: "",
    model: "",
    width: "",
    height: "",
    seedKind: "random",
    seed: "1",
  },
  ...{ lastSeed: "", sampler: "euler_a", steps: "30", scale: "7.5", clipSkip: "", precision: "" },
  ...{ batch: "1", count: "1", folder: "pictures", loras: [] },
};

const KEPT_AS = "draw";

export function keptForm(): Form {
  try {
    const before = JSON.parse(kept(KEPT_AS) ?? "{}") as Partial<Form>;
    const known = Object.entries(before).filter(([name, value]) =>
      Object.hasOwn(USUAL, name) && typeof value === typeof USUAL[name as keyof Form]
    );
    const form: Form = { ...USUAL, ...Object.fromEntries(known) };
    return Array.isArray(form.loras) && form.loras.every((lora) => typeof lora?.path === "string")
      ? form
      : { ...form, loras: [] };
  } catch {
    return USUAL;
  }
}

export function keepForm(form: Form): void {
  keep(KEPT_AS, JSON.stringify(form));
}

/** What the server takes; what is no number it refuses, naming the field. */
export function asked(form: Form) {
  const number = (text: string) => text.trim() === "" ? null : Number(text);
  const { prompt, negativePrompt, model, sampler, folder } = form;
  const seeds = { random: null, fixed: number(form.seed), previous: number(form.lastSeed) };
  return {
    ...{ prompt, negativePrompt, model, sampler, folder },
    ...{ width: number(form.width), height: number(form.height), steps: number(form.steps) },
    ...{ scale: number(form.scale), clipSkip: number(form.clipSkip), precision: form.precision || null },
    ...{ batch: number(form.batch), count: number(form.count), seed: seeds[form.seedKind] },
    loras: form.loras.map(({ path, strength }) => ({ path, strength: number(strength) })),
  };
}

interface Named {
  readonly path: string;
}

/** The form as a picture says, and what of it there is not. What the picture does not say stays. */
export function formAfter(
  settings: PictureSettings,
  { models, loras }: { models: readonly Named[]; loras: readonly Named[] },
): { change: Partial<Form>; missing: string[] } {
  const missing: string[] = [], text = (value: number | null) => value === null ? undefined : String(value);
  const find = (files: readonly Named[], name: string) => {
    const found = files.find(({ path }) => stemOf(path) === name);
    if (!found) missing.push(name);
    return found?.path;
  };
  const change = {
    prompt: settings.prompt ?? undefined,
    negativePrompt: settings.negativePrompt ?? undefined,
    ...(settings.seed === null ? {} : { seedKind: "fixed" as const, seed: text(settings.seed) }),
    sampler: settings.sampler ?? undefined,
    steps: text(settings.steps),
    scale: text(settings.scale),
    width: text(settings.width),
    height: text(settings.height),
    clipSkip: settings.by === null ? undefined : text(settings.clipSkip) ?? "",
    model: settings.model === null ? undefined : find(models, settings.model),
    loras: settings.by === null ? undefined : settings.loras.flatMap(({ name, strength }) => {
      const path = find(loras, name);
      return path === undefined ? [] : [{ path, strength: String(strength) }];
    }),
    ...{ batch: "1", count: "1" },
  };
  const said = Object.entries(change).filter(([, value]) => value !== undefined);
  return { change: Object.fromEntries(said), missing };
}

/** Options that are lists, also of one. */
const LISTS = ["network_weights", "network_mul"];

/** A command line as the form of all options takes it: flags with their values. */
export function valuesIn(args: readonly string[]): Record<string, string | true | string[]> {
  const values: Record<string, string | true | string[]> = {};
  let last = "";
  for (const word of args) {
    const [, name, value] = /^--(\w+)(?:=([^]*))?$/.exec(word) ?? [];
    if (name !== undefined) {
      last = name;
      values[name] = value ?? true;
    } else {
      const before = values[last];
      values[last] = Array.isArray(before) ? [...before, word] : LISTS.includes(last) ? [word] : word;
    }
  }
  return values;
}
