/** GIT, which writes captions. */
export { type GitFile, openGit } from "./file.ts";
export { gitLogits, gitPrefix, gitText, type Prefix } from "./text.ts";
export { gitProjected, gitVision } from "./vision.ts";
