/** Writing a state. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { atomicWriteFile } from "../../base/files/atomic.ts";
import { UserError } from "../../base/errors.ts";
import { writeSafetensors } from "../../formats/safetensors.ts";
import type { PythonRandomState } from "../../random/mod.ts";
import type { ParameterStore } from "../../runtime/mod.ts";
import type { StepGenerators } from "../objective/noise.ts";
import { writeFolder } from "./folder.ts";
import {
  FORMAT,
  type RunState,
  sizesOf,
  STATE_FILE,
  TENSOR_FILE,
  tensorsOf,
  type Trained,
} from "./format.ts";
import { encodeStateFile } from "./state_file.ts";

/** Where the generators of a run are. */
export interface GeneratorStates {
  readonly torch: Uint8Array;
  readonly python: PythonRandomState;
}

export function generatorStates({ torch, python }: StepGenerators): GeneratorStates {
  return { torch: torch.getState(), python: python.getState() };
}

/**
 * Writes a state folder. An older one of that name is replaced; `tell` is called where that held something else, which
 * is kept. Throws UserError when the disk refuses.
 */
export function saveState(
  path: string,
  state: RunState,
  { torch, python }: GeneratorStates,
  store: Pick<ParameterStore, "has" | "download">,
  trained: Trained,
  tell: (line: string) => void,
): void {
  try {
    writeFolder(path, (folder) => {
      const sha256 = writeTensors(join(folder, TENSOR_FILE), store, trained);
      const file = {
        format: FORMAT,
        ...state,
        groups: sizesOf(trained.groups),
        torch: torch.toBase64(),
        python,
        tensors: { sha256 },
      };
      atomicWriteFile(join(folder, STATE_FILE), encodeStateFile(file));
    }, tell);
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw new UserError(`${path}: the state cannot be saved (${(cause as Error).message}); free some space`, {
      cause,
    });
  }
}

/** Returns the file's SHA-256. */
function writeTensors(
  path: string,
  store: Pick<ParameterStore, "has" | "download">,
  trained: Trained,
): string {
  const hash = createHash("sha256");
  const tensors = tensorsOf(trained).filter(({ name }) => store.has(name)).map(({ name, dtype, size }) => ({
    name,
    dtype,
    shape: [size],
    data: () => {
      const floats = store.download(name), values = dtype === "U8" ? Uint8Array.from(floats) : floats;
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    },
  }));
  writeSafetensors(path, tensors, { format: FORMAT }, (bytes) => hash.update(bytes));
  return hash.digest("hex");
}
