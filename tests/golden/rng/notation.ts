/** How the cases of this topic write numbers. */

import { UserError } from "../../../src/base/errors.ts";

/** C's hexadecimal floats: "-0x1.8p+1" is -3. */
export function hexFloat(text: string): number {
  const found = /^(-?)0x([0-9a-f]+)(?:\.([0-9a-f]*))?p([+-]?\d+)$/.exec(text);
  if (!found) throw new UserError(`${text}: is no hexadecimal float`);
  const [, sign, whole, fraction = "", exponent] = found;
  const mantissa = BigInt(`0x${whole}${fraction}`); // 53 bits, so exact as a number
  return (sign ? -1 : 1) * Number(mantissa) * 2 ** (Number(exponent) - 4 * fraction.length);
}

/** "17", "-1.5", "0x7f", "2pow31", "2pow28m1", "2pow32-1". */
export function number(text: string): number {
  const power = /^2pow(\d+)(?:m1|(-1))?$/.exec(text);
  if (power) return 2 ** Number(power[1]) - (/m1$|-1$/.test(text) ? 1 : 0);
  return Number(text);
}

/** The error of a key that nothing here computes. */
export function unknown(key: string): never {
  throw new UserError(`"${key}": the runner does not know how to compute that`);
}
