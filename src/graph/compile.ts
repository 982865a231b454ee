/** compile(graph, store): the recorded graph as a program on the store's device. */

import { byteSize } from "../base/dtype.ts";
import type { Parameter, ParameterStore } from "../runtime/store.ts";
import { Program } from "../runtime/program.ts";
import { type Graph, showSpec, type Spec } from "./graph.ts";
import type { ParameterPlace } from "./encode.ts";
import { compileGraph, type CompileOptions, planGraph } from "./lower.ts";

/**
 * Lowers the graph and prepares it on the device; parameters are looked up in `store` by name.
 * Throws TypeError when a parameter's shape or dtype differs, UserError when memory is short.
 */
export function compile(graph: Graph, store: ParameterStore, options?: CompileOptions): Promise<Program> {
  const lowered = compileGraph(graph, (name, spec: Spec) => {
    const parameter = store.get(name);
    if (parameter.shape.join() !== spec.shape.join() || parameter.dtype !== spec.dtype) {
      throw new TypeError(
        `parameter ${name} is ${showSpec(parameter)} on the device, ${showSpec(spec)} in the graph`,
      );
    }
    return placeOf(parameter);
  }, { wideWeights: store.device.info().rounds_weights, ...options });
  return Program.create(store.device, lowered, lowered.parameters.map(({ name }) => store.get(name).buffer));
}

function placeOf({ offset, frozen, flat, dtype }: Parameter): ParameterPlace {
  return { offset, frozen, flat: flat && { ...flat, at: offset / byteSize(dtype) } };
}

/** Where the store's parameters lie, for compileGraph(); those that it does not have yet come with frozen weights. */
export function knownPlaces(store: ParameterStore): (name: string) => ParameterPlace {
  return (name) => store.has(name) ? placeOf(store.get(name)) : { offset: 0, frozen: true };
}

/** Bytes that compile() would take: the arena, and parameters that the store does not have yet. */
export function memoryNeeded(
  graph: Graph,
  store: ParameterStore,
  options?: CompileOptions,
): { arenaBytes: number; missingBytes: number } {
  const { arenaBytes, parameters } = planGraph(graph, knownPlaces(store), {
    wideWeights: store.device.info().rounds_weights,
    ...options,
  });
  const missingBytes = parameters.filter(({ name }) => !store.has(name))
    .reduce((sum, { shape, dtype }) => sum + shape.reduce((n, d) => n * d, 1) * byteSize(dtype), 0);
  return { arenaBytes, missingBytes };
}
