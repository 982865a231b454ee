/** The random generators of a run, all seeded as set_seed seeds them, and which of them are the same. */
import { TorchGenerator } from "../../random/mod.ts";
import type { PlaceConfig } from "../options.ts";
import type { StepGenerators } from "./noise.ts";
import { seededGenerators } from "../state/mod.ts";

export interface RunGenerators extends StepGenerators {
  /** What latents draw from that are cached before the first epoch. */
  readonly latents: TorchGenerator;
  /** What a network's first weights draw from. */
  readonly network: TorchGenerator;
  /** Passes over numbers that sd-scripts draws while it builds something, where that counts. */
  built(draws: number): void;
}

/**
 * sd-scripts has one generator for everything: building the models, reading --base_weights, latents, a new network, and
 * then the epochs (`--generator one`). Here each starts from the seed, so that none depends on the others: on a cache that
 * is there, on --vae, on what a library draws while it builds a model. With --compat a network that is drawn from the seed
 * gets the one generator; one from a file does not need it, and what it lacks is drawn after the latents.
 */
export function runGenerators(
  seed: number,
  { generator, compat }: Pick<PlaceConfig, "generator" | "compat">,
  newNetwork: boolean,
): RunGenerators {
  const { torch, python } = seededGenerators(seed);
  if ((generator ?? (compat !== null && newNetwork ? "one" : "fresh")) === "one") {
    return { torch, python, latents: torch, network: torch, built: (draws) => torch.skip(draws) };
  }
  const latents = new TorchGenerator(seed);
  const network = compat !== null ? latents : new TorchGenerator(seed);
  return { torch, python, latents, network, built: () => {} };
}
