/** What SD1, SD2 and SDXL have in common: a U-Net over the latents of one kind of autoencoder, and DDPM's noise. */
import { slice } from "../../graph/mod.ts";
import { controlNet } from "../controlnet/controlnet.ts";
import { unet } from "../unet/mod.ts";
import { type Family, type Latent, UNET } from "./family.ts";

const CHANNELS = 4;

/** Latents of the autoencoder of arXiv 2112.10752: four channels, an eighth of the picture's side. */
export function kl8(scale: number): Latent {
  return { channels: CHANNELS, factor: 8, scale, shift: 0 };
}

/** A U-Net as the denoiser; `heads` gives its attention heads at a width, `shrinkBy` what Deep Shrink's depth counts. */
export function unetDenoiser(
  heads: (channels: number) => number,
  shrinkBy: "level" | "block" = "level",
): Pick<Family, "noise" | "denoise"> {
  return {
    noise: "ddpm",
    denoise(latents, timesteps, { context, blocks, vector }, w, { shrink, control: net } = {}) {
      // of what an inpainting model takes a ControlNet sees the latents alone
      const noisy = slice(latents, 3, 0, CHANNELS);
      const control = net && controlNet(noisy, timesteps, net.context ?? blocks ?? context, net, {
        ...{ heads, vector, shrink, shrinkBy },
      });
      return unet(latents, timesteps, blocks ?? context, w.at(UNET), {
        ...{ heads, vector, shrink, shrinkBy, control },
      });
    },
  };
}

/** Heads of 64 channels: SD2 and SDXL. */
export const heads64 = (channels: number): number => Math.max(1, channels / 64);

/** The key of a U-Net's first layer. */
export const UNET_BEGINS = `${UNET}.input_blocks.0.0.weight`;
