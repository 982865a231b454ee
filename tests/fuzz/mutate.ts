/** Damage that files suffer and that attackers do: a mutant of a seed, the same for the same random numbers. */

import type { PythonRandom } from "../../src/random/mod.ts";

const MAX_SIZE = 2 ** 20;

const BYTES = [0, 1, 0x0a, 0x1b, 0x22, 0x28, 0x2c, 0x2d, 0x5b, 0x5d, 0x7b, 0x7c, 0x7d, 0x7f, 0x80, 0xff];
/** Where widths end and memory does. */
const NUMBERS = [
  0,
  1,
  -1,
  0x7f,
  0x80,
  0xff,
  0x7fff,
  0xffff,
  13377,
  0x7fffffff,
  0x80000000,
  0xffffffff,
  2 ** 40,
  2 ** 53,
];
const WORDS = [
  ...["0", "-1", "1e999", "nan", "99999999999999999999", "1e9", "0x10", "null", "true", "[]", "{}", '""'],
  ...[
    "../",
    "\u0000",
    "\u001b[2J",
    "\ufeff",
    "\ud83d\ude00",
    "{e$$a|b}",
    "((",
    "--n ",
    "'",
    "\\",
    "\n",
    "__proto__",
  ],
];

/** One to four changes. */
export function mutate(seed: Uint8Array, others: readonly Uint8Array[], random: PythonRandom): Uint8Array {
  let bytes = seed.slice();
  for (let n = random.randint(1, 4); n > 0; n--) {
    if (bytes.length === 0) bytes = Uint8Array.of(random.choice(BYTES));
    bytes = random.choice(CHANGES)(bytes, random, others).slice(0, MAX_SIZE);
  }
  return bytes;
}

type Change = (bytes: Uint8Array, random: PythonRandom, others: readonly Uint8Array[]) => Uint8Array;

const CHANGES: readonly Change[] = [
  (bytes, random) => {
    bytes[random.randrange(bytes.length)] ^= 1 << random.randint(0, 7);
    return bytes;
  },
  (bytes, random) => {
    bytes[random.randrange(bytes.length)] = random.choice(BYTES);
    return bytes;
  },
  (bytes, random) => {
    bytes[random.randrange(Math.min(64, bytes.length))] = random.randint(0, 255);
    return bytes;
  },
  withNumber,
  withNumber,
  (bytes, random) => bytes.slice(0, random.randrange(bytes.length)),
  (bytes, random) => replaced(bytes, range(bytes, random), new Uint8Array()),
  (bytes, random, others) => replaced(bytes, range(bytes, random), pieceOf(random.choice(others), random)),
  (bytes, random) => {
    const [from, to] = range(bytes, random), piece = bytes.slice(from, Math.min(to, from + 64));
    const count = 2 ** random.randint(1, 12);
    return replaced(bytes, [from, from], repeated(piece, count));
  },
  (bytes, random) => {
    const at = random.randrange(bytes.length);
    return replaced(bytes, [at, at], new TextEncoder().encode(random.choice(WORDS)));
  },
  // a number that is written in digits
  (bytes, random) => {
    const at = random.randrange(bytes.length), isDigit = (i: number) => bytes[i] >= 0x30 && bytes[i] <= 0x39;
    let from = at;
    while (from < bytes.length && !isDigit(from)) from++;
    let to = from;
    while (to < bytes.length && isDigit(to)) to++;
    const text = random.random() < 0.5 ? random.choice(WORDS) : String(random.choice(NUMBERS));
    return replaced(bytes, [from, to], new TextEncoder().encode(text));
  },
];

/** Length fields and sizes, of any width and order. */
function withNumber(bytes: Uint8Array, random: PythonRandom): Uint8Array {
  const width = random.choice([2, 4, 8]), little = random.random() < 0.5;
  if (bytes.length < width) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const at = random.randrange(bytes.length - width + 1), value = BigInt(random.choice(NUMBERS));
  if (width === 2) view.setUint16(at, Number(BigInt.asUintN(16, value)), little);
  else if (width === 4) view.setUint32(at, Number(BigInt.asUintN(32, value)), little);
  else view.setBigUint64(at, BigInt.asUintN(64, value), little);
  return bytes;
}

/** Mostly short. */
function range(bytes: Uint8Array, random: PythonRandom): [number, number] {
  const from = random.randrange(bytes.length + 1);
  const most = random.random() < 0.8 ? 16 : bytes.length;
  return [from, Math.min(bytes.length, from + random.randint(0, most))];
}

function pieceOf(bytes: Uint8Array, random: PythonRandom): Uint8Array {
  return bytes.slice(...range(bytes, random));
}

function repeated(piece: Uint8Array, count: number): Uint8Array {
  const out = new Uint8Array(Math.min(MAX_SIZE, piece.length * count));
  for (let at = 0; at < out.length; at++) out[at] = piece[at % piece.length];
  return out;
}

function replaced(bytes: Uint8Array, [from, to]: [number, number], by: Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes.length - (to - from) + by.length);
  out.set(bytes.subarray(0, from));
  out.set(by, from);
  out.set(bytes.subarray(to), from + by.length);
  return out;
}
