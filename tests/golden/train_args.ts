/** The `train_args` of a case, sd-scripts' own command line, as a training config. */
import type { TrainNetworkConfig } from "../../src/training/options.ts";
import { trainNetworkDefaults } from "../training/defaults.ts";
import { parseStepsOrRatio } from "../../src/options/steps.ts";

/** Reads flags by their config key; flags without one land in `others`. Later flags win, as in argparse. */
export function readTrainArgs(
  args: readonly string[],
): { config: TrainNetworkConfig; others: Record<string, string> } {
  const config: Record<string, unknown> = { ...trainNetworkDefaults, compat: "0.9.1" };
  const others: Record<string, string> = {};
  for (let i = 0; i < args.length;) {
    const flag = args[i++];
    const name = flag.replace(/^--/, "");
    const key = name.replace(/_([a-z0-9])/g, (_, c) => c.toUpperCase());
    const values: string[] = [];
    while (i < args.length && !args[i].startsWith("--")) values.push(args[i++]);
    if (!(key in config)) others[name] = values.join(" ");
    else if (typeof config[key] === "boolean") config[key] = true;
    else if (key.endsWith("Args")) config[key] = values;
    else if (key === "lrWarmupSteps" || key === "lrDecaySteps") config[key] = parseStepsOrRatio(values[0]);
    else if (typeof config[key] === "string" || key === "resolution") config[key] = values[0];
    else config[key] = Number.isNaN(Number(values[0])) ? values[0] : Number(values[0]);
  }
  return { config: config as unknown as TrainNetworkConfig, others };
}
