/** Loss and loss weights. */

import { priorLossWeight } from "../../data/dataset/options.ts";
import { choice, flag, float, group, newer, noEffect } from "../../options/mod.ts";

export const lossOptions = group("Loss", {
  loss_type: choice(["l2", "huber", "smooth_l1", "l1"], "l2", "pointwise loss"),
  huber_schedule: choice(["constant", "exponential", "snr"], "snr", "how huber_c depends on the timestep"),
  huber_c: float(0.1, "Huber transition constant", { above: 0 }),
  prior_loss_weight: priorLossWeight,
  min_snr_gamma: float(null, "min-SNR loss weight gamma", { min: 0 }),
  scale_v_pred_loss_like_noise_pred: flag("multiply v-loss by snr/(snr+1)"),
  v_pred_like_loss: float(null, "add loss/scale times this value (epsilon models)"),
  debiased_estimation_loss: flag("weight by 1/sqrt(snr) (v: 1/(snr+1))"),
  huber_scale: newer(float(1.0, "multiplier on huber_c", { above: 0 })),
});

/** Of what trains on conditioning pictures. */
export const conditionedLossOptions = group("Loss", {
  ...lossOptions.rows,
  prior_loss_weight: noEffect("no regularisation images go with conditioning pictures", priorLossWeight),
});
