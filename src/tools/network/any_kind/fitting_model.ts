/** The model that a network's file is for, where the file alone is given: the published one that it fits, or the built-in. */

import { modelPath } from "../../../base/assets.ts";
import { UserError } from "../../../base/errors.ts";
import type { TensorFile } from "../../../formats/mod.ts";
import {
  FAMILIES,
  type Family,
  type ModelFile,
  openModel,
  publishedShapes,
  type Shapes,
} from "../../../models/mod.ts";
import { familyOfLora, type LoadedLora, loadLora } from "../../../networks/mod.ts";

/** A network on keys and shapes of a model. */
export interface FittedNetwork {
  readonly lora: LoadedLora;
  readonly family: Family;
  readonly shapes: Shapes;
}

const BUILTIN = "builtin:tiny";

type Note = (line: string) => void;

type Candidate = Omit<FittedNetwork, "lora">;

/** Calls `body` with the model that --sd_model names, null where it is not given, and closes it. */
export async function withModel<T>(
  path: string | null,
  body: (model: ModelFile | null) => Promise<T>,
): Promise<T> {
  if (path === null) return await body(null);
  const model = openModel(modelPath(path));
  try {
    return await body(model);
  } finally {
    model.close();
  }
}

/** A file's network on a given model, or on the first known one that all of it fits. Throws UserError. */
export function fitted(file: TensorFile, model: Candidate | null, note: Note): FittedNetwork {
  if (model) {
    const { family, shapes } = model;
    return { family, shapes, lora: loadLora(file, shapes, family, note) };
  }
  let partly: { fitted: FittedNetwork; notes: string[] } | null = null, refused: UserError | null = null;
  for (const candidate of candidates(file)) {
    const notes: string[] = [];
    try {
      const lora = loadLora(file, candidate.shapes, candidate.family, (line) => void notes.push(line));
      const all = !notes.some((line) => line.includes("for no layer"));
      if (all || !partly) partly = { fitted: { ...candidate, lora }, notes };
      if (all) break;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      refused ??= error;
    }
  }
  if (partly) {
    partly.notes.forEach(note);
    return partly.fitted;
  }
  const message = refused!.message.replace(/; [^;]*$/, "");
  throw new UserError(
    `${message}, nor does it fit another model that easel knows; give its model with --sd_model`,
    { cause: refused },
  );
}

/** Those that the file's own keys speak for first. */
function* candidates(file: TensorFile): Generator<Candidate> {
  const made = familyOfLora(file);
  const families = FAMILIES.toSorted((a, b) => Number(b === made) - Number(a === made));
  for (const family of made?.sites.keys ? [made] : families) {
    yield { family, shapes: publishedShapes(family) };
  }
  const builtin = openModel(modelPath(BUILTIN));
  try {
    yield builtin;
  } finally {
    builtin.close();
  }
}
