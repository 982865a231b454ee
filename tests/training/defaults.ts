/** What train_network is told where nothing is given. */

import { withDefaults } from "../../src/options/mod.ts";
import { trainNetworkGroups } from "../../src/training/options.ts";

export const trainNetworkDefaults = withDefaults(trainNetworkGroups, {
  pretrainedModelNameOrPath: "",
  outputDir: "",
});
