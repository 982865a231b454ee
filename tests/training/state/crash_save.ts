/** One save, for crash_test.ts to kill: `crash_save.ts KIND FOLDER`. What is traced begins and ends with these names. */

import { join } from "node:path";
import { writeSafetensors } from "../../../src/formats/safetensors.ts";
import {
  generatorStates,
  removeState,
  saveState,
  seededGenerators,
} from "../../../src/training/state/mod.ts";
import { STATE, stateStore, TRAINED } from "./saved_state.ts";

/** Each with what lies in the folder before: nothing, or NAME with the numbers 1. */
export const SAVES = {
  "model": (folder: string) => saveModel(folder, 2),
  "replaced model": (folder: string) => saveModel(folder, 2),
  "state": (folder: string) => saveOne(folder, 2),
  "replaced state": (folder: string) => saveOne(folder, 2),
  "removed state": (folder: string) => removeState(join(folder, "thing-state"), () => {}),
};

export function saveModel(folder: string, value: number): void {
  const data = new Uint8Array(Float32Array.of(value, value).buffer);
  writeSafetensors(join(folder, "thing.safetensors"), [{ name: "x", dtype: "F32", shape: [2], data }]);
}

export function saveOne(folder: string, value: number): void {
  saveState(
    join(folder, "thing-state"),
    STATE,
    generatorStates(seededGenerators(3)),
    stateStore(value),
    TRAINED,
    () => {},
  );
}

export const BEGIN = "/easel-save-begins", END = "/easel-save-ends";

function mark(path: string): void {
  try {
    Deno.openSync(path).close();
  } catch { /* it does not exist */ }
}

if (import.meta.main) {
  const [kind, folder] = Deno.args;
  mark(BEGIN);
  SAVES[kind as keyof typeof SAVES](folder);
  mark(END);
}
