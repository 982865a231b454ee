/** Arrays one behind the other. */

/** joined(Uint8Array, parts), joined(Float32Array, parts): a new array of that kind. */
export function joined<T extends Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>>(
  kind: new (length: number) => T,
  parts: readonly ArrayLike<number>[],
): T {
  const out = new kind(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
