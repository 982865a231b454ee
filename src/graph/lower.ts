/** From a recorded graph to what a device runs: passes, memory plan, instruction tables. */

import { encode, type Encoded, type ParameterPlace, type Place } from "./encode.ts";
import type { Graph, Node, Spec, Tensor } from "./graph.ts";
import { accumulateEarly } from "./passes/accumulate.ts";
import { castTogether } from "./passes/casts.ts";
import { castWhereRead } from "./passes/cast_where_read.ts";
import { joinChains } from "./passes/chains.ts";
import { liveNodes } from "./passes/dead.ts";
import { fuseResidual } from "./passes/residual.ts";
import { sumSquares } from "./passes/squares.ts";
import { runSoon } from "./passes/soon.ts";
import { recompute } from "./passes/recompute.ts";
import { aliasOffset, ALIGNMENT, planMemory } from "./plan.ts";

export interface Lowered extends Encoded {
  readonly arenaBytes: number;
  /** Values uploaded before each run, and values read back after it, by name: spec and byte offset in the arena. */
  readonly inputs: ReadonlyMap<string, Spec & { offset: number }>;
  readonly outputs: ReadonlyMap<string, Spec & { offset: number }>;
  /** Parameters in the order of the buffer table, which starts with the arena and the constants. */
  readonly parameters: readonly (Spec & { name: string })[];
  /** The constants' bytes, uploaded once. */
  readonly constants: Uint8Array;
}

/** The buffer table's fixed entries; parameters follow. */
export const ARENA = 0, CONSTANTS = 1, FIRST_PARAMETER = 2;

export interface CompileOptions {
  /** Gradient checkpointing (passes/recompute.ts) of all that was recorded under checkpoint(), or of these segments. */
  readonly recompute?: "all" | ReadonlySet<number>;
  /** Products and convolutions of bf16 may read float32 weights and round them themselves: DeviceInfo.rounds_weights. */
  readonly wideWeights?: boolean;
  /** Pointwise ops are joined: see passes/chains.ts. */
  readonly chains?: boolean;
}

/** Runs the passes, plans memory and encodes. `parameterPlace` says where each parameter lies in its buffer. */
export function compileGraph(
  graph: Graph,
  parameterPlace: (name: string, spec: Spec) => ParameterPlace,
  options: CompileOptions = {},
): Lowered {
  const live = rewrite(graph, parameterPlace, options);
  const parameters = parametersOf(live);
  const places = new Map<Tensor, Place>();
  parameters.forEach((t, i) => {
    places.set(t, { buffer: FIRST_PARAMETER + i, ...parameterPlace(sourceName(t.node), t) });
  });
  const constants = packConstants(live, places);
  const plan = planMemory(graph, live);
  for (const [t, offset] of plan.offsets) places.set(t, { buffer: ARENA, offset, frozen: false });
  // An alias of a parameter or constant lies where it does; chains are resolved in order.
  for (const n of live) {
    if (!n.op?.alias || places.has(n.outputs[0])) continue;
    const place = places.get(n.inputs[0])!;
    places.set(n.outputs[0], { ...place, offset: place.offset + aliasOffset(n) });
  }
  const placed = (t: Tensor) => ({ shape: t.shape, dtype: t.dtype, offset: places.get(t)!.offset });
  for (const [name, t] of graph.outputs) {
    if (places.get(t)!.buffer !== ARENA) throw new RangeError(`graph: output ${name} is no computed value`);
  }
  return {
    ...encode(live, (t) => places.get(t)!),
    arenaBytes: plan.arenaBytes,
    inputs: new Map(
      live.filter((n) => n.source?.kind === "input").map((n) => [sourceName(n), placed(n.outputs[0])]),
    ),
    outputs: new Map([...graph.outputs].map(([name, t]) => [name, placed(t)])),
    parameters: parameters.map(named),
    constants,
  };
}

/** Bytes of the arena that compileGraph() would plan, and the parameters that it would read. */
export function planGraph(
  graph: Graph,
  parameterPlace: (name: string, spec: Spec) => ParameterPlace,
  options: CompileOptions = {},
): Pick<Lowered, "arenaBytes" | "parameters"> {
  const live = rewrite(graph, parameterPlace, options);
  return { arenaBytes: planMemory(graph, live).arenaBytes, parameters: parametersOf(live).map(named) };
}

/** All passes, in their order: what runs. */
function rewrite(
  graph: Graph,
  parameterPlace: (name: string, spec: Spec) => ParameterPlace,
  options: CompileOptions,
): Node[] {
  let live = liveNodes(graph, graph.nodes);
  if (options.recompute) live = liveNodes(graph, recompute(graph, live, options.recompute));
  live = castWhereRead(graph, live, options.wideWeights);
  const pieces = new Set(graph.pieces.flatMap((piece) => [...piece]));
  // before weights step in between: a product in one instruction with a sum reads its weights where the sum stands
  if (pieces.size > 0) live = liveNodes(graph, fuseResidual(graph, live, (node) => !pieces.has(node)));
  live = runSoon(graph, live);
  live = castTogether(graph, live, parameterPlace);
  live = accumulateEarly(graph, live);
  if (pieces.size === 0) live = liveNodes(graph, fuseResidual(graph, live));
  if (options.chains || pieces.size > 0) {
    const wanted = (node: Node) => options.chains || pieces.has(node);
    sumSquares(live, wanted);
    const arrayOf = (t: Tensor) => parameterPlace(sourceName(t.node), t).flat?.name ?? sourceName(t.node);
    live = liveNodes(graph, joinChains(graph, liveNodes(graph, live), wanted, arrayOf));
  }
  return live;
}

const parametersOf = (nodes: readonly Node[]) =>
  nodes.filter((n) => n.source?.kind === "parameter").map((n) => n.outputs[0]);

const named = ({ node, shape, dtype }: Tensor) => ({ name: sourceName(node), shape, dtype });

function sourceName(node: Node): string {
  const { source } = node;
  return source && source.kind !== "constant" ? source.name : "";
}

function packConstants(nodes: readonly Node[], places: Map<Tensor, Place>): Uint8Array {
  let bytes = 0;
  const entries: { data: Float32Array | Int32Array; offset: number }[] = [];
  for (const { source, outputs } of nodes) {
    if (source?.kind !== "constant") continue;
    entries.push({ data: source.data, offset: bytes });
    places.set(outputs[0], { buffer: CONSTANTS, offset: bytes, frozen: true });
    bytes += Math.ceil(source.data.byteLength / ALIGNMENT) * ALIGNMENT;
  }
  const packed = new Uint8Array(bytes);
  for (const { data, offset } of entries) {
    packed.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
  }
  return packed;
}
