/** Numbers as Python's int() and float() read them and as repr() writes them. */

/** int(text): blanks around, a sign, single underscores between digits; null for anything else or beyond 2^53. */
export function pythonInt(text: string): number | null {
  const digits = text.trim();
  if (!/^[+-]?\d(_?\d)*$/.test(digits)) return null;
  const value = Number(digits.replaceAll("_", ""));
  return Number.isSafeInteger(value) ? value : null;
}

/** float(text), infinities and NaN included; null where float() would raise. */
export function pythonFloat(text: string): number | null {
  const digits = text.trim().replace(/(?<=\d)_(?=\d)/g, "").toLowerCase();
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(digits)) return Number(digits);
  const word = /^([+-]?)(inf|infinity|nan)$/.exec(digits);
  if (!word) return null;
  return word[2] === "nan" ? NaN : word[1] === "-" ? -Infinity : Infinity;
}

/** repr() of a float: the shortest digits that read back, exponents below 1e-4 and from 1e16 on. */
export function floatRepr(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  const [mantissa, power] = value.toExponential().split("e");
  const exponent = Number(power);
  if (value !== 0 && (exponent < -4 || exponent >= 16)) {
    return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  const sign = value < 0 ? "-" : "";
  const digits = mantissa.replace(/[-.]/g, "");
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  return `${sign}${digits.slice(0, exponent + 1).padEnd(exponent + 1, "0")}.${
    digits.slice(exponent + 1) || "0"
  }`;
}
