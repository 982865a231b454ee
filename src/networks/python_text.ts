/** Values as Python's str() and json.dumps() write them: how metadata in LoRA files is spelled. */

/** A number that Python holds as a float, so that 1 reads "1.0". */
export class PyFloat {
  constructor(readonly value: number) {}
}

export type PyValue =
  | null
  | boolean
  | number
  | string
  | PyFloat
  | readonly PyValue[]
  | { readonly [key: string]: PyValue };

/** A float where there is one. */
export function pyFloat(value: number | null): PyFloat | null {
  return value === null ? null : new PyFloat(value);
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

/** str() of a plain value; arrays read as tuples, which is what metadata holds. */
export function pyStr(value: PyValue): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (value instanceof PyFloat) return floatRepr(value.value);
  if (Array.isArray(value)) return `(${value.map(pyStr).join(", ")}${value.length === 1 ? "," : ""})`;
  return typeof value === "object" ? pyJson(value) : String(value);
}

/** json.dumps() with its default separators and only ASCII. */
export function pyJson(value: PyValue): string {
  if (value instanceof PyFloat) {
    const text = floatRepr(value.value);
    return { nan: "NaN", inf: "Infinity", "-inf": "-Infinity" }[text] ?? text;
  }
  if (Array.isArray(value)) return `[${value.map(pyJson).join(", ")}]`;
  if (typeof value === "string") return asciiJson(value);
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value).map(([key, item]) => `${asciiJson(key)}: ${pyJson(item)}`).join(", ")}}`;
  }
  return String(value);
}

function asciiJson(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (c) => c === "\u007f" ? c : `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** str() of the value of a Python literal that is written as `text`: "1e-2" is 0.01, "0.9,0.99" is (0.9, 0.99). */
export function strOfLiteral(text: string): string {
  const bare = text.trim();
  const [, open, inner] = /^([([])(.*)[)\]]$/s.exec(bare) ?? ["", "", bare];
  const items = inner.split(",").map((item) => item.trim()).filter((item) => item !== "");
  if (!open && !inner.includes(",")) return strOfWord(bare).replace(/^(['"])(.*)\1$/s, "$2");
  const list = items.map(strOfWord).join(", ");
  return open === "[" ? `[${list}]` : items.length === 1 && inner.includes(",") ? `(${list},)` : `(${list})`;
}

function strOfWord(word: string): string {
  const digits = word.replaceAll("_", "");
  if (/^[-+]?\d+$/.test(digits)) return String(Number(digits));
  return digits !== "" && !Number.isNaN(Number(digits)) ? floatRepr(Number(digits)) : word;
}
