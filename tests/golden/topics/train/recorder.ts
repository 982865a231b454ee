/** What training steps gave, compared with a case: losses, rates, gradient norms, timesteps, noise and final weights. */
import type { TrainNetworkConfig } from "../../../../src/training/options.ts";
import type { DiffusionTraining, StepResult } from "../../../../src/training/step/diffusion_training.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { close, exact, within } from "../../compare.ts";
import { toChannelsFirst } from "../../layout.ts";

/** Compares a tensor of the case called "final.NAME" with what was trained. */
export type CompareFinal = (name: string, wanted: Float32Array) => Check;

/** Gathers what the steps gave and compares it with the case. */
export class Recorder {
  private readonly results: StepResult[] = [];
  private readonly rates: number[][] = [];
  private readonly all: Check[] = [];

  constructor(
    private readonly c: GoldenCase,
    private readonly training: DiffusionTraining,
  ) {}

  add(k: number, rates: number[], result: StepResult): void {
    this.results.push({ ...result, outputs: { ...result.outputs } });
    if (result.gradNorm !== null) this.rates.push(rates);
    if (k === 0) this.first(result);
  }

  private first({ draws, outputs }: StepResult): void {
    const tensors = this.c.tensors(), { tolerance } = this.c.json;
    const compare = (name: string, values: Float32Array, limit: number, absolute: boolean) => {
      const key = `step1.${name}`;
      if (!tensors.has(key)) return;
      this.all.push((absolute ? within : close)(key, values, tensors.f32(key), limit));
    };
    const noise = tolerance.noise_abs ?? 2e-6;
    compare("noise", draws.noise, noise, true);
    // latents reach 5 and their rounding with them
    compare("noisy_latents", draws.noisyLatents, 2 * noise, true);
    compare("target", draws.target, 2 * noise, true);
    if (!tensors.has("step1.noise_pred")) return;
    const shape = tensors.info("step1.noise_pred").shape;
    compare("noise_pred", toChannelsFirst(outputs.prediction, shape), 1e-4, false);
  }

  checks(config: Pick<TrainNetworkConfig, "priorLossWeight">, final: CompareFinal): Check[] {
    const { json } = this.c, { expected, tolerance } = json, tensors = this.c.tensors();
    const relative = (what: string, got: ArrayLike<number>, want: number[], limit: number) => {
      const errors = want.map((w, i) => Math.abs(got[i] - w) / Math.max(Math.abs(w), 1e-12));
      const worst = errors.reduce((a, e, i) => e > errors[a] || Number.isNaN(e) ? i : a, 0);
      const missing = got.length === want.length ? 0 : NaN;
      this.all.push({ what, error: errors[worst] + missing, limit, note: `step ${worst + 1}` });
    };
    relative("loss", this.results.map((r) => r.loss), expected.loss, tolerance.loss_rel);
    const norms = this.results.flatMap((r) => r.gradNorm === null ? [] : [r.gradNorm]);
    // scripts that clip nothing, or each tensor by itself, know no norm
    if (expected.grad_norm?.length) {
      relative("grad_norm", norms, expected.grad_norm, tolerance.grad_norm_rel);
    }
    // module dropout steps every module by itself: equal groups count once
    const { groups } = this.training.parts;
    const first = groups.map((g, i) => groups.findIndex((other) => other.name === g.name) === i);
    // scripts list their groups in different orders
    const ordered = (steps: number[][]) => steps.flatMap((rates) => rates.toSorted((a, b) => a - b));
    const rates = this.rates.map((r) => r.filter((_, i) => first[i]));
    const ends = [rates[0], rates[rates.length - 1]];
    const [got, wanted]: number[][][] = expected.lr
      ? [rates, expected.lr]
      : [ends, expected.lr_first_and_last ?? []];
    // a text encoder that has no rate of its own is in the U-Net's group there
    const joined = got.map((r, i) => wanted[i]?.length === 1 ? [...new Set(r)] : r);
    if (wanted.length) relative("lr", ordered(joined), ordered(wanted), 1e-9);
    this.all.push(exact("timesteps", this.results.map((r) => [...r.draws.timesteps]), expected.timesteps));
    if (expected.per_sample_loss_before_snr_weighting && config.priorLossWeight === 1) {
      const want: number[][] = expected.per_sample_loss_before_snr_weighting;
      relative(
        "sample losses",
        this.results.flatMap((r) => [...r.outputs.sample_losses]),
        want.flat(),
        tolerance.loss_rel,
      );
    }
    if (expected.huber_c) {
      relative(
        "huber_c",
        this.results.flatMap((r) => [...r.draws.huberC ?? []]),
        expected.huber_c.flat(),
        1e-6,
      );
    }
    const limited: number[][] | undefined = expected["max_norm(keys_scaled,mean,max)"];
    if (limited) {
      const norms = this.results.flatMap(({ norms }) => norms ? [norms] : []);
      this.all.push(exact("keys scaled", norms.map((n) => n.keysScaled), limited.map(([scaled]) => scaled)));
      relative("mean norm", norms.map((n) => n.meanNorm), limited.map(([, mean]) => mean), 1e-4);
      relative("largest norm", norms.map((n) => n.maximumNorm), limited.map(([, , most]) => most), 1e-4);
    }
    for (const [name, pick] of [["all.noise", "noise"], ["all.noisy_latents", "noisyLatents"]] as const) {
      if (!tensors.has(name)) continue;
      const got = this.results.flatMap((r) => [...r.draws[pick]]);
      this.all.push(within(name, got, tensors.f32(name), 2 * (tolerance.noise_abs ?? 2e-6)));
    }
    for (const key of tensors.keys().filter((key) => key.startsWith("final."))) {
      this.all.push(final(key.slice("final.".length), tensors.f32(key)));
    }
    return this.all;
  }
}
