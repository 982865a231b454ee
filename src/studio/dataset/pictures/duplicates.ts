/** Pictures that look alike: 64-bit hashes that differ in few bits, and nearly the same colour. */

export interface Fingerprinted {
  readonly name: string;
  /** 16 hexadecimal digits. */
  readonly hash: string;
  /** 0xRRGGBB */
  readonly colour: number;
}

/**
 * Bits in which two pictures may differ: of eight bytes one is then the same in both, so only pictures that share a byte
 * in its place are compared.
 */
export const MOST_BITS = 7;

/** Steps of 255 in each of red, green and blue. */
const NEAR_COLOUR = 24;

/** Groups of two and more, the largest first; in each the order of `pictures`. */
export function alikeGroups(pictures: readonly Fingerprinted[], bits: number): string[][] {
  const most = Math.min(bits, MOST_BITS);
  // pictures of one hash are compared by colour alone, so that ten thousand of one background are no problem
  const distinct = Map.groupBy(pictures.keys(), (i) => `${pictures[i].hash} ${coarse(pictures[i].colour)}`);
  const parent = pictures.map((_, i) => i), halves = pictures.map(({ hash }) => halvesOf(hash));
  const firsts: number[] = [];
  for (const [first, ...others] of distinct.values()) {
    firsts.push(first);
    for (const other of others) join(parent, first, other);
  }
  for (let byte = 0; byte < 8; byte++) {
    const shift = (byte % 4) * 8, half = byte < 4 ? 0 : 1;
    const bands = Map.groupBy(firsts, (i) => halves[i][half] >>> shift & 0xff);
    for (const band of bands.values()) {
      for (let a = 0; a < band.length; a++) {
        const [low, high] = halves[band[a]];
        for (let b = a + 1; b < band.length; b++) {
          const other = halves[band[b]];
          if (ones(low ^ other[0]) + ones(high ^ other[1]) > most) continue;
          if (isNear(pictures[band[a]].colour, pictures[band[b]].colour)) join(parent, band[a], band[b]);
        }
      }
    }
  }
  const groups = Map.groupBy(pictures.keys(), (i) => rootOf(parent, i));
  return [...groups.values()].filter((group) => group.length > 1).sort((a, b) => b.length - a.length)
    .map((group) => group.map((i) => pictures[i].name));
}

function halvesOf(hash: string): [number, number] {
  return [parseInt(hash.slice(8), 16) | 0, parseInt(hash.slice(0, 8), 16) | 0];
}

/** Bits of 32 that are set. */
function ones(x: number): number {
  x -= x >>> 1 & 0x55555555;
  x = (x & 0x33333333) + (x >>> 2 & 0x33333333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

const CHANNELS = [16, 8, 0];

function isNear(a: number, b: number): boolean {
  return CHANNELS.every((shift) => Math.abs((a >> shift & 0xff) - (b >> shift & 0xff)) <= NEAR_COLOUR);
}

/** Two of one coarse colour are near. */
function coarse(colour: number): string {
  return CHANNELS.map((shift) => Math.floor((colour >> shift & 0xff) / NEAR_COLOUR)).join();
}

function rootOf(parent: number[], i: number): number {
  while (parent[i] !== i) i = parent[i] = parent[parent[i]];
  return i;
}

/** The earlier one stays root. */
function join(parent: number[], a: number, b: number): void {
  const [x, y] = [rootOf(parent, a), rootOf(parent, b)];
  parent[Math.max(x, y)] = Math.min(x, y);
}
