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
import { elements } from "../../../graph/mod.ts";
import {
  type Dialect,
  familyOfLora,
  type FileModule,
  type LoadedLora,
  loadLora,
  loraTargets,
  OtherModel,
  type PairKeys,
  pairKeys,
} from "../../../networks/mod.ts";

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
  let partly: { fitted: FittedNetwork; notes: string[] } | null = null;
  const refused: UserError[] = [];
  for (const candidate of candidates(file)) {
    const notes: string[] = [];
    try {
      const lora = loadLora(file, candidate.shapes, candidate.family, (line) => void notes.push(line));
      const all = lora.leftOut.length === 0;
      if (all || !partly) partly = { fitted: { ...candidate, lora }, notes };
      if (all) break;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      refused.push(error);
    }
  }
  if (partly) {
    partly.notes.forEach(note);
    return partly.fitted;
  }
  // what is wrong with the file itself no other model mends
  const fault = refused.find((error) => !(error instanceof OtherModel));
  if (fault) throw fault;
  const message = refused[0].message.replace(/; [^;]*$/, "");
  throw new UserError(
    `${message}, nor does it fit another model that easel knows; give its model with --sd_model`,
    { cause: refused[0] },
  );
}

/** The keys that a tool's result has for a module: of a dialect, whose names come from a known model that all of them fit. */
export function keysFor(
  dialect: Dialect | null,
  file: TensorFile,
  modules: readonly Pick<FileModule, "name" | "downShape" | "upShape">[],
): (name: string) => PairKeys {
  if (dialect === null || dialect === "kohya") return pairKeys("kohya", []);
  for (const { family, shapes } of candidates(file)) {
    const targets = loraTargets(shapes, family, { convolutions: true, whole: true });
    const sizes = new Map(
      targets.flatMap(({ name, alias, shape }) => [[name, shape], [alias ?? name, shape]] as const),
    );
    const fits = ({ name, downShape, upShape }: typeof modules[number]) => {
      const shape = sizes.get(name);
      return shape !== undefined && elements(shape) === upShape[0] * elements(downShape.slice(1));
    };
    if (modules.every(fits)) return pairKeys(dialect, targets);
  }
  throw new UserError(
    `${file.path}: fits no model that easel knows, so --save_lora_keys ${dialect} cannot name its layers; leave it away and use easel convert_lora with --sd_model`,
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
