/** The tensors in what a pickle held, by name. */

import { broken } from "./make.ts";
import { Instance, Tensor } from "./values.ts";

/** Deeper than any state dict; cycles end here or at what was seen before. */
const MAX_DEPTH = 8;

/** Names of tensors are paths of a few words; a long one before many others would be repeated in all of them. */
const MAX_NAME = 1000;

/**
 * Tensors of a tree by their path, parts joined with dots. Where the top level has a "state_dict" that is taken and
 * its names stay as they are, as Lightning checkpoints want it.
 */
export function stateDict(root: unknown): Map<string, Tensor> {
  const inner = root instanceof Map ? root.get("state_dict") : undefined;
  const found = new Map<string, Tensor>();
  collect(inner instanceof Map ? inner : root, "", 0, found, new Set());
  return found;
}

function collect(
  value: unknown,
  path: string,
  depth: number,
  found: Map<string, Tensor>,
  seen: Set<unknown>,
): void {
  if (value instanceof Tensor) {
    if (path !== "") found.set(path, value);
    return;
  }
  const inner = childrenOf(value);
  if (inner === null || depth > MAX_DEPTH || seen.has(value)) return;
  seen.add(value);
  for (const [key, child] of inner) {
    if (typeof key !== "string" && typeof key !== "number") continue;
    const name = path === "" ? String(key) : `${path}.${key}`;
    if (name.length > MAX_NAME) throw broken(`a name in it has ${name.length} characters`);
    collect(child, name, depth + 1, found, seen);
  }
}

function childrenOf(value: unknown): Iterable<[unknown, unknown]> | null {
  if (value instanceof Map) return value;
  if (Array.isArray(value)) return value.entries();
  if (!(value instanceof Instance) || !(value.state instanceof Map)) return null;
  const parameters = value.state.get("_parameters"); // of a ParameterDict: old textual inversions
  return parameters instanceof Map ? parameters : null;
}
