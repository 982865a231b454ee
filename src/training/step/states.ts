/** What an optimizer keeps on the device for each weight: where it lies, how it begins, and how an update sees it. */
import {
  blocksOf,
  CODES,
  dequantize,
  dynamicMap,
  type Graph,
  quantize,
  type Quantized,
  select,
  type Tensor,
  write,
} from "../../graph/mod.ts";
import type { ParameterStore } from "../../runtime/mod.ts";
import type { Rule } from "../optimizers/mod.ts";
import { flat, groupSize, type ParameterGroup, sizeOf, tensorsOf, type Trainable } from "./trainable.ts";

/** Parameters of one dtype that lie one behind the other, and are saved as one. */
export interface StateArray {
  readonly name: string;
  readonly dtype: "f32" | "u8";
  readonly parts: readonly Trainable[];
  /** What every element is at first. */
  readonly start: number;
}

type Kept = Pick<Rule, "states" | "stateShape" | "eightBit">;

const codesOf = (state: string) => `${state}/codes`, scalesOf = (state: string) => `${state}/absmax`;
const partOf = (array: string, parameter: string) => `${array}/${parameter}`;

export const inEightBits = ({ eightBit }: Pick<Rule, "eightBit">, shape: readonly number[]) =>
  eightBit !== undefined && sizeOf(shape) >= eightBit.smallest;

/** Everything that is kept for group `index`; arrays without elements are left out. */
export function stateArrays(rule: Kept, group: ParameterGroup, index: number): StateArray[] {
  return Object.entries(rule.states).flatMap(([state, start]) => arraysOf(rule, group, index, state, start))
    .filter(({ parts }) => parts.length > 0);
}

function arraysOf(
  { stateShape, eightBit }: Kept,
  group: ParameterGroup,
  index: number,
  state: string,
  start: number,
): StateArray[] {
  const name = flat.state(index, state);
  const array = (name: string, dtype: "f32" | "u8", of: readonly Trainable[], start: number): StateArray => ({
    name,
    dtype,
    parts: of.map((p) => ({ name: partOf(name, p.name), shape: p.shape })),
    start,
  });
  if (!stateShape && !eightBit) {
    return [array(name, "f32", [{ name: "all", shape: [groupSize(group)] }], start)];
  }
  const parameters = group.parameters.flatMap(tensorsOf);
  if (eightBit) {
    const large = parameters.filter((p) => inEightBits({ eightBit }, p.shape));
    const blocks = large.map((p) => ({ name: p.name, shape: [blocksOf(sizeOf(p.shape))] }));
    return [
      array(name, "f32", parameters.filter((p) => !large.includes(p)), start),
      array(codesOf(name), "u8", large, 0),
      array(scalesOf(name), "f32", blocks, 0),
    ];
  }
  const shaped = parameters.flatMap((p) => {
    const shape = stateShape!(state, p.shape);
    return shape ? [{ name: p.name, shape }] : [];
  });
  return [array(name, "f32", shaped, start)];
}

/** Gives the store the optimizer's states, as they begin. */
export function allocateStates(store: ParameterStore, groups: readonly ParameterGroup[], rule: Kept): void {
  groups.forEach((group, i) => {
    for (const { name, dtype, parts, start } of stateArrays(rule, group, i)) {
      if (!store.has(name)) store.allocateFlat(name, parts, dtype);
      if (start !== 0) store.set(name, new Float32Array(sizeOfArray({ parts })).fill(start));
    }
  });
}

export const sizeOfArray = ({ parts }: Pick<StateArray, "parts">) =>
  parts.reduce((n, { shape }) => n + sizeOf(shape), 0);

/** The states of what one update goes over. */
export interface States {
  read(): Readonly<Record<string, Tensor>>;
  /** Overwrites them where `going` is not 0. */
  write(next: Readonly<Record<string, Tensor | undefined>>, going: Tensor): void;
  /** Overwrites one now, and gives it as it is then to what goes on with it. */
  keep?(name: string, value: Tensor, going: Tensor): Tensor;
}

/** States of float32, each a parameter. */
export function plainStates(state: Readonly<Record<string, Tensor>>): States {
  const set = (name: string, value: Tensor, going: Tensor) =>
    write(state[name], select(going, value, state[name]));
  return {
    read: () => state,
    write(next, going) {
      for (const [name, value] of Object.entries(next)) {
        if (value && value !== state[name]) set(name, value, going);
      }
    },
    keep(name, value, going) {
      set(name, value, going);
      return state[name];
    },
  };
}

/** The states of one parameter, which has all of them. */
export function parameterStates(graph: Graph, rule: Kept, index: number, p: Trainable, maps: Maps): States {
  const named = <T>(of: (key: string, state: string) => T | null) =>
    Object.fromEntries(
      Object.keys(rule.states).map((state) => [state, of(flat.state(index, state), state)] as const)
        .filter((entry): entry is [string, T] => entry[1] !== null),
    );
  if (!inEightBits(rule, p.shape)) {
    return plainStates(named((key, state) => {
      const shape = rule.stateShape ? rule.stateShape(state, p.shape) : p.shape;
      return shape && graph.parameter(partOf(key, p.name), shape);
    }));
  }
  const arrays = named((key, state): Quantized => ({
    codes: graph.parameter(partOf(codesOf(key), p.name), p.shape, "u8"),
    absmax: graph.parameter(partOf(scalesOf(key), p.name), [blocksOf(sizeOf(p.shape))]),
    map: maps[rule.eightBit!.maps[state]],
  }));
  return {
    // anew for each reader: a chain reads 8 bits, and nothing of 32 is ever in memory
    read: () => Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, dequantize(array)])),
    write(next, going) {
      for (const [name, value] of Object.entries(next)) if (value) quantize(arrays[name], value, going);
    },
  };
}

export type Maps = Readonly<Record<"signed" | "unsigned", Tensor>>;

export function recordMaps(graph: Graph): Maps {
  const map = (signed: boolean) => graph.constant(dynamicMap(signed), [CODES]);
  return { signed: map(true), unsigned: map(false) };
}
