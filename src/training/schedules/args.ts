/** --lr_scheduler_args as a schedule reads them. */
import { UsageError } from "../../base/errors.ts";
import { type PythonLiteral, refuseUnknownKeys } from "../../options/key_values.ts";

/** key=value options that must all be read by someone. */
export class Args {
  readonly #known = new Set<string>();
  constructor(private readonly values: Record<string, PythonLiteral>) {}
  number(name: string, fallback?: number): number {
    const value = this.optionalNumber(name) ?? fallback;
    if (value === undefined) throw new UsageError(`this schedule needs --lr_scheduler_args "${name}=…"`);
    return value;
  }
  optionalNumber(name: string): number | null {
    this.#known.add(name);
    const value = this.values[name] ?? null;
    if (value !== null && typeof value !== "number") {
      throw new UsageError(`--lr_scheduler_args ${name} must be a number`);
    }
    return value;
  }
  /** Throws UsageError for a number below `least`. */
  count(name: string, fallback?: number, least = 0): number {
    const value = this.number(name, fallback);
    if (!Number.isInteger(value) || value < least) {
      throw new UsageError(`--lr_scheduler_args ${name} must be a whole number, ${least} or more`);
    }
    return value;
  }
  numbers(name: string): number[] {
    this.#known.add(name);
    const value = this.values[name];
    const list = typeof value === "number" ? [value] : value;
    if (!Array.isArray(list) || !list.every((item) => typeof item === "number")) {
      throw new UsageError(`this schedule needs --lr_scheduler_args "${name}=[…]", a list of numbers`);
    }
    return list as number[];
  }
  /** One of some words, numbers or of True and False; the first one where it is not given. */
  oneOf<T extends string | boolean | number>(name: string, choices: readonly T[]): T {
    this.#known.add(name);
    const value = this.values[name] ?? choices[0];
    const found = choices.find((choice) => choice === value);
    if (found !== undefined) return found;
    const known = choices.map((c) =>
      typeof c === "string" ? `'${c}'` : typeof c === "number" ? String(c) : c ? "True" : "False"
    );
    throw new UsageError(`--lr_scheduler_args ${name} must be ${known.join(" or ")}`);
  }
  string(name: string): string {
    this.#known.add(name);
    const value = this.values[name];
    if (typeof value !== "string") {
      throw new UsageError(`this schedule needs --lr_scheduler_args "${name}='…'"`);
    }
    return value;
  }
  /** Those named `untold` are taken too, with the values given for them, and change nothing. */
  refuseUnread(flag: string, untold: Readonly<Record<string, readonly (number | boolean)[]>> = {}): void {
    const told = [...this.#known];
    for (const [name, choices] of Object.entries(untold)) this.oneOf(name, choices);
    refuseUnknownKeys(flag, "this schedule", Object.keys(this.values), [...this.#known], told);
  }
}
