/**
 * One training step as two programs. `backward` (one per bucket shape) runs the model and adds its gradients to float32
 * parameters; `update` takes their norm, clips, steps the optimizer and clears them, and may then look after the weights.
 * What changes from step to step is an input. Between two updates `backward` may run several times: gradient accumulation.
 */
import {
  accumulate,
  add,
  affine,
  compile,
  div,
  fill,
  finite,
  gradients,
  Graph,
  minimum,
  mul,
  reshape,
  select,
  slice,
  sqrt,
  square,
  sum,
  type Tensor,
  write,
} from "../graph/mod.ts";
import type { ParameterStore, Program } from "../runtime/mod.ts";
import type { Group, Operands, Rule } from "./optimizers/mod.ts";
import { flat, gradientOf, groupSize, type ParameterGroup } from "./trainable.ts";

/** What a step minimises, as recorded for one shape. */
export interface RecordedLoss {
  /** One value. */
  readonly loss: Tensor;
  /** Other values that `backward` gives back. */
  readonly outputs?: Readonly<Record<string, Tensor>>;
}

export interface StepOptions<Shape> {
  readonly groups: readonly ParameterGroup[];
  /** Records the model and its loss for one shape; everything that changes between batches is an input. */
  readonly record: (graph: Graph, shape: Shape) => RecordedLoss;
  readonly optimizer: Rule;
  /** Gradients are scaled down to this norm; 0 leaves them alone. */
  readonly maxGradNorm: number;
  readonly gradientAccumulationSteps: number;
  /** Float16 needs its loss scaled so that small gradients do not vanish. */
  readonly scaleLoss: boolean;
  /** Gradient checkpointing. */
  readonly recompute?: boolean;
  /** Gives the store the parameters that a recorded program needs. */
  readonly load?: (graph: Graph) => Promise<void>;
  /** Keeps a running average of the trained parameters (flat.averages), which the caller sets at first. */
  readonly averaging?: boolean;
  /** Records what is done to the parameters after each update; its values come back with the update. */
  readonly afterUpdate?: (graph: Graph) => Readonly<Record<string, Tensor>>;
}

export type Inputs = Record<string, Float32Array | Int32Array>;

export interface UpdateResult {
  /** Norm of all gradients before clipping. */
  readonly gradNorm: number;
  /** What was not finite, so that weights and moments were left as they were: the gradients, or what the weights would be. */
  readonly heldBack: "gradients" | "weights" | null;
  /** What `afterUpdate` gave. */
  readonly outputs: Readonly<Record<string, Float32Array>>;
}

/** What of the step must be saved to go on from it. */
export interface StepState {
  /** Optimizer steps made. */
  optimizerSteps: number;
  lossScale: number;
  /** Optimizer steps that each group took part in: fewer where module dropout left it out. */
  groupSteps: readonly number[];
  /** Updates since the loss scale last changed. */
  stepsAtScale: number;
}

/** How the optimizer's program is compiled: a formula of any length is to go over memory once. */
export const UPDATE = { chains: true } as const;

/** torch.amp.GradScaler's constants. */
const FIRST_SCALE = 65536, GROWTH_INTERVAL = 2000;

export class TrainingStep<Shape extends object> {
  readonly state: StepState;
  /** Gradient checkpointing of the programs that are made from now on. */
  recompute: boolean;
  #backward = new Map<string, Program>();
  #update: Program | null = null;
  #discard: Program | null = null;

  /** `store` holds the groups' parameters, see allocateGroups; it gets the optimizer's states. */
  constructor(private readonly store: ParameterStore, readonly options: StepOptions<Shape>) {
    this.recompute = options.recompute ?? false;
    allocateStates(store, options);
    this.state = {
      optimizerSteps: 0,
      lossScale: options.scaleLoss ? FIRST_SCALE : 1,
      groupSteps: options.groups.map(() => 0),
      stepsAtScale: 0,
    };
  }

  /** The program for a bucket; made at its first use. */
  async program(shape: Shape): Promise<Program> {
    const key = Object.values(shape).join();
    const known = this.#backward.get(key);
    if (known) return known;
    const graph = this.recordBackward(shape);
    await this.options.load?.(graph);
    const program = await compile(graph, this.store, { recompute: this.recompute });
    this.#backward.set(key, program);
    return program;
  }

  /** Runs forward and backward and gathers the gradients; gives `loss` and the recorded outputs. */
  async backward(shape: Shape, inputs: Inputs): Promise<Record<string, Float32Array>> {
    const program = await this.program(shape);
    const scale = Float32Array.of(this.state.lossScale / this.options.gradientAccumulationSteps);
    return await program.run({ ...inputs, loss_scale: scale });
  }

  /**
   * Applies the gathered gradients with one learning rate per group and clears them. Groups that are not `reached` stay
   * as they are, moments too.
   */
  async update(
    learningRates: readonly number[],
    averageDecay = 0,
    reached: readonly boolean[] = learningRates.map(() => true),
  ): Promise<UpdateResult> {
    const program = await this.updateProgram();
    const inputs: Inputs = { unscale: Float32Array.of(1 / this.state.lossScale) };
    learningRates.forEach((lr, i) => {
      const numbers = this.options.optimizer.hyper({ lr, step: this.state.groupSteps[i] + 1 });
      inputs[`hyper.${i}`] = Float32Array.from(Object.values(numbers));
      inputs[`hold.${i}`] = Float32Array.of(reached[i] ? 0 : NaN);
    });
    if (this.options.averaging) inputs.average_decay = Float32Array.of(averageDecay);
    const { grad_norm: [gradNorm], weight_square: [square], ...outputs } = await program.run(inputs);
    const heldBack = !Number.isFinite(gradNorm) ? "gradients" : !Number.isFinite(square) ? "weights" : null;
    if (heldBack === null) {
      this.state.optimizerSteps++;
      this.state.groupSteps = this.state.groupSteps.map((steps, i) => steps + (reached[i] ? 1 : 0));
    }
    if (this.options.scaleLoss) this.#adjustScale(heldBack === "gradients");
    return { gradNorm, heldBack, outputs };
  }

  /**
   * Whether a batch gives a finite loss and, where the loss is not scaled, finite gradients with the weights as they are.
   * Changes nothing but gradients that were gathered, which are forgotten.
   */
  async works(shape: Shape, inputs: Inputs): Promise<boolean> {
    const program = this.#discard ??= await compile(this.#recordDiscard(), this.store, UPDATE);
    await program.run();
    const { loss } = await this.backward(shape, inputs);
    const { grad_norm } = await program.run();
    return Number.isFinite(loss[0]) && (this.options.scaleLoss || Number.isFinite(grad_norm[0]));
  }

  /** The optimizer's program; made at its first use. */
  async updateProgram(): Promise<Program> {
    return this.#update ??= await compile(this.recordUpdate(), this.store, UPDATE);
  }

  /** Frees the programs; before the store and the device. */
  destroy(): void {
    for (const program of this.#backward.values()) program.destroy();
    this.#update?.destroy();
    this.#discard?.destroy();
    this.#backward.clear();
    this.#update = this.#discard = null;
  }

  recordBackward(shape: Shape): Graph {
    const graph = new Graph();
    const { loss, outputs } = this.options.record(graph, shape);
    const parameters = this.#parameters();
    const seed = reshape(graph.input("loss_scale", [1]), loss.shape);
    const grads = gradients(loss, parameters.map((p) => graph.parameter(p.name, p.shape)), seed);
    grads.forEach((grad, i) => {
      // a part that this batch does not reach keeps its zero gradient
      if (grad) accumulate(graph.parameter(gradientOf(parameters[i].name), parameters[i].shape), grad);
    });
    graph.output("loss", loss);
    for (const [name, value] of Object.entries(outputs ?? {})) graph.output(name, value);
    return graph;
  }

  recordUpdate(): Graph {
    const { groups, maxGradNorm, averaging, afterUpdate } = this.options;
    const graph = new Graph();
    const at = (of: (index: number) => string, i: number) => graph.parameter(of(i), [groupSize(groups[i])]);
    const unscale = graph.input("unscale", [1]);
    const norm = mul(sqrt(gradientSquare(graph, groups)), unscale);
    let scale = unscale;
    if (maxGradNorm > 0) {
      const constant = (x: number) => graph.constant(Float32Array.of(x), [1]);
      scale = mul(scale, minimum(div(constant(maxGradNorm), affine(norm, 1, 1e-6)), constant(1)));
    }
    const { optimizer } = this.options, states = Object.keys(optimizer.states);
    const count = Object.keys(optimizer.hyper({ lr: 1, step: 1 })).length;
    const operands = groups.map((_, i): Operands => ({
      weight: at(flat.weights, i),
      grad: at(flat.gradients, i),
      states: states.map((name) => at((index) => flat.state(index, name), i)),
      hyper: graph.input(`hyper.${i}`, [count]),
      scale: add(scale, graph.input(`hold.${i}`, [1])),
    }));
    // every group's outcome is known before one of them changes, so that none or all do
    const weightSquare = total(operands.map((each) => outcome(optimizer, each)));
    // 0 * x is NaN where x is not finite, which makes the optimizer skip
    const held = affine(add(norm, weightSquare), 0, 0);
    const decay = averaging ? graph.input("average_decay", [1]) : null;
    operands.forEach((each, i) => {
      const { weight, grad } = each;
      makeStep(optimizer, { ...each, scale: add(each.scale, held) });
      fill(grad, 0);
      if (decay) {
        const average = at(flat.averages, i);
        write(average, add(mul(average, decay), mul(weight, affine(decay, -1, 1))));
      }
    });
    graph.output("grad_norm", norm);
    graph.output("weight_square", weightSquare);
    for (const [name, value] of Object.entries(afterUpdate?.(graph) ?? {})) graph.output(name, value);
    return graph;
  }

  /** Clears the gradients, and tells their norm. */
  #recordDiscard(): Graph {
    const { groups } = this.options, graph = new Graph();
    graph.output("grad_norm", sqrt(gradientSquare(graph, groups)));
    groups.forEach((group, i) => fill(graph.parameter(flat.gradients(i), [groupSize(group)]), 0));
    return graph;
  }

  #parameters() {
    return this.options.groups.flatMap((g) => g.parameters);
  }

  /** Doubles the scale after 2000 good steps in a row, halves it after a bad one. */
  #adjustScale(skipped: boolean): void {
    const { state } = this;
    if (skipped) {
      state.lossScale /= 2;
      state.stepsAtScale = 0;
    } else if (++state.stepsAtScale === GROWTH_INTERVAL) {
      state.lossScale *= 2;
      state.stepsAtScale = 0;
    }
  }
}

function allocateStates<Shape>(store: ParameterStore, { groups, optimizer }: StepOptions<Shape>): void {
  groups.forEach((group, i) => {
    for (const [name, start] of Object.entries(optimizer.states)) {
      const key = flat.state(i, name), size = groupSize(group);
      if (!store.has(key)) store.allocate(key, [size], "f32");
      if (start !== 0) store.set(key, new Float32Array(size).fill(start));
    }
  });
}

/** Sums of squares of the weights that makeStep() would leave. */
function outcome({ instruction, ...optimizer }: Rule, operands: Operands): Tensor {
  if (instruction) return instruction.outcome(operands);
  const { weight } = optimizer.update(groupOf(optimizer, operands));
  return square(select(finite(operands.scale), weight, operands.weight));
}

/** The weight and the states after the step are written where the scale is finite. */
function makeStep({ instruction, ...optimizer }: Rule, operands: Operands): void {
  if (instruction) return instruction.step(operands);
  const group = groupOf(optimizer, operands), going = finite(operands.scale);
  const { weight, ...states } = optimizer.update(group);
  write(group.weight, select(going, weight, group.weight));
  for (const [name, value] of Object.entries(states)) {
    if (value) write(group.state[name], select(going, value, group.state[name]));
  }
}

function groupOf({ states, hyper }: Rule, operands: Operands): Group<string, string> {
  const names = Object.keys(hyper({ lr: 1, step: 1 }));
  return {
    weight: operands.weight,
    grad: mul(operands.grad, operands.scale),
    state: Object.fromEntries(Object.keys(states).map((name, k) => [name, operands.states[k]])),
    hyper: Object.fromEntries(names.map((name, k) => [name, slice(operands.hyper, 0, k, 1)])),
  };
}

/** The square of the norm of all gradients, one value. */
function gradientSquare(graph: Graph, groups: readonly ParameterGroup[]): Tensor {
  return total(groups.map((group, i) => square(graph.parameter(flat.gradients(i), [groupSize(group)]))));
}

/** The sum of everything, one value. */
function total(parts: readonly Tensor[]): Tensor {
  return parts.map((part) => reshape(sum(part), [1])).reduce((a, b) => add(a, b));
}
