/** A state with something in every field, and a store that holds its tensors. */

import type { RunState, Trained } from "../../../src/training/state/mod.ts";
import { tensorsOf } from "../../../src/training/state/format.ts";
import { flat, type ParameterGroup } from "../../../src/training/step/trainable.ts";

const STATES = ["exp_avg", "exp_avg_sq"];
export const GROUPS: readonly ParameterGroup[] = [3, 5].map((size, i) => ({
  name: `group ${i}`,
  learningRate: 1e-4,
  parameters: [{ name: `weight ${i}`, shape: [size] }],
}));

export const TRAINED: Trained = {
  groups: GROUPS,
  states: (group, i) =>
    STATES.map((name) => ({ name: flat.state(i, name), dtype: "f32", parts: group.parameters })),
};

const WORDS = Array.from({ length: 625 }, (_, i) => i < 624 ? i * 7919 : 5);

export const STATE: RunState = {
  position: { epoch: 1, batch: 2, globalStep: 7 },
  step: {
    optimizerSteps: 7,
    lossScale: 1,
    groupSteps: [7, 6],
    stepsAtScale: 0,
    numbers: { d: 1e-6 },
    running: [{ share: 0.5 }, {}],
  },
  losses: { losses: [0.5, 0.25], total: 0.75 },
  seed: 1,
  sessionId: 11,
  startedAt: 1.5,
  fingerprint: { "--seed": "1", "--network_alpha": "1" },
  settings: { "--learning_rate": "0.0001", "--max_train_steps": "8" },
  data: {
    epoch: 2,
    permutation: [1, 0],
    drawn: 1,
    waiting: {
      dataset: 0,
      bucket: 0,
      items: [{
        entry: 0,
        flipped: false,
        left: 1,
        top: 2,
        scaled: [80, 64],
        color: { hue: 3 },
        caption: "a cat",
      }],
    },
    step: 7,
    orders: [{ epoch: 2, step: 7 }],
    workers: [{ orders: [{ epoch: 2, step: 7 }], random: { words: WORDS, gaussNext: null } }],
  },
};

/** Tensors without averages, all numbers `value`. */
export function stateStore(value: number) {
  const values = new Map<string, Float32Array>();
  for (const { name, size } of tensorsOf(TRAINED)) {
    if (!name.endsWith("/ema")) values.set(name, new Float32Array(size).fill(value));
  }
  return {
    values,
    has: (name: string) => values.has(name),
    download: (name: string) => values.get(name)!,
    set: (name: string, data: Float32Array) => void values.set(name, data),
  };
}
