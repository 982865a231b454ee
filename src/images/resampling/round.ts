/** Round half to even, clamped: OpenCV's saturate_cast<uchar>. */
export function roundByte(x: number): number {
  const down = Math.floor(x), rest = x - down;
  const rounded = rest > 0.5 || rest === 0.5 && down % 2 !== 0 ? down + 1 : down;
  return rounded < 0 ? 0 : rounded > 255 ? 255 : rounded;
}
