/** Sample pictures that seem wanted and would never be drawn: told before the training, not found out after it. */
import type { OutputConfig } from "../options.ts";
import { sampleOptions } from "./sample_options.ts";
import type { RunLength } from "./run_length.ts";

type SampleFlags = Pick<
  OutputConfig,
  "samplePrompts" | "sampleSampler" | "sampleEveryNSteps" | "sampleEveryNEpochs" | "sampleAtFirst"
>;

/** One line for each flag of sample pictures that has no occasion in a run of this length. */
export function sampleNotes(
  config: SampleFlags,
  { steps, epochs }: Pick<RunLength, "steps" | "epochs">,
): string[] {
  const { sampleEveryNSteps: everySteps, sampleEveryNEpochs: everyEpochs, sampleAtFirst } = config;
  const occasion = everySteps !== null || everyEpochs !== null || sampleAtFirst;
  if (config.samplePrompts === null) {
    if (occasion) return ["there are no sample pictures without --sample_prompts"];
    const standard = config.sampleSampler === sampleOptions.rows.sample_sampler.default;
    return standard ? [] : ["--sample_sampler has no effect without --sample_prompts"];
  }
  if (!occasion) {
    const flags = "--sample_every_n_steps, --sample_every_n_epochs or --sample_at_first";
    return [`--sample_prompts: no picture is ever drawn unless SIGUSR2 asks for it; give ${flags} as well`];
  }
  const notes: string[] = [];
  if (everySteps !== null && everyEpochs !== null) {
    notes.push("--sample_every_n_steps has no effect beside --sample_every_n_epochs");
  }
  const [every, last, what] = everyEpochs !== null
    ? [everyEpochs, epochs, "epochs"]
    : [everySteps, steps, "steps"];
  if (every !== null && every > last) {
    const left = sampleAtFirst ? "pictures are drawn before the first step only" : "no picture is ever drawn";
    notes.push(`--sample_every_n_${what} ${every} is more than this run's ${last}: ${left}`);
  }
  return notes;
}
