/** Training a diffusion model, whatever of it is trained: noise for a batch, gradients, and an update when enough are in. */
import type { UserError } from "../../base/errors.ts";
import { compile, Graph, memoryNeeded, Programs } from "../../graph/mod.ts";
import { limitGraph, type NormReport, normReport, type NormTensors } from "../../networks/mod.ts";
import type { ParameterStore, Program } from "../../runtime/mod.ts";
import { type LatentBatch, noiseBatch } from "../objective/batch.ts";
import type { OptimizerConfig, StepConfig } from "../options.ts";
import { type NoiseLevels, noiseLevels } from "../objective/noise_levels.ts";
import { diffusionLoss, type LatentsShape, lossType, type Predict } from "../objective/loss.ts";
import type { StepDraws, StepGenerators } from "../objective/noise.ts";
import { chosenOptimizer } from "../optimizers/options.ts";
import { createRates } from "./rates.ts";
import type { Schedule } from "../schedules/schedule.ts";
import { brokenWeights, diverged, updateHeldBack } from "./divergence.ts";
import type { Need } from "./fit.ts";
import { type Inputs, TrainingStep } from "./step.ts";
import { averageDecay } from "./recorded/update.ts";
import { flat, gradientOf, type ParameterGroup, type Resting, splitGroup } from "./trainable.ts";

export interface TrainingParts {
  /** What is trained; its parameters are already in the store, see allocateGroups. */
  readonly groups: readonly ParameterGroup[];
  /** What has gradients and does not step, see allocateResting. */
  readonly resting?: readonly Resting[];
  readonly predict: Predict;
  /** The same without dropout, where there may be one. */
  readonly predictWhole?: Predict;
  /** Gives the store the parameters that a recorded program needs. */
  readonly load?: (graph: Graph) => Promise<void>;
  /** Further inputs that draw random numbers: before the noise for the text encoder's layers, after it for the U-Net's. */
  readonly masks?: (
    part: "text" | "unet",
    shape: LatentsShape,
    generators: StepGenerators,
    channelsLast: boolean,
  ) => Inputs;
  /** Which groups a batch with these inputs gives gradients to; absent: all. */
  readonly reached?: (inputs: Inputs) => boolean[];
  /** Records what looks after the weights when they have changed: --scale_weight_norms. */
  readonly limitNorms?: (graph: Graph) => NormTensors;
  /** Norms are limited after batches that are only gathered too, which matters to weights that begin above the limit. */
  readonly limitsGathered?: boolean;
  /** Decay of a running average of the weights; null keeps none. */
  readonly emaDecay?: number | null;
  /** Weights step within the backward pass; absent: as --fused_backward_pass says. */
  readonly fused?: boolean;
  /** Every tensor's gradient is clipped by its own norm. */
  readonly clipEach?: boolean;
  /** Groups whose gradients are clipped, by the norm of these alone; absent: all. */
  readonly clipped?: readonly boolean[];
  /** Records what else is done to the weights when they have changed. */
  readonly afterUpdate?: (graph: Graph) => void;
  /** Which groups learn at optimizer step `step`, counted from 0; absent: all at all steps. */
  readonly learning?: (step: number) => boolean[];
}

/** A batch with all that was drawn for it. */
export interface DrawnBatch {
  readonly shape: LatentsShape;
  readonly inputs: Inputs;
  readonly draws: StepDraws;
}

export interface StepResult {
  readonly loss: number;
  /** Norm of the gradients before clipping; null while gradients are only gathered. */
  readonly gradNorm: number | null;
  readonly draws: StepDraws;
  /** Where weights have changed and their norms are limited. */
  readonly norms?: NormReport;
  /** `sample_losses` and `prediction`, see diffusionLoss. */
  readonly outputs: Readonly<Record<string, Float32Array>>;
}

function shapeOf(
  { shape: [batch, channels, height, width], chunks, tokens, mask }: LatentBatch,
): LatentsShape {
  const masked = mask !== undefined;
  return {
    ...{ batch, channels, height, width },
    ...{ chunks, masked, ...tokens !== undefined && { tokens } },
  };
}

export class DiffusionTraining {
  readonly step: TrainingStep<LatentsShape>;
  readonly schedule: NoiseLevels;
  readonly #rates: Schedule;
  /** Forward alone, to validate with. */
  readonly #losses: Programs<LatentsShape>;
  /** Shapes that were recorded, which says what layers draw. */
  readonly #recorded = new Set<string>();
  #gathered = 0;
  #limit: Program | null = null;
  /** The batch of the latest update, to try the weights with. */
  #latest: { shape: LatentsShape; inputs: Inputs } | null = null;
  /** Groups that the batches since the last update gave gradients to. */
  #reached: boolean[] | undefined;

  constructor(
    private readonly store: ParameterStore,
    readonly config: StepConfig & OptimizerConfig,
    readonly parts: TrainingParts,
  ) {
    this.schedule = noiseLevels(config.zeroTerminalSnr);
    const optimizer = chosenOptimizer(config);
    this.#rates = createRates(config, optimizer);
    const record = diffusionLoss(parts.predict, lossType(config.lossType));
    this.step = new TrainingStep(store, {
      groups: parts.groups,
      record: (graph, shape) => {
        this.#recorded.add(JSON.stringify(shape));
        return record(graph, shape);
      },
      optimizer,
      maxGradNorm: config.maxGradNorm,
      gradientAccumulationSteps: config.gradientAccumulationSteps,
      scaleLoss: config.mixedPrecision === "fp16",
      recompute: config.gradientCheckpointing,
      averaging: parts.emaDecay != null,
      clipEach: parts.clipEach,
      fused: parts.fused ?? config.fusedBackwardPass,
      dithered: config.stochasticRounding,
      clipped: parts.clipped,
      resting: parts.resting,
      learning: parts.learning,
      momentum: this.#rates.momentum,
      // absent where there is nothing to do: what follows an update makes it harder to foresee
      afterUpdate: parts.afterUpdate || parts.limitNorms
        ? (graph) => {
          parts.afterUpdate?.(graph);
          return { ...parts.limitNorms?.(graph) };
        }
        : undefined,
      load: parts.load,
    });
    this.#losses = new Programs(store, { load: parts.load });
    if (parts.emaDecay != null) {
      parts.groups.forEach((_, i) => store.set(flat.averages(i), store.download(flat.weights(i))));
    }
  }

  /** Draws all that a step on this batch is to be told. Asks nothing of the device, so that it may be computing. */
  draw(batch: LatentBatch, generators: StepGenerators): DrawnBatch {
    const shape = shapeOf(batch);
    // what a bucket's layers draw is known when it was recorded, and its program is made only later
    if (this.parts.masks && !this.#recorded.has(JSON.stringify(shape))) this.step.recordBackward(shape);
    // as noise does, see noise.ts
    const channelsLast = batch.encoded === true && batch.shape[0] > 1;
    const text = this.parts.masks?.("text", shape, generators, channelsLast);
    const { inputs, draws } = noiseBatch(this.config, this.schedule, batch, generators);
    const all = { ...inputs, ...text, ...this.parts.masks?.("unet", shape, generators, channelsLast) };
    return { shape, inputs: all, draws };
  }

  /** Whether the weights change with the next batch: see trainDrawn(). */
  changes(last: boolean): boolean {
    return last || this.#gathered + 1 >= this.config.gradientAccumulationSteps;
  }

  /** A step on a batch that nothing was drawn for yet. */
  async train(batch: LatentBatch, generators: StepGenerators, last = false): Promise<StepResult> {
    return await this.trainDrawn(this.draw(batch, generators), last);
  }

  /**
   * Forward and backward of one batch; every gradient_accumulation_steps of them, or with `last` of an epoch, the weights
   * change. Throws UserError naming the first non-finite tensor when loss or gradients are not finite, or where the update
   * would make weights that are not; weights and moments are then those before the step.
   */
  async trainDrawn({ shape, inputs: all, draws }: DrawnBatch, last: boolean): Promise<StepResult> {
    const changes = this.changes(last);
    const t = this.step.state.optimizerSteps, rates = this.learningRates(t);
    const outputs = await this.step.backward(shape, all, rates);
    const reached = this.parts.reached?.(all);
    this.#reached = reached?.map((r, i) => r || (this.#reached?.[i] ?? false));
    const loss = outputs.loss[0];
    if (!Number.isFinite(loss)) throw this.#diverged(`the loss is ${loss}`, outputs);
    this.#gathered = changes ? 0 : this.#gathered + 1;
    if (!changes) return { loss, gradNorm: null, draws, outputs, norms: await this.#limitGathered() };
    const decay = averageDecay(this.parts.emaDecay, t);
    const { gradNorm, heldBack, outputs: after } = await this.step.update(rates, decay, this.#reached);
    this.#reached = undefined;
    if (heldBack === "weights") throw updateHeldBack(t + 1, rates, this.step.options.optimizer);
    if (heldBack === "gradients" && this.config.mixedPrecision !== "fp16") {
      // the update has cleared the gradients: once more, to name the one that is not finite
      throw this.#diverged("a gradient is not finite", await this.step.backward(shape, all));
    }
    this.#latest = { shape, inputs: all };
    const norms = this.parts.limitNorms ? normReport(after.norms, after.ratios) : undefined;
    return { loss, gradNorm, draws, outputs, norms };
  }

  async #limitGathered(): Promise<NormReport | undefined> {
    const { limitNorms, limitsGathered } = this.parts;
    if (!limitNorms || !limitsGathered) return undefined;
    this.#limit ??= await compile(limitGraph(limitNorms), this.store);
    const { norms, ratios } = await this.#limit.run();
    return normReport(norms, ratios);
  }

  /** The loss at one timestep with the weights as they are: no dropout, no gradients, nothing changes. */
  async loss(batch: LatentBatch, timestep: number, generators: StepGenerators): Promise<number> {
    const config = { ...this.config, minTimestep: timestep, maxTimestep: timestep }, shape = shapeOf(batch);
    const { inputs } = noiseBatch(config, this.schedule, batch, generators);
    const { loss } = await this.#losses.run(shape, (graph) => this.#recordLoss(graph, shape), inputs);
    return loss[0];
  }

  /** What loss() runs for batches of a shape. */
  async lossProgram(shape: LatentsShape): Promise<Program> {
    return await this.#losses.get(shape, (graph) => this.#recordLoss(graph, shape));
  }

  /** Memory of loss() for the largest of the shapes. */
  lossNeed(shapes: readonly LatentsShape[]): Need {
    const needs = shapes.map((shape) => {
      const graph = new Graph();
      this.#recordLoss(graph, shape);
      return memoryNeeded(graph, this.store);
    });
    return needs.reduce((a, b) => b.arenaBytes > a.arenaBytes ? b : a);
  }

  #recordLoss(graph: Graph, shape: LatentsShape): void {
    const record = diffusionLoss(
      this.parts.predictWhole ?? this.parts.predict,
      lossType(this.config.lossType),
    );
    graph.output("loss", record(graph, shape).loss);
  }

  /**
   * Throws UserError unless the weights, as the latest update left them, give a finite loss for its batch again: what is
   * asked before they are saved or drawn with. Draws nothing; gathered gradients are forgotten.
   */
  async prove(): Promise<void> {
    if (!this.#latest) return;
    const { shape, inputs } = this.#latest;
    if (!await this.step.works(shape, inputs)) throw brokenWeights(this.step.state.optimizerSteps);
  }

  /** What each group uses at optimizer step t, counted from 0. */
  learningRates(t: number): number[] {
    return this.parts.groups.map((g) => this.#rates(t, g.learningRate));
  }

  /** Trained weights by key as they are to be saved: the running averages where kept, or what the optimizer makes of them. */
  saved(): Map<string, Float32Array> {
    const averaged = this.parts.emaDecay != null;
    return this.#byKey((i) => averaged ? this.store.download(flat.averages(i)) : this.step.settledWeights(i));
  }

  /** Trained weights by key, as the steps go on from them. */
  weights(): Map<string, Float32Array> {
    return this.#byKey((i) => this.store.download(flat.weights(i)));
  }

  #byKey(of: (index: number) => Float32Array): Map<string, Float32Array> {
    return new Map(this.parts.groups.flatMap((group, i) => [...splitGroup(group, of(i))]));
  }

  destroy(): void {
    this.#losses.destroy();
    this.#limit?.destroy();
    this.step.destroy();
  }

  #diverged(what: string, outputs: Readonly<Record<string, Float32Array>>): UserError {
    const named = this.step.options.fused ? [] : this.parts.groups.flatMap((group) => group.parameters);
    const gradients = named.values().map(({ name }) =>
      [name, this.store.download(gradientOf(name))] as const
    );
    return diverged(this.step.state.optimizerSteps + 1, what, {
      weights: this.weights(),
      outputs,
      gradients,
    });
  }
}
