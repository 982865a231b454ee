/** One table per file layout. */
export { below, type KeyRow, type Places, rename, reversed, under } from "./table.ts";
export { unetKeys, unetPlaces } from "./unet.ts";
export { vaeFromDiffusers, vaeKeys, vaePlaces } from "./vae.ts";
export { clipLKey, openClipFromTransformers, openClipKeys, tensorsIn } from "./clip.ts";
