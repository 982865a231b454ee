/** What `easel plan` prints. */

import type { TrainingPlan } from "../training/plan.ts";
import { bytesText, durationText, print } from "./output.ts";

export function printPlan(
  { steps, epochs, programBytes, parameterBytes, secondsPerStep }: TrainingPlan,
): void {
  print(`${steps} steps in ${epochs} epochs`);
  print(`weights, gradients and optimizer: ${bytesText(parameterBytes)}`);
  print(`activations of the largest bucket: ${bytesText(programBytes)}`);
  print(`planned peak: ${bytesText(parameterBytes + programBytes)}`);
  print(
    `time: ${secondsPerStep.toPrecision(3)} s a step as measured now, about ${
      durationText(secondsPerStep * steps)
    } in all`,
  );
}
