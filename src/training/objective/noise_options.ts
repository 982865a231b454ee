/** Noise and timesteps. */

import { choice, flag, float, forgotten, group, idleZero, int, newer, same } from "../../options/mod.ts";

export const noiseOptions = group("Noise and timesteps", {
  noise_offset: float(null, "per-channel constant noise strength"),
  noise_offset_random_strength: flag("draw that strength uniformly from 0..noise_offset each step"),
  multires_noise_iterations: int(null, "levels of pyramid noise", { min: 0, max: 100 }),
  ip_noise_gamma: float(null, "input-perturbation strength"),
  ip_noise_gamma_random_strength: flag("draw it uniformly from 0..ip_noise_gamma"),
  multires_noise_discount: float(0.3, "weight decay per pyramid level"),
  adaptive_noise_scale: idleZero(float(null, "add scale*|channel mean of latent| to noise_offset")),
  zero_terminal_snr: same(flag("rescale betas so that the last step has SNR 0")),
  min_timestep: int(null, "lowest sampled timestep (inclusive)", { min: 0, max: 999 }),
  max_timestep: idleZero(int(null, "highest sampled timestep (exclusive)", { min: 1, max: 1000 })),
  show_timesteps: newer(
    forgotten(choice(
      ["console", "image"],
      null,
      "show which timesteps are drawn and what each counts in the loss, as lines or as NAME_timesteps.svg, and stop",
    )),
    "0.11",
  ),
});
