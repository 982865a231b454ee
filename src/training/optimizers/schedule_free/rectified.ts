/**
 * The share of a rate that the variance of the squares' average allows after so many steps (RAdam, arXiv 1908.03265); null
 * where the average is too short.
 */
export function rectifiedShare(beta2: number, step: number): number | null {
  const decayed = beta2 ** step,
    most = 2 / (1 - beta2) - 1,
    length = most - 2 * step * decayed / (1 - decayed);
  return length > 4
    ? Math.sqrt((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length))
    : null;
}
