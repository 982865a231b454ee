/** Two model files side by side: what they are, what they say of themselves, and which tensors they have. */

import { bytesText } from "../../base/bytes.ts";
import type { Inspection, TensorRow } from "../../tools/inspect.ts";
import type { Comparison, SomeNames, TextPair } from "./shown.ts";
import { aboutOf, saidOf } from "./about.ts";

const FIRST = 20;

export function compareFiles(a: Inspection, b: Inspection): Comparison {
  const [saidA, saidB] = [a, b].map(({ metadata }) =>
    new Map(saidOf(metadata).map((row) => [row.key, row.text]))
  );
  const keys = [...new Set([...saidA.keys(), ...saidB.keys()])].sort();
  const factsA = factsOf(a), factsB = factsOf(b);
  return {
    facts: Object.keys(factsA).map((key) => pair(key, factsA[key], factsB[key])),
    metadata: keys.map((key) => pair(key, saidA.get(key) ?? null, saidB.get(key) ?? null)),
    tensors: compareTensors(a.tensors, b.tensors),
  };
}

function pair(key: string, a: string | null, b: string | null): TextPair {
  return { key, a, b, same: a === b };
}

function factsOf(found: Inspection): Record<string, string | null> {
  const { what, family, ranks, alphas, elements, tensors } = aboutOf(found);
  return {
    what,
    family,
    ranks: ranks.join(", ") || null,
    alphas: alphas.join(", ") || null,
    dtypes: Object.keys(elements).join(", "),
    tensors: String(tensors),
    bytes: bytesText(found.bytes),
  };
}

function compareTensors(a: readonly TensorRow[], b: readonly TensorRow[]): Comparison["tensors"] {
  const text = ({ dtype, shape }: TensorRow) => `${dtype} [${shape.join(", ")}]`;
  const [inA, inB] = [a, b].map((rows) => new Map(rows.map((row) => [row.key, text(row)])));
  const keysA = [...inA.keys()], keysB = [...inB.keys()];
  return {
    onlyA: some(keysA.filter((key) => !inB.has(key))),
    onlyB: some(keysB.filter((key) => !inA.has(key))),
    other: some(
      keysA.filter((key) => inB.has(key) && inA.get(key) !== inB.get(key))
        .map((key) => `${key}: ${inA.get(key)}, ${inB.get(key)}`),
    ),
  };
}

function some(names: readonly string[]): SomeNames {
  return { count: names.length, first: names.slice(0, FIRST).map((name) => name.slice(0, 300)) };
}
