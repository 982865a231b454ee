/** Models that look at pictures while others are drawn. */
export { type ClipFile, openClipFile } from "./clip_file.ts";
export { openVgg16, vggFeatures, type VggFile } from "./vgg16.ts";
