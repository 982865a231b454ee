/**
 * The batches of a run with all that is drawn for them. While the device computes a step the next one's pictures are
 * decoded and its noise is drawn, one batch ahead within an epoch, in the order in which it would be done one after the
 * other; what a saved state holds is what there was before.
 */
import type { LoaderState } from "../../data/mod.ts";
import type { TrainingRun } from "../jobs/training_run.ts";
import { type GeneratorStates, generatorStates } from "../state/mod.ts";
import type { DrawnBatch } from "../step/diffusion_training.ts";

export interface NextBatch {
  readonly drawn: DrawnBatch;
  /** The epoch has no more. */
  readonly last: boolean;
}

/** Where a run's random draws and batches are. */
export interface DrawingState extends GeneratorStates {
  readonly data: LoaderState;
}

type Source = Pick<TrainingRun, "loader" | "examples" | "generators" | "training">;

interface Ahead {
  /** Before anything was drawn. */
  readonly before: DrawingState;
  /** An error is kept for the one who asks for the batch. */
  readonly batch: Promise<{ batch: NextBatch | null } | { error: unknown }>;
}

export class RunBatches {
  #ahead: Ahead | null = null;

  constructor(private readonly run: Source) {}

  /** The next batch of the epoch, for the step numbered `step` from 0; null when it is over. Throws as BatchLoader does. */
  async next(step: number): Promise<NextBatch | null> {
    if (!this.#ahead) return await this.#make(step);
    const made = await this.#ahead.batch;
    this.#ahead = null;
    if ("error" in made) throw made.error;
    return made.batch;
  }

  /**
   * Gives what `compute` gives, and meanwhile makes the batch for `step`, if it is not null and the epoch has one more.
   * Both are done, or have failed, when it returns: nothing of the next batch is left to ask the device.
   */
  async during<T>(compute: () => Promise<T>, step: number | null): Promise<T> {
    const computing = compute();
    if (step !== null && this.run.loader.inEpoch) {
      const before = this.#now(), settled = computing.then(() => {}, () => {});
      await new Promise((resolve) => setTimeout(resolve)); // what is computed meanwhile begins first
      const batch = this.#make(step, settled).then((batch) => ({ batch }), (error) => ({ error }));
      this.#ahead = { before, batch };
      await batch;
    }
    return await computing;
  }

  /** Where a run that is saved now goes on from. */
  state(): DrawingState {
    return this.#ahead?.before ?? this.#now();
  }

  #now(): DrawingState {
    const { loader, generators } = this.run;
    return { data: loader.state(), ...generatorStates(generators) };
  }

  /** `free` is when the device has time for an encoder. */
  async #make(step: number, free: Promise<void> = Promise.resolve()): Promise<NextBatch | null> {
    const { loader, examples, generators, training } = this.run;
    const batch = await loader.next(step);
    if (!batch) return null;
    if (!batch.latents) await free;
    const example = await examples.make(batch, generators.torch, loader.place);
    return { drawn: training.draw(example, generators), last: !loader.inEpoch };
  }
}
