/** What `easel plan` says: a few lines, or an event. */

import type { JobContext, Plan } from "../../base/job.ts";
import { bytesText } from "../../base/bytes.ts";
import { counted } from "../../base/phrases.ts";
import { durationText, print } from "./output.ts";

export function tellPlan(
  { steps, epochs, programBytes, parameterBytes, processBytes, recomputed, secondsPerStep }: Plan,
  context: JobContext,
  json: boolean,
): void {
  const peakBytes = parameterBytes + programBytes + processBytes;
  const sizes = { parameterBytes, programBytes, processBytes, peakBytes, secondsPerStep };
  const again = recomputed && { recomputedSegments: recomputed.segments, segments: recomputed.of };
  context.emit({ event: "plan", task: "training", steps, epochs, ...sizes, ...again });
  if (json) return;
  print(`${counted(steps, "step")} in ${counted(epochs, "epoch")}`);
  print(`weights, gradients and optimizer: ${bytesText(parameterBytes)}`);
  print(`activations of the largest bucket: ${bytesText(programBytes)}`);
  if (recomputed) {
    print(
      `gradient checkpointing: ${recomputed.segments} of ${
        counted(recomputed.of, "segment")
      } are computed again`,
    );
  }
  if (processBytes > 0) print(`easel itself: ${bytesText(processBytes)}`);
  print(`planned peak: ${bytesText(peakBytes)}`);
  print(
    `time: ${secondsPerStep.toPrecision(3)} s a step as measured now, about ${
      durationText(secondsPerStep * steps)
    } in all`,
  );
}
