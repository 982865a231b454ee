/** BLIP, which writes captions. */
export { blipLogits, blipSeen, blipText, type SeenPictures } from "./decoder.ts";
export { blipDraws } from "./draws.ts";
export { BLIP_SIDE, type BlipFile, openBlip } from "./file.ts";
export { blipVision } from "./vision.ts";
