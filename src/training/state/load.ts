/** Going on from a state. */
import { join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { counted } from "../../base/phrases.ts";
import { fileSha256, openSafetensors, type SafetensorsFile } from "../../formats/mod.ts";
import { PythonRandom, TorchGenerator } from "../../random/mod.ts";
import type { ParameterStore } from "../../runtime/mod.ts";
import type { StepGenerators } from "../objective/noise.ts";
import type { ParameterGroup } from "../step/trainable.ts";
import {
  type RunState,
  type Settings,
  sizesOf,
  STATE_FILE,
  type StateFile,
  TENSOR_FILE,
  tensorsOf,
  type Trained,
} from "./format.ts";
import { differences } from "./settings.ts";
import { readStateFile } from "./state_file.ts";

/** A state that was loaded, and a text for each setting that is another one now and may be. */
export interface LoadedState extends RunState {
  readonly changed: readonly string[];
}

/**
 * Reads a state folder into the store and the generators. `now` is what this run may have set otherwise. Throws UserError
 * when the state is damaged or holds other parameters.
 */
export function loadState(
  path: string,
  now: Settings,
  generators: StepGenerators,
  store: Pick<ParameterStore, "has" | "set">,
  trained: Trained,
): LoadedState {
  const file = readStateFile(path);
  checkGroups(path, file, trained.groups);
  loadTensors(path, file, store, trained);
  try {
    generators.torch.setState(Uint8Array.fromBase64(file.torch));
    generators.python.setState(file.python);
  } catch (cause) {
    throw new UserError(`${join(path, STATE_FILE)}: its generators are damaged; use another state`, {
      cause,
    });
  }
  return { ...file, changed: differences(file.settings, now) };
}

function checkGroups(path: string, file: StateFile, groups: readonly ParameterGroup[]): void {
  const text = (list: readonly { name: string; size: number }[]) =>
    list.map(({ name, size }) => `${name} ${size}`).join(", ");
  const wanted = sizesOf(groups);
  if (text(file.groups) !== text(wanted)) {
    throw new UserError(`${path}: holds parameters ${text(file.groups)}, this run trains ${text(wanted)}`);
  }
  if (file.step.groupSteps.length !== groups.length) {
    throw new UserError(
      `${join(path, STATE_FILE)}: step.groupSteps has ${
        counted(file.step.groupSteps.length, "number")
      } for ${groups.length} ` +
        "groups of parameters; the file is damaged, use another state",
    );
  }
}

function loadTensors(
  path: string,
  file: StateFile,
  store: Pick<ParameterStore, "has" | "set">,
  trained: Trained,
): void {
  const tensorPath = join(path, TENSOR_FILE);
  using tensors = openSafetensors(tensorPath);
  if (fileSha256(tensorPath) !== file.tensors.sha256) {
    throw new UserError(
      `${tensorPath}: does not match the checksum in ${STATE_FILE}, it is damaged or of another state; use another one`,
    );
  }
  for (const { name, size } of tensorsOf(trained)) {
    if (store.has(name)) store.set(name, values(tensors, name, size));
  }
}

function values(tensors: SafetensorsFile, name: string, size: number): Float32Array {
  const found = tensors.f32(name);
  if (found.length === size) return found;
  throw new UserError(
    `${tensors.path}: ${name} has ${counted(found.length, "value")}, ${size} are wanted; use another state`,
  );
}

/** Generators as set_seed makes them. */
export function seededGenerators(seed: number): { torch: TorchGenerator; python: PythonRandom } {
  return { torch: new TorchGenerator(seed), python: new PythonRandom(seed) };
}
