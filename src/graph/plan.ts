/**
 * The memory plan: every value gets a byte offset in one arena, so that values alive at the same time never overlap.
 * Lifetimes are known before anything runs, so the arena's size is the memory the program will use.
 */

import { byteSize } from "../base/dtype.ts";
import { elements, type Graph, type Node, type Tensor } from "./graph.ts";

export interface MemoryPlan {
  /** Size of the arena: activations, inputs and outputs. Parameters are not in it. */
  readonly arenaBytes: number;
  /** Offset of each input's, intermediate's and output's value. */
  readonly offsets: ReadonlyMap<Tensor, number>;
}

/** One run of memory: a value and all that share its bytes (reshapes, in-place results). */
export interface MemoryRun {
  bytes: number;
  /** The instructions that it is alive from and to; -1 is before all of them. */
  first: number;
  last: number;
  offset: number;
}

export const ALIGNMENT = 64;

/** Plans the values of `nodes`, which is the order they run in. Parameters and constants lie elsewhere. */
export function planMemory(graph: Graph, nodes: readonly Node[]): MemoryPlan {
  const storages = assignStorage(graph, nodes);
  const arenaBytes = place([...new Set(storages.values())]);
  const within = new Map<Tensor, number>(); // bytes from the storage's beginning; aliases come after what they are of
  const offsets = [...storages].map(([t, s]) => {
    const at = t.node.op?.alias ? (within.get(t.node.inputs[0]) ?? 0) + aliasOffset(t.node) : 0;
    within.set(t, at);
    return [t, s.offset + at] as const;
  });
  return { arenaBytes, offsets: new Map(offsets) };
}

/** How many bytes behind its operand's beginning an alias begins. */
export const aliasOffset = ({ attrs, outputs }: Node) => (attrs.offset ?? 0) * byteSize(outputs[0].dtype);

const bytesOf = (t: Tensor) => elements(t.shape) * byteSize(t.dtype);

/** Which values share memory, and how long it is theirs. */
export function assignStorage(graph: Graph, nodes: readonly Node[]): Map<Tensor, MemoryRun> {
  const lastUse = lastUses(graph, nodes);
  const storages = new Map<Tensor, MemoryRun>();
  nodes.forEach((node, i) => {
    if (node.source && node.source.kind !== "input") return;
    for (const t of node.outputs) {
      const shared = sharedStorage(node, t, i, storages);
      if (shared) {
        shared.last = Math.max(shared.last, lastUse.get(t) ?? i);
        storages.set(t, shared);
      } else if (!(node.op?.alias)) {
        // Inputs are uploaded before the first instruction.
        const first = node.source ? -1 : i;
        storages.set(t, { bytes: bytesOf(t), first, last: lastUse.get(t) ?? i, offset: 0 });
      }
    }
  });
  return storages;
}

/** The storage of an input that the output may take over: a reshape's, or an operand that dies here. */
function sharedStorage(
  node: Node,
  t: Tensor,
  i: number,
  storages: Map<Tensor, MemoryRun>,
): MemoryRun | undefined {
  if (node.op?.alias) return storages.get(node.inputs[0]);
  if (!node.op?.inPlace) return undefined;
  for (const x of node.inputs) {
    const storage = storages.get(x);
    if (storage && storage.last === i && bytesOf(x) === bytesOf(t) && storage.bytes === bytesOf(t)) {
      return storage;
    }
  }
  return undefined;
}

/** The last instruction that reads each value, reads through reshapes included; outputs live past the end. */
function lastUses(graph: Graph, nodes: readonly Node[]): Map<Tensor, number> {
  const last = new Map<Tensor, number>();
  for (const t of graph.outputs.values()) last.set(t, nodes.length);
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i];
    const use = node.op?.alias ? last.get(node.outputs[0]) ?? i : i;
    for (const t of node.inputs) last.set(t, Math.max(last.get(t) ?? -1, use));
  }
  return last;
}

/**
 * Greedy by size: the largest first, each at the lowest offset free during its whole life. On U-Net training graphs this
 * lands within a few percent of the largest set of values alive at once, which no plan can beat.
 */
function place(storages: MemoryRun[]): number {
  const placed = new Placed();
  let total = 0;
  for (const s of storages.sort((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    let offset = 0;
    for (const other of placed.near(s)) {
      if (other.last < s.first || other.first > s.last) continue;
      if (other.offset >= offset + align(s.bytes)) break;
      offset = Math.max(offset, other.offset + align(other.bytes));
    }
    s.offset = offset;
    total = Math.max(total, offset + align(s.bytes));
    placed.add(s);
  }
  return total;
}

/** Instructions of one list of Placed. */
const SPAN = 1024;

/** What is placed, by offset: all of it, and by spans of instructions, because most values live for a few of them. */
class Placed {
  readonly #all: MemoryRun[] = [];
  readonly #spans: MemoryRun[][] = [];

  /** What may be alive together with `s`, by offset. */
  near(s: MemoryRun): readonly MemoryRun[] {
    const span = spanOf(s.first);
    return span === spanOf(s.last) ? this.#spans[span] ?? [] : this.#all;
  }

  add(s: MemoryRun): void {
    insert(this.#all, s);
    for (let span = spanOf(s.first); span <= spanOf(s.last); span++) insert(this.#spans[span] ??= [], s);
  }
}

const spanOf = (instruction: number) => Math.floor(Math.max(instruction, 0) / SPAN);

/** Behind what lies at the same offset. */
function insert(list: MemoryRun[], s: MemoryRun): void {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle].offset <= s.offset) low = middle + 1;
    else high = middle;
  }
  list.splice(low, 0, s);
}

const align = (bytes: number) => Math.ceil(Math.max(bytes, 1) / ALIGNMENT) * ALIGNMENT;
