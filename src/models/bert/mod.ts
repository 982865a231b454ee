/** What the captioning models have in common. */
export {
  bertCausal,
  bertEmbed,
  bertFeedForward,
  bertNorm,
  bertOutput,
  bertProjections,
  tokenStates,
} from "./layers.ts";
export { type CaptionFile, configuredHeads, openCaptionFile } from "./caption_file.ts";
export { CaptionPrograms } from "./programs.ts";
