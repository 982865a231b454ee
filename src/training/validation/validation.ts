/**
 * The loss of pictures that are held out: at four timesteps, with the same noise each time, without dropout (sd-scripts 0.10.1,
 * train_network). Its generators are its own, so that training goes as it does without it.
 */
import type { JobContext } from "../../base/job.ts";
import { counted } from "../../base/phrases.ts";
import {
  createValidationGroup,
  type DatasetGroup,
  type DatasetPlan,
  drawItems,
  type LoaderOptions,
  renderBatch,
} from "../../data/mod.ts";
import { TIMESTEPS } from "../../models/noise/schedule.ts";
import type { ExampleMaker } from "../objective/examples.ts";
import type { StepGenerators } from "../objective/noise.ts";
import type { RunLength } from "../loop/run_length.ts";
import type { OptimizerConfig, PlaceConfig, StepConfig } from "../options.ts";
import type { DiffusionTraining } from "../step/diffusion_training.ts";
import { seededGenerators } from "../state/mod.ts";

type Config =
  & Pick<
    OptimizerConfig,
    | "validationSeed"
    | "validateEveryNSteps"
    | "validateEveryNEpochs"
    | "maxValidationSteps"
  >
  & Pick<StepConfig, "minTimestep" | "maxTimestep">
  & Pick<PlaceConfig, "compat">;

/** What of a run measures a loss. */
interface Measured {
  readonly training: DiffusionTraining;
  readonly examples: ExampleMaker;
  readonly loader: { readonly options: LoaderOptions };
}

/** A moment of a run: `epoch`, counted from 1, where one has just ended. */
interface Moment {
  readonly epoch: number | null;
  readonly step: number;
}

export class Validation {
  readonly #timesteps: readonly number[];

  private constructor(
    private readonly config: Config,
    private readonly seed: number,
    readonly group: DatasetGroup,
  ) {
    this.#timesteps = validationTimesteps(config);
  }

  /** Null where nothing is held out. `trained` are the other pictures, `seed` is the run's. Throws as createValidationGroup() does. */
  static async open(
    config: Config,
    plans: readonly DatasetPlan[],
    trained: DatasetGroup,
    seed: number,
    { log, warn }: Pick<JobContext, "log" | "warn">,
  ): Promise<Validation | null> {
    const settled = config.validationSeed ?? seed;
    const group = await createValidationGroup(plans, { seed: settled, compat: config.compat !== null });
    if (group === null) {
      for (const name of unused(config)) warn(`--${name} has no effect without --validation_split`);
      return null;
    }
    const validation = new Validation(config, settled, group);
    const images = group.datasets.reduce((sum, { entries }) => sum + entries.length, 0);
    const told = new Set(trained.datasets.flatMap(({ notes }) => notes));
    for (const note of group.datasets.flatMap(({ notes }) => notes)) if (!told.has(note)) warn(note);
    log(
      `held out to validate with: ${counted(images, "image")}, ${
        counted(validation.batches, "batch")
      } each time, ` +
        `at timesteps ${validation.#timesteps.join(", ")}`,
    );
    return validation;
  }

  /** Losses that are computed each time: of every batch at every timestep. */
  get losses(): number {
    return this.batches * this.#timesteps.length;
  }

  /** After how many steps of a run of this length it validates; an epoch that ends at such a step has its loss. */
  times({ steps, epochs, stepsPerEpoch }: RunLength): number {
    const at = new Set<number>();
    for (let step = 1; step <= steps; step++) if (this.due({ epoch: null, step })) at.add(step);
    for (let epoch = 1; epoch <= epochs; epoch++) {
      const step = Math.min(epoch * stepsPerEpoch, steps);
      if (this.due({ epoch, step })) at.add(step);
    }
    return at.size;
  }

  /** Batches each time. */
  get batches(): number {
    const all = this.group.orders.reduce((sum, order) => sum + order.length, 0);
    return Math.min(all, this.config.maxValidationSteps ?? all);
  }

  due({ epoch, step }: Moment): boolean {
    const { validateEveryNSteps: steps, validateEveryNEpochs: epochs } = this.config;
    return epoch === null ? steps !== null && step % steps === 0 : epoch % (epochs ?? 1) === 0;
  }

  /** What latents draw from that are cached, and each validation anew. */
  generators(): StepGenerators {
    return seededGenerators(this.seed);
  }

  /** The average loss with the weights as they are to be saved; null when told to stop. */
  async measure(run: Measured, { signal, progress }: JobContext): Promise<number | null> {
    return await run.training.step.whileSettled(async () => {
      const generators = this.generators(), total = this.losses;
      generators.torch.random64(1); // PyTorch's DataLoader draws a seed for its workers
      let sum = 0, count = 0, number = 0;
      for await (const batch of this.#batches(run.loader.options, generators)) {
        const example = await run.examples.make(batch, generators.torch, [0, number++]);
        for (const timestep of this.#timesteps) {
          if (signal.aborted) return null;
          sum += await run.training.loss(example, timestep, generators);
          progress({ task: "validating", step: ++count, total, loss: sum / count });
        }
      }
      return sum / count;
    });
  }

  async *#batches({ replacements, ...options }: LoaderOptions, { python }: StepGenerators) {
    const { maxTrainSteps } = options;
    let left = this.batches;
    for (const [i, order] of this.group.orders.entries()) {
      order.step = maxTrainSteps; // captions that grow with training are whole
      for (let index = 0; index < order.length && left > 0; index++, left--) {
        const draws = drawItems(order, i, index, python, { maxTrainSteps, replacements });
        const batch = await renderBatch(order.dataset, draws, options);
        if (batch) yield batch;
      }
    }
  }
}

/** numpy.linspace(min, max, 6, dtype=int)[1:-1]: 200, 400, 600 and 800 of all. */
export function validationTimesteps(
  { minTimestep, maxTimestep }: Pick<Config, "minTimestep" | "maxTimestep">,
): number[] {
  const least = minTimestep ?? 0, most = maxTimestep ?? TIMESTEPS;
  return [1, 2, 3, 4].map((i) => Math.floor(i * ((most - least) / 5) + least));
}

function unused(config: Config): string[] {
  const given = {
    validation_seed: config.validationSeed,
    validate_every_n_steps: config.validateEveryNSteps,
    validate_every_n_epochs: config.validateEveryNEpochs,
    max_validation_steps: config.maxValidationSteps,
  };
  return Object.entries(given).filter(([, value]) => value !== null).map(([name]) => name);
}
