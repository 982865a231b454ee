/**
 * One training step as two programs. `backward` (one per bucket shape) runs the model and writes its gradients to float32
 * parameters; `update` takes their norm, clips, steps the optimizer, and may then look after the weights. What changes from
 * step to step is an input. With gradient accumulation `backward` runs several times between two updates: it adds to
 * gradients, and `update` clears them.
 */
import {
  compile,
  type CompileOptions,
  fitSegments,
  Graph,
  memoryNeeded,
  Programs,
  type Recomputed,
} from "../../graph/mod.ts";
import type { ParameterStore, Program } from "../../runtime/mod.ts";
import { leadingRate } from "../optimizers/adaptive_rate/shared_rate.ts";
import { type BackwardOptions, recordBackward, type RecordedLoss } from "./recorded/backward.ts";
import { suited } from "./recorded/piece.ts";
import { flat } from "./trainable.ts";
import {
  type Due,
  dueOf,
  firstState,
  type Inputs,
  type StepState,
  takeIn,
  type UpdateResult,
} from "./step_state.ts";
import { allocateStates } from "./states.ts";
import { Certainty } from "./foreseen/certain.ts";
import { recordExtent } from "./foreseen/extent.ts";
import { recordDiscard, recordUpdate, UPDATE, type UpdateWay } from "./recorded/update.ts";

export interface StepOptions<Shape> extends BackwardOptions {
  /** Records the model and its loss for one shape; everything that changes between batches is an input. */
  readonly record: (graph: Graph, shape: Shape) => RecordedLoss;
  /** Float16 needs its loss scaled so that small gradients do not vanish. */
  readonly scaleLoss: boolean;
  /** Gradient checkpointing of all segments. */
  readonly recompute?: boolean;
  /** Gives the store the parameters that a recorded program needs. */
  readonly load?: (graph: Graph) => Promise<void>;
  /** What the schedule makes of the optimizer's momentum at optimizer step `step`, counted from 0 (Rule.momentum). */
  readonly momentum?: (step: number) => number;
  /** Which groups learn at optimizer step `step`, counted from 0; absent: all at all steps. */
  readonly learning?: (step: number) => boolean[];
}

export type { Inputs, RecordedLoss, StepState, UpdateResult };

/** Which segments are computed again: or as few as make the arena that many bytes at most. */
export type Recompute = "none" | "all" | { readonly within: number };

export class TrainingStep<Shape extends object> {
  readonly state: StepState;
  /** Gradient checkpointing of the programs that are made from now on. */
  recompute: Recompute;
  readonly #recomputed = new Map<string, Recomputed>();
  /** Buckets come again and again: all are kept. */
  readonly #backward: Programs<Shape>;
  /** What the programs of `#backward` take gradients of. */
  #learning: string | null = null;
  readonly #updates = new Map<UpdateWay, Program>();
  #certainty: Certainty;
  #discard: Program | null = null;
  /** Of the latest backward program, which the weights have stepped in. */
  #fused: { due: Due; outputs: Record<string, Float32Array> } | null = null;

  readonly options: StepOptions<Shape>;

  /** `store` holds the groups' parameters, see allocateGroups; it gets the optimizer's states. */
  constructor(private readonly store: ParameterStore, given: StepOptions<Shape>) {
    const options = this.options = { ...given, optimizer: suited(given.optimizer, given, store.device) };
    this.recompute = options.recompute ? "all" : "none";
    this.#backward = new Programs(store, { load: options.load });
    allocateStates(store, options.groups, options.optimizer);
    this.state = firstState(options);
    this.#certainty = new Certainty(store, options);
  }

  /** The program for a bucket; made at its first use. */
  async program(shape: Shape): Promise<Program> {
    this.#forgetOthers();
    return await this.#backward.get(
      shape,
      (graph) => this.#recordInto(graph, shape),
      () => this.compileOptions(shape),
    );
  }

  /** How the program for a bucket is compiled. */
  compileOptions(shape: Shape): CompileOptions {
    if (this.recompute === "none") return {};
    return { recompute: this.recompute === "all" ? "all" : this.recomputed(shape)!.segments };
  }

  /** What is computed again for a bucket; null where nothing is asked to be. */
  recomputed(shape: Shape): Recomputed | null {
    if (this.recompute === "none") return null;
    const within = this.recompute === "all" ? 0 : this.recompute.within;
    const key = JSON.stringify([within, this.#learn(), shape]);
    const known = this.#recomputed.get(key) ?? fitSegments(
      () => this.recordBackward(shape),
      (graph, recompute) => memoryNeeded(graph, this.store, { recompute }).arenaBytes,
      within,
    );
    this.#recomputed.set(key, known);
    return known;
  }

  /**
   * Runs forward and backward and gathers the gradients; gives `loss` and the recorded outputs. Where weights step within
   * the backward program they do so with `rates`, and not at all without.
   */
  async backward(
    shape: Shape,
    inputs: Inputs,
    rates?: readonly number[],
  ): Promise<Record<string, Float32Array>> {
    const program = await this.program(shape);
    const scale = Float32Array.of(this.state.lossScale / this.options.gradientAccumulationSteps);
    if (!this.options.fused) return await program.run({ ...inputs, loss_scale: scale });
    const { groups } = this.options, still = groups.map(() => false);
    const due = dueOf(this.options, this.state, rates ?? groups.map(() => 0), rates ? this.#learn() : still);
    const outputs = await program.run({ ...inputs, ...due.inputs, loss_scale: scale });
    this.#fused = { due, outputs };
    return outputs;
  }

  /**
   * Applies the gradients with one learning rate per group. Groups that are not `reached` stay
   * as they are, moments too.
   */
  async update(
    learningRates: readonly number[],
    averageDecay = 0,
    reached: readonly boolean[] = this.#learn(),
  ): Promise<UpdateResult> {
    if (this.options.fused) return takeIn(this.options, this.state, this.#fused!.due, this.#fused!.outputs);
    const due = dueOf(this.options, this.state, learningRates, reached);
    if (this.options.averaging) due.inputs.average_decay = Float32Array.of(averageDecay);
    const way = this.#certainty.wayOf(this.state, due), program = await this.updateProgram(way);
    const results = await program.run(due.inputs), result = takeIn(this.options, this.state, due, results);
    if (result.heldBack === null) {
      await this.#certainty.made(results.weight_square[0], () => this.#measure());
    }
    return result;
  }

  /** All weights of group `index`, which may be others than those that are trained (Rule.settled). */
  settledWeights(index: number): Float32Array {
    const { settled } = this.options.optimizer, weights = this.store.download(flat.weights(index));
    if (!settled || this.state.groupSteps[index] === 0) return weights;
    const state = this.store.download(flat.state(index, settled.state));
    return weights.map((w, k) => w + settled.by * (state[k] - w));
  }

  /** Does `work` with the settled weights in the place of the trained ones, which come back. */
  async whileSettled<T>(work: () => Promise<T>): Promise<T> {
    if (!this.options.optimizer.settled) return await work();
    const trained = this.options.groups.map((_, i) => this.store.download(flat.weights(i)));
    try {
      trained.forEach((_, i) => this.store.set(flat.weights(i), this.settledWeights(i)));
      return await work();
    } finally {
      trained.forEach((weights, i) => this.store.set(flat.weights(i), weights));
    }
  }

  /** The groups' rates as the optimizer's own estimate makes them; null where it makes none. */
  adaptedRates(learningRates: readonly number[]): number[] | null {
    const { shared } = this.options.optimizer, { d } = this.state.numbers;
    if (shared?.each) return learningRates.map((rate, i) => rate * this.state.running[i].d);
    if (!shared || d === undefined) return null;
    return learningRates.map((rate) => rate > 0 ? d * leadingRate(learningRates) : 0);
  }

  /**
   * Whether a batch gives a finite loss and, where the loss is not scaled, finite gradients with the weights as they are.
   * Changes nothing but gradients that were gathered, which are forgotten.
   */
  async works(shape: Shape, inputs: Inputs): Promise<boolean> {
    if (this.options.fused) {
      const { loss, grad_norm } = await this.backward(shape, inputs);
      return Number.isFinite(loss[0]) && Number.isFinite(grad_norm[0]);
    }
    const program = this.#discard ??= await compile(recordDiscard(this.options.groups), this.store, UPDATE);
    const resting = this.options.resting?.map((_, i) => this.store.download(flat.resting(i)));
    await program.run();
    const { loss } = await this.backward(shape, inputs);
    const { grad_norm } = await program.run();
    resting?.forEach((gradients, i) => this.store.set(flat.resting(i), gradients));
    return Number.isFinite(loss[0]) && (this.options.scaleLoss || Number.isFinite(grad_norm[0]));
  }

  /**
   * The optimizer's program, made at its first use: the one that needs more memory, or the one named.
   * There is none where weights step within the backward program.
   */
  async updateProgram(way: UpdateWay = "checked"): Promise<Program> {
    const program = this.#updates.get(way) ?? await compile(this.recordUpdate(way), this.store, UPDATE);
    this.#updates.set(way, program);
    return program;
  }

  /** What the optimizer's states are between, see recordExtent(). */
  async #measure(): Promise<ArrayLike<number>> {
    const { groups, optimizer } = this.options;
    if (!Object.keys(optimizer.states).length) return [];
    const program = await compile(recordExtent(groups, optimizer), this.store, UPDATE);
    try {
      return (await program.run()).extent;
    } finally {
      program.destroy();
    }
  }

  /** Frees the programs; before the store and the device. */
  destroy(): void {
    this.#backward.destroy();
    for (const program of this.#updates.values()) program.destroy();
    this.#updates.clear();
    this.#discard?.destroy();
    this.#discard = null;
  }

  recordBackward(shape: Shape): Graph {
    const graph = new Graph();
    this.#recordInto(graph, shape);
    return graph;
  }

  #recordInto(graph: Graph, shape: Shape): void {
    recordBackward(graph, this.options, this.options.record(graph, shape), this.#learn());
  }

  recordUpdate(way: UpdateWay = "checked"): Graph {
    return recordUpdate(this.options, way);
  }

  /** How most updates are made. */
  get usualUpdate(): UpdateWay {
    return this.#certainty.usual;
  }

  /** Which groups learn at the step that comes next. */
  #learn(): boolean[] {
    const { learning, groups } = this.options;
    return learning?.(this.state.optimizerSteps) ?? groups.map(() => true);
  }

  /** Programs that take gradients of what has stopped learning are not run again. */
  #forgetOthers(): void {
    const learning = this.#learn().join();
    if (this.#learning === learning) return;
    this.#backward.destroy();
    this.#learning = learning;
  }
}
