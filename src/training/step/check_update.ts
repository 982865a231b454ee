/** What is refused of how weights are held and when they step, before anything is opened. */
import { UsageError } from "../../base/errors.ts";
import { exclusive, needs } from "../../options/rules.ts";
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
export function checkUpdate(config: Update, { shared }: Pick<Rule, "shared">): void {
  checkHeld(config);
  if (!config.fusedBackwardPass) return;
  const { gradientAccumulationSteps: gathered, mixedPrecision } = config;
  const steps = "--fused_backward_pass steps each weight when its gradient comes";
  if (shared) {
    throw new UsageError(
      `${steps}, this optimizer's rate needs all gradients first; use Adafactor or AdamW8bit`,
    );
  }
  if (gathered > 1) {
    throw new UsageError(
      `${steps}, --gradient_accumulation_steps ${gathered} gathers them; give one of the two`,
    );
  }
  if (mixedPrecision === "fp16") {
    throw new UsageError(
      `${steps} and cannot take back those of a batch that overflows in fp16; use --mixed_precision bf16`,
    );
  }
  exclusive("fused_backward_pass", true, "scale_weight_norms", Boolean(config.scaleWeightNorms));
  exclusive("fused_backward_pass", true, "ema_decay", config.emaDecay != null);
}

function checkHeld(config: Update): void {
  const { fullBf16, fullFp16, mixedPrecision } = config, scaled = Boolean(config.scaleWeightNorms);
  for (const [flag, given, precision] of [["full_fp16", fullFp16, "fp16"], ["full_bf16", fullBf16, "bf16"]]) {
    if (given && mixedPrecision !== precision) {
      throw new UsageError(`--${flag} needs --mixed_precision ${precision}`);
    }
    exclusive(String(flag), Boolean(given), "scale_weight_norms", scaled);
  }
  for (const [flag, given] of [["fp8_base", config.fp8Base], ["fp8_base_unet", config.fp8BaseUnet]]) {
    if (given && mixedPrecision === "no") {
      throw new UsageError(`--${flag} needs --mixed_precision bf16 or fp16: weights of 8 bits compute in 16`);
    }
  }
  needs("stochastic_rounding", config.stochasticRounding, "full_bf16", fullBf16);
}
