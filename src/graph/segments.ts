/**
 * Gradient checkpointing by measure: which segments are to be computed again so that the arena keeps within its bytes and
 * the least work is done twice. Finding the best is a knapsack; here the segment that frees most for its work, of those
 * that are held when memory is highest, comes first, then the next, and so on. So a smaller arena has all that a larger one
 * computes again, and more.
 */
import { byteSize } from "../base/dtype.ts";
import { elements, type Graph, type Node, type Tensor } from "./graph.ts";
import { liveNodes } from "./passes/dead.ts";
import { borders } from "./passes/recompute.ts";
import { assignStorage, type MemoryRun } from "./plan.ts";

/** What of a graph is computed again, and the memory that this makes. */
export interface Recomputed {
  readonly segments: ReadonlySet<number>;
  /** How many the graph has that hold anything for the backward pass. */
  readonly of: number;
  /** Floating-point operations done twice. */
  readonly flop: number;
  readonly arenaBytes: number;
}

/** One segment's values that wait for the backward pass. */
interface Held {
  readonly segment: number;
  readonly storages: Set<MemoryRun>;
  bytes: number;
  /** What computing them takes: operations, and bytes moved as operations that this would be time for. */
  work: number;
  flop: number;
  /** The last instruction of the forward pass that is in it, and the first that reads one of the values after it. */
  until: number;
  from: number;
}

/** Operations in the time that a byte of memory is moved in: 10 on CPUs, hundreds on GPUs, whose sums hide more of it. */
const FLOP_A_BYTE = 30;

/**
 * The least that must be computed again so that `arenaBytes`, which lowers a newly recorded graph, gives at most `within`
 * bytes; all of it where nothing fits. `record` must make the same graph each time.
 */
export function fitSegments(
  record: () => Graph,
  arenaBytes: (graph: Graph, segments: ReadonlySet<number>) => number,
  within: number,
): Recomputed {
  const { order, peaks } = worth(record()), guess = peaks.findIndex((bytes) => bytes <= within);
  const tried = new Map<number, number>();
  const first = (count: number) => new Set(order.slice(0, count).map(({ segment }) => segment));
  const fits = (count: number) => {
    if (!tried.has(count)) tried.set(count, arenaBytes(record(), first(count)));
    return tried.get(count)! <= within;
  };
  const count = leastThatFits(fits, guess < 0 ? order.length : guess, order.length);
  fits(count);
  return {
    segments: first(count),
    of: order.length,
    flop: order.slice(0, count).reduce((sum, { flop }) => sum + flop, 0),
    arenaBytes: tried.get(count)!,
  };
}

/** The least count below `most` that fits, else `most`. The guess is close: beside it is tried before all is halved. */
function leastThatFits(fits: (count: number) => boolean, guess: number, most: number): number {
  let low = 0, high = most; // the answer lies within
  for (let next = guess, tries = 0; low < high; tries++) {
    next = Math.min(Math.max(next, low), high - 1);
    const fit = fits(next);
    if (fit) high = next;
    else low = next + 1;
    next = tries > 0 ? (low + high) >> 1 : fit ? next - 1 : next + 1;
  }
  return low;
}

/** Segments in the order in which they are worth computing again, and the peak of what lives with the first 0, 1, .. . */
function worth(graph: Graph): { order: Held[]; peaks: number[] } {
  const nodes = liveNodes(graph, graph.nodes), storages = assignStorage(graph, nodes);
  const live = aliveAt(new Set(storages.values()), nodes.length);
  const rest = heldBySegment(graph, nodes, storages), order: Held[] = [], peaks: number[] = [];
  while (true) {
    const at = highest(live);
    peaks.push(live[at]);
    // where none is held at the peak nothing helps any more, and the order of the others matters little
    const held = rest.filter(({ until, from }) => until < at && at < from);
    const best = mostForItsWork(held.length > 0 ? held : rest);
    if (!best) return { order, peaks };
    rest.splice(rest.indexOf(best), 1);
    order.push(best);
    for (let i = best.until + 1; i < best.from; i++) live[i] -= best.bytes;
  }
}

function mostForItsWork(segments: readonly Held[]): Held | undefined {
  let best: Held | undefined;
  for (const s of segments) if (!best || s.bytes / s.work > best.bytes / best.work) best = s;
  return best;
}

/** Bytes that live while each instruction runs. */
function aliveAt(storages: ReadonlySet<MemoryRun>, instructions: number): Float64Array {
  const change = new Float64Array(instructions + 2);
  for (const { bytes, first, last } of storages) {
    change[Math.max(first, 0)] += bytes;
    change[last + 1] -= bytes;
  }
  for (let i = 1; i < change.length; i++) change[i] += change[i - 1];
  return change.subarray(0, instructions);
}

function highest(values: Float64Array): number {
  let at = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[at]) at = i;
  return at;
}

function heldBySegment(
  graph: Graph,
  nodes: readonly Node[],
  storages: ReadonlyMap<Tensor, MemoryRun>,
): Held[] {
  if (graph.backwardFrom === null) return [];
  const backward = new Set(graph.nodes.slice(graph.backwardFrom)), kept = borders(graph, nodes, backward);
  const segments = new Map<number, Held>(), again = new Set<Node>(), until = new Map<number, number>();
  const inner = (t: Tensor) => t.node.segment !== null && t.node.op !== null && !kept.has(t);
  const repeat = (node: Node, held: Held): void => {
    if (again.has(node)) return;
    again.add(node);
    const flop = node.op!.flop?.(node) ?? 0;
    held.flop += flop;
    held.work += flop + (node.op!.alias ? 0 : FLOP_A_BYTE * moved(node));
    for (const t of node.inputs) if (inner(t)) repeat(t.node, held);
  };
  nodes.forEach((node, i) => {
    if (!backward.has(node)) {
      if (node.segment !== null) until.set(node.segment, i);
      return;
    }
    for (const t of node.inputs.filter(inner)) {
      const segment = t.node.segment!, storage = storages.get(t);
      const held = segments.get(segment) ??
        { segment, storages: new Set(), bytes: 0, work: 0, flop: 0, until: until.get(segment)!, from: i };
      segments.set(segment, held);
      repeat(t.node, held);
      if (!storage || held.storages.has(storage)) continue;
      held.storages.add(storage);
      held.bytes += storage.bytes;
    }
  });
  return [...segments.values()];
}

const bytesOf = (t: Tensor) => elements(t.shape) * byteSize(t.dtype);
const moved = ({ inputs, outputs }: Node) => [...inputs, ...outputs].reduce((sum, t) => sum + bytesOf(t), 0);
