/** The U-Net: a graph from noisy latents, timesteps and context to the prediction. */
export type { Shrink } from "./shrink.ts";
export { type BlockContext, type Residuals, unet, type UnetOptions } from "./unet.ts";
export { type UnetConfig, unetConfig, unetShapes } from "./shapes.ts";
