/**
 * A saved state: everything that the rest of a run depends on, so that a resumed run continues bit for bit. A folder with
 * state.json and tensors.safetensors, written under another name and then renamed, so that it is whole or not there.
 */
import { basename, dirname, join } from "node:path";
import { UserError } from "../base/errors.ts";
import { fileText, NoFile } from "../base/regular_file.ts";
import { openSafetensors, writeSafetensors } from "../formats/safetensors.ts";
import { PythonRandom, type PythonRandomState, TorchGenerator } from "../random/mod.ts";
import type { ParameterStore } from "../runtime/mod.ts";
import type { LossRecorderState } from "./loss_recorder.ts";
import type { StepGenerators } from "./noise.ts";
import type { StepState } from "./step.ts";
import { flat, groupSize, type ParameterGroup } from "./trainable.ts";

const FORMAT = "easel training state 1";

/** Where a run is. */
export interface RunPosition {
  /** The epoch in progress, from 0. */
  readonly epoch: number;
  /** Batches of it that are done. */
  readonly batch: number;
  /** Optimizer steps done since the very beginning. */
  readonly globalStep: number;
}

export interface RunState {
  readonly position: RunPosition;
  readonly step: StepState;
  readonly losses: LossRecorderState;
  readonly seed: number;
  readonly sessionId: number;
  readonly startedAt: number;
  /** What must be the same when resuming: name -> value. */
  readonly fingerprint: Readonly<Record<string, string>>;
  /** Where the data are. */
  readonly data: unknown;
}

interface StateFile extends RunState {
  readonly format: string;
  readonly groups: readonly { name: string; size: number }[];
  /** Base64 of torch.Generator.get_state(). */
  readonly torch: string;
  readonly python: PythonRandomState;
}

/** Those of a group's flat parameters that are kept; averages only where there are any. */
const KINDS = ["weights", "firstMoments", "secondMoments", "averages"] as const;

/** Writes a state folder. An older folder of that name is replaced. Throws UserError when the disk refuses. */
export function saveState(
  path: string,
  state: RunState,
  generators: StepGenerators,
  store: ParameterStore,
  groups: readonly ParameterGroup[],
): void {
  const aside = join(dirname(path), `.${basename(path)}.${Deno.pid}.tmp`);
  try {
    removeFolder(aside);
    Deno.mkdirSync(aside, { recursive: true });
    const tensors = groups.flatMap((group, i) =>
      KINDS.filter((kind) => store.has(flat[kind](i))).map((kind) => ({
        name: flat[kind](i),
        dtype: "F32",
        shape: [groupSize(group)],
        data: () => {
          const values = store.download(flat[kind](i));
          return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
        },
      }))
    );
    writeSafetensors(join(aside, "tensors.safetensors"), tensors, { format: FORMAT });
    const file: StateFile = {
      format: FORMAT,
      ...state,
      groups: groups.map((group) => ({ name: group.name, size: groupSize(group) })),
      torch: generators.torch.getState().toBase64(),
      python: generators.python.getState(),
    };
    Deno.writeTextFileSync(join(aside, "state.json"), JSON.stringify(file));
    syncFile(join(aside, "state.json"));
    replaceFolder(aside, path);
  } catch (cause) {
    removeFolder(aside);
    if (cause instanceof UserError) throw cause;
    throw new UserError(`${path}: the state cannot be saved (${(cause as Error).message}); free some space`, {
      cause,
    });
  }
}

/**
 * Reads a state folder into the store and the generators. Throws UserError when it is damaged or belongs to a run whose
 * `fingerprint` differs, naming the option.
 */
export function loadState(
  path: string,
  fingerprint: Readonly<Record<string, string>>,
  generators: StepGenerators,
  store: ParameterStore,
  groups: readonly ParameterGroup[],
): RunState {
  const file = readStateFile(path);
  for (const [option, value] of Object.entries(fingerprint)) {
    if (file.fingerprint[option] === value) continue;
    throw new UserError(
      `${path}: was saved with ${option} ${file.fingerprint[option]}, this run has ${value}; use the same`,
    );
  }
  const shape = (list: readonly { name: string; size: number }[]) =>
    list.map((g) => `${g.name} ${g.size}`).join(", ");
  const wanted = groups.map((group) => ({ name: group.name, size: groupSize(group) }));
  if (shape(file.groups) !== shape(wanted)) {
    throw new UserError(`${path}: holds parameters ${shape(file.groups)}, this run trains ${shape(wanted)}`);
  }
  using tensors = openSafetensors(join(path, "tensors.safetensors"));
  groups.forEach((_, i) => {
    for (const kind of KINDS) {
      if (store.has(flat[kind](i))) store.set(flat[kind](i), tensors.f32(flat[kind](i)));
    }
  });
  try {
    generators.torch.setState(Uint8Array.fromBase64(file.torch));
    generators.python.setState(file.python);
  } catch (cause) {
    throw new UserError(`${path}/state.json: its generators are damaged; use another state`, { cause });
  }
  return file;
}

/** Reads state.json alone: the seed and position are needed before there is a store. */
export function readStateFile(path: string): RunState & StateFile {
  const name = join(path, "state.json");
  let file;
  try {
    file = JSON.parse(fileText(name));
  } catch (cause) {
    if (cause instanceof NoFile) throw cause;
    throw new UserError(
      `${name}: cannot be read (${(cause as Error).message}); --resume takes a folder that easel saved`,
      {
        cause,
      },
    );
  }
  if (file?.format !== FORMAT) {
    throw new UserError(`${name}: is no easel training state; sd-scripts' cannot be resumed`);
  }
  return file;
}

/** A folder cannot be renamed over a full one, so the old one steps aside first. */
function replaceFolder(from: string, to: string): void {
  const old = join(dirname(to), `.${basename(to)}.${Deno.pid}.old`);
  removeFolder(old);
  let replaced = false;
  try {
    Deno.renameSync(to, old);
    replaced = true;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  try {
    Deno.renameSync(from, to);
  } catch (error) {
    if (replaced) Deno.renameSync(old, to);
    throw error;
  }
  removeFolder(old);
}

export function removeFolder(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function syncFile(path: string): void {
  using file = Deno.openSync(path, { write: true });
  file.syncSync();
}

/** Generators as set_seed makes them. */
export function seededGenerators(seed: number): { torch: TorchGenerator; python: PythonRandom } {
  return { torch: new TorchGenerator(seed), python: new PythonRandom(seed) };
}
