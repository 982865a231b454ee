/** States of a training: saved, loaded, compared, cleared away. */
export { removeState, tidyStates } from "./folder.ts";
export { type RunPosition, type RunSettings, type RunState, type Settings, type Trained } from "./format.ts";
export { loadState, seededGenerators } from "./load.ts";
export { type GeneratorStates, generatorStates, saveState } from "./save.ts";
export { describeSettings, refuseOthers } from "./settings.ts";
export { readStateFile } from "./state_file.ts";
