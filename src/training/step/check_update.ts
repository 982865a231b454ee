/** What is refused of how weights are held and when they step, before anything is opened. */
import { UsageError } from "../../base/errors.ts";
import { needs } from "../../options/rules.ts";
import type { Rule } from "../optimizers/mod.ts";
import type { OptimizerConfig, StepConfig } from "../options.ts";

/** The last two are those of some commands only. */
type Update =
  & Pick<
    StepConfig,
    | ("mixedPrecision" | "gradientAccumulationSteps")
    | ("fullBf16" | "fullFp16" | "stochasticRounding" | "fp8Base" | "fp8BaseUnet")
  >
  & Pick<OptimizerConfig, "fusedBackwardPass">
  & { readonly scaleWeightNorms?: number | null; readonly emaDecay?: number | null };

/** Throws UsageError. */
export function checkUpdate(config: Update, optimizer: Pick<Rule, "shared">): void {
  checkHeld(config);
  const waits = config.fusedBackwardPass ? whyGradientsWait(config, optimizer) : null;
  if (waits === null) return;
  throw new UsageError(
    `--fused_backward_pass steps each weight when its gradient comes, ${waits.why}; ${waits.remedy}`,
  );
}

/** Why weights cannot step as soon as their gradients are there, and what helps; null where they can. */
export function whyGradientsWait(
  { gradientAccumulationSteps: gathered, mixedPrecision, scaleWeightNorms, emaDecay }: Update,
  { shared }: Pick<Rule, "shared">,
): { readonly why: string; readonly remedy: string } | null {
  const remedy = "leave one of the two out";
  if (shared) {
    return { why: "this optimizer's rate needs all gradients first", remedy: "use Adafactor or AdamW8bit" };
  }
  if (gathered > 1) return { why: `--gradient_accumulation_steps ${gathered} gathers them`, remedy };
  if (mixedPrecision === "fp16") {
    return {
      why: "a batch that overflows in fp16 must change none of them",
      remedy: "use --mixed_precision bf16",
    };
  }
  if (scaleWeightNorms) return { why: "--scale_weight_norms looks at all of them after the step", remedy };
  return emaDecay == null ? null : { why: "--ema_decay averages all of them after the step", remedy };
}

function checkHeld(config: Update): void {
  const { fullBf16, fullFp16, mixedPrecision } = config;
  for (const [flag, given, precision] of [["full_fp16", fullFp16, "fp16"], ["full_bf16", fullBf16, "bf16"]]) {
    if (given && mixedPrecision !== precision) {
      throw new UsageError(`--${flag} needs --mixed_precision ${precision}`);
    }
  }
  for (const [flag, given] of [["fp8_base", config.fp8Base], ["fp8_base_unet", config.fp8BaseUnet]]) {
    if (given && mixedPrecision === "no") {
      throw new UsageError(`--${flag} needs --mixed_precision bf16 or fp16: weights of 8 bits compute in 16`);
    }
  }
  needs("stochastic_rounding", config.stochasticRounding, "full_bf16", fullBf16);
}
