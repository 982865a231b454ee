/**
 * A saved state: everything that the rest of a run depends on, so that a resumed run continues bit for bit. A folder
 * with two files; state.json is plain data with checksums of both.
 */
import type { LoaderState } from "../../data/mod.ts";
import type { PythonRandomState } from "../../random/mod.ts";
import type { LossRecorderState } from "../loop/loss_recorder.ts";
import type { StepState } from "../step/step.ts";
import { flat, groupSize, type ParameterGroup } from "../step/trainable.ts";

export const FORMAT = "easel training state 3";
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

/** What is trained, and what the optimizer keeps for each weight, by name. */
export interface Trained {
  readonly groups: readonly ParameterGroup[];
  readonly states: readonly string[];
  /** How many numbers a state has for a group; the group's size where it is not given. */
  readonly stateSize?: (name: string, group: ParameterGroup) => number;
}

/** Names of the tensors of group `index` that are kept; averages only where there are any. */
export const tensorNames = (index: number, states: readonly string[]) => [
  flat.weights(index),
  ...states.map((name) => flat.state(index, name)),
  flat.averages(index),
];

/** The tensors that are kept, and how many numbers they have. */
export function tensorsOf({ groups, states, stateSize = (_, group) => groupSize(group) }: Trained) {
  return groups.flatMap((group, i) =>
    tensorNames(i, states).map((name, k) => ({
      name,
      size: states[k - 1] === undefined ? groupSize(group) : stateSize(states[k - 1], group),
    }))
  );
}

export const sizesOf = (groups: readonly ParameterGroup[]) =>
  groups.map((group) => ({ name: group.name, size: groupSize(group) }));
