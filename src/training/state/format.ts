/**
 * A saved state: everything that the rest of a run depends on, so that a resumed run continues bit for bit. A folder
 * with two files; state.json is plain data with checksums of both.
 */
import type { LoaderState } from "../../data/mod.ts";
import type { PythonRandomState } from "../../random/mod.ts";
import type { LossRecorderState } from "../loop/loss_recorder.ts";
import type { StepState } from "../step/step.ts";
import { sizeOfArray, type StateArray } from "../step/states.ts";
import { flat, groupSize, type ParameterGroup } from "../step/trainable.ts";

export const FORMAT = "easel training state 4";
export const STATE_FILE = "state.json", TENSOR_FILE = "tensors.safetensors";

/** Where a run is. */
export interface RunPosition {
  /** The epoch in progress, from 0. */
  readonly epoch: number;
  /** Batches of it that are done. */
  readonly batch: number;
  /** Optimizer steps done since the very beginning. */
  readonly globalStep: number;
}

/** Settings by name, as text. */
export type Settings = Readonly<Record<string, string>>;

export interface RunSettings {
  /** What must be the same when resuming. */
  readonly fingerprint: Settings;
  /** What may be changed. */
  readonly settings: Settings;
}

export interface RunState extends RunSettings {
  readonly position: RunPosition;
  readonly step: StepState;
  readonly losses: LossRecorderState;
  readonly seed: number;
  readonly sessionId: number;
  readonly startedAt: number;
  /** Where the data are. */
  readonly data: LoaderState;
}

export interface StateFile extends RunState {
  readonly format: string;
  readonly groups: readonly { readonly name: string; readonly size: number }[];
  /** Base64 of torch.Generator.get_state(). */
  readonly torch: string;
  readonly python: PythonRandomState;
  /** Hexadecimal SHA-256 of the file of tensors. */
  readonly tensors: { readonly sha256: string };
}

/** What is trained, and what the optimizer keeps for it. */
export interface Trained {
  readonly groups: readonly ParameterGroup[];
  states(group: ParameterGroup, index: number): readonly Pick<StateArray, "name" | "dtype" | "parts">[];
}

/** The tensors that are kept, and how many numbers they have; averages only where there are any. */
export function tensorsOf(
  { groups, states }: Trained,
): { name: string; dtype: "F32" | "U8"; size: number }[] {
  return groups.flatMap((group, i) => [
    { name: flat.weights(i), dtype: "F32" as const, size: groupSize(group) },
    ...states(group, i).map((array) => ({
      name: array.name,
      dtype: array.dtype === "u8" ? "U8" as const : "F32" as const,
      size: sizeOfArray(array),
    })),
    { name: flat.averages(i), dtype: "F32" as const, size: groupSize(group) },
  ]);
}

export const sizesOf = (groups: readonly ParameterGroup[]) =>
  groups.map((group) => ({ name: group.name, size: groupSize(group) }));
