/** The order of Python's strings: by code point, where JavaScript compares UTF-16 units. */

/** For sort(): astral characters come after all others. */
export function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i), y = b.charCodeAt(i);
    if (x === y) continue;
    const high = (unit: number) => unit >= 0xd800 && unit < 0xe000 ? 1 : 0;
    return high(x) - high(y) || x - y;
  }
  return a.length - b.length;
}
