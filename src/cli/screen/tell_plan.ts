/** What `easel plan` says: a few lines, or an event. */

import type { JobContext, Plan } from "../../base/job.ts";
import { bytesText } from "../../base/bytes.ts";
import { counted } from "../../base/phrases.ts";
import { durationText, print } from "./output.ts";

export function tellPlan(
  { steps, epochs, programBytes, parameterBytes, processBytes, recomputed, secondsPerStep, validation }: Plan,
  context: JobContext,
  json: boolean,
): void {
  const peakBytes = parameterBytes + programBytes + processBytes;
  const sizes = { parameterBytes, programBytes, processBytes, peakBytes, secondsPerStep };
  const again = recomputed && { recomputedSegments: recomputed.segments, segments: recomputed.of };
  const held = validation && { validations: validation.times, secondsPerValidation: validation.seconds };
  context.emit({ event: "plan", task: "training", steps, epochs, ...sizes, ...again, ...held });
  if (json) return;
  print(`${counted(steps, "step")} in ${counted(epochs, "epoch")}`);
  print(`weights, gradients and optimizer: ${bytesText(parameterBytes)}`);
  print(`activations, at most: ${bytesText(programBytes)}`);
  if (recomputed) {
    print(
      `gradient checkpointing: ${recomputed.segments} of ${
        counted(recomputed.of, "segment")
      } are computed again`,
    );
  }
  if (processBytes > 0) print(`easel itself: ${bytesText(processBytes)}`);
  print(`planned peak: ${bytesText(peakBytes)}`);
  if (validation) {
    const { times, losses, seconds } = validation;
    const each = `${counted(losses, "loss")} in ${durationText(seconds)}`;
    print(`validation: ${counted(times, "time")}, ${each} each`);
  }
  const total = secondsPerStep * steps + (validation ? validation.times * validation.seconds : 0);
  print(
    `time: ${secondsPerStep.toPrecision(3)} s a step as measured now, about ${durationText(total)} in all`,
  );
}
