/** Models that look at pictures while others are drawn. */
export { type ClipFile, openClipFile } from "./clip_file.ts";
