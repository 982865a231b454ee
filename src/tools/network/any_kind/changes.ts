/** What modules of any kind change in a layer's weight and bias, computed on a device one after the other. */

import { UserError } from "../../../base/errors.ts";
import { compile, elements, Graph, mul, reshape, type Tensor } from "../../../graph/mod.ts";
import { type ModelFile, weightOf } from "../../../models/mod.ts";
import {
  baseOf,
  type LoadedLora,
  moduleTensors,
  type NetworkModule,
  OFT_PREFIX,
  scaleOf,
} from "../../../networks/mod.ts";
import { type Device, ParameterStore, type Program } from "../../../runtime/mod.ts";

/** Kinds of modules whose programs are kept, but of those that read a layer's weight the newest alone. */
const KEPT = 48;

/** A layer's weight, (out, in * height * width); asked for by kinds whose change depends on it. */
export type BaseValues = () => Float32Array;

interface Prepared {
  readonly program: Program;
  /** The module that stands in the program for all that are like it. */
  readonly like: NetworkModule;
  readonly readsBase: boolean;
}

export class Changes {
  readonly #store: ParameterStore;
  readonly #prepared = new Map<string, Prepared>();
  #made = 0;

  constructor(device: Device) {
    this.#store = new ParameterStore(device);
  }

  /** alpha / rank included, (out, in * height * width); null where the module changes a bias alone. */
  async ofWeight(module: NetworkModule, weights: LoadedLora["weights"], base: BaseValues) {
    if (Object.keys(module.tensors).every((suffix) => module.kind.biases?.includes(suffix))) return null;
    return await this.#run("weight", module, weights, base, (graph, like) => {
      let read = false;
      const [out, ...inputs] = like.shape;
      const delta = like.kind.delta(moduleTensors(graph, like), () => {
        read = true;
        return graph.parameter(`${like.name}.base`, [out, elements(inputs)]);
      });
      graph.output("change", scaled(delta));
      return read;
    });
  }

  /** (out), null where the layer's bias stays as it is. */
  async ofBias(module: NetworkModule, weights: LoadedLora["weights"]): Promise<Float32Array | null> {
    if (!Object.keys(module.tensors).some((suffix) => module.kind.biases?.includes(suffix))) return null;
    return await this.#run("bias", module, weights, never, (graph, like) => {
      const change = like.kind.biasDelta!(moduleTensors(graph, like))!;
      graph.output("change", scaled(change));
      return false;
    });
  }

  async #run(
    what: string,
    module: NetworkModule,
    weights: LoadedLora["weights"],
    base: BaseValues,
    record: (graph: Graph, like: NetworkModule) => boolean,
  ): Promise<Float32Array> {
    const key = `${what} ${signature(module)}`;
    let prepared = this.#prepared.get(key);
    const like = prepared?.like ?? this.#alike(module), [out, ...inputs] = like.shape;
    for (const [suffix, shape] of Object.entries(like.tensors)) {
      this.#store.upload(`${like.name}.${suffix}`, shape, "f32", weights.get(`${module.name}.${suffix}`)!);
    }
    const graph = new Graph(), readsBase = prepared?.readsBase ?? record(graph, like);
    if (readsBase) this.#store.upload(`${like.name}.base`, [out, elements(inputs)], "f32", base());
    if (!prepared) {
      if (this.#prepared.size >= KEPT) this.#forget(this.#prepared.keys().next().value!);
      for (const [other, { readsBase }] of this.#prepared) if (readsBase) this.#forget(other);
      prepared = { program: await compile(graph, this.#store), like, readsBase };
      this.#prepared.set(key, prepared);
    }
    return (await prepared.program.run({ scale: Float32Array.of(scaleOf(module)) })).change;
  }

  /** The module under a name of no layer; what its name says of its kind stays. */
  #alike(module: NetworkModule): NetworkModule {
    const own = module.name.startsWith(OFT_PREFIX) ? OFT_PREFIX : "module ";
    return { ...module, name: `${own}${this.#made++}` };
  }

  #forget(key: string): void {
    const { program, like } = this.#prepared.get(key)!;
    this.#prepared.delete(key);
    program.destroy();
    for (const name of this.#store.names()) if (name.startsWith(`${like.name}.`)) this.#store.free(name);
  }

  close(): void {
    for (const key of [...this.#prepared.keys()]) this.#forget(key);
    this.#store.destroy();
  }
}

/** A layer's own weight, as a matrix of its rows. Throws UserError where there is no model. */
export function baseValues(path: string, module: NetworkModule, model: ModelFile | null): Float32Array {
  if (!model) {
    throw new UserError(
      `${path}: ${module.name} is of kind ${module.kind.name}, whose change depends on the model's weights; give the model with --sd_model`,
    );
  }
  const { key, part } = baseOf(module, (k) => model.shapes.has(k)), values = weightOf(model, key);
  const third = values.length / 3;
  return part === null ? values : values.slice(part * third, (part + 1) * third);
}

/** Times alpha / rank, which is an input: a change that a file holds as it is would be no computed value. */
function scaled(change: Tensor): Tensor {
  return mul(change, reshape(change.graph.input("scale", [1]), change.shape.map(() => 1)));
}

/** All that a program depends on. */
function signature(
  { kind, name, shape, tensors, rank, alpha, computedAlpha, settings }: NetworkModule,
): string {
  return JSON.stringify([
    ...[kind.name, name.startsWith(OFT_PREFIX), shape, tensors, rank],
    ...[alpha.value, computedAlpha?.value, settings],
  ]);
}

function never(): never {
  throw new TypeError("a bias does not depend on the weight");
}
