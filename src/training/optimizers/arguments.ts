/** --optimizer_args: rows of names, defaults and ranges, and their reading. */
import { UsageError } from "../../base/errors.ts";
import { keyValues, type PythonLiteral, refuseUnknownKeys } from "../../options/key_values.ts";

/** How one argument is read: what it takes in words, its default, and the value or undefined where it does not fit. */
export interface Row {
  readonly wanted: string;
  readonly standard: unknown;
  read(value: PythonLiteral): unknown;
}
export type Rows = Readonly<Record<string, Row>>;
// deno-lint-ignore no-explicit-any -- each optimizer knows the types of its own rows
export type Arguments = Readonly<Record<string, any>>;

const finite = (value: PythonLiteral): value is number => typeof value === "number" && Number.isFinite(value);

/** A number, `least` or more, and `most` or less. */
export function number(standard: number | null, least = 0, most = Infinity): Row {
  return {
    wanted: within("a number", least, most),
    standard,
    read: (value) =>
      finite(value) && value >= least && value <= most
        ? value
        : value === null && standard === null
        ? null
        : undefined,
  };
}

const within = (what: string, least: number, most: number) =>
  most === Infinity ? `${what}, ${least} or more` : `${what} from ${least} to ${most}`;

export function positive(standard: number): Row {
  return {
    wanted: "a number above 0",
    standard,
    read: (value) => finite(value) && value > 0 ? value : undefined,
  };
}

/** What the row reads, or None. */
export const orNone = (row: Row): Row => ({
  wanted: `${row.wanted}, or None`,
  standard: row.standard,
  read: (value) => value === null ? null : row.read(value),
});

/** A whole number, `least` or more, and `most` or less. */
export function whole(standard: number, least = 0, most = Infinity): Row {
  return {
    wanted: within("a whole number", least, most),
    standard,
    read: (value) =>
      finite(value) && Number.isInteger(value) && value >= least && value <= most ? value : undefined,
  };
}

/** One of these values, of which the first one is the default. */
export function only(...values: readonly (number | boolean | string | null)[]): Row {
  const shown = values.map((v) =>
    v === null ? "None" : typeof v === "boolean" ? v ? "True" : "False" : String(v)
  );
  return {
    wanted: shown.join(" or "),
    standard: values[0],
    read: (value) => values.find((known) => known === value),
  };
}

/** A number in [0, 1); None where that is the default. */
export function share(standard: number | null): Row {
  return {
    wanted: "a number in [0, 1)",
    standard,
    read: (value) =>
      finite(value) && value >= 0 && value < 1
        ? value
        : value === null && standard === null
        ? null
        : undefined,
  };
}

/** A number above 0 and below 1. */
export function positiveShare(standard: number): Row {
  return {
    wanted: "a number above 0 and below 1",
    standard,
    read: (value) => finite(value) && value > 0 && value < 1 ? value : undefined,
  };
}

/** As many numbers in [0, 1) as the default has, the first one above 0. */
export function positiveShares(...standard: number[]): Row {
  const all = shares(...standard);
  return {
    wanted: `${all.wanted}, the first one above 0`,
    standard,
    read: (value) => {
      const read = all.read(value) as number[] | undefined;
      return read && read[0] > 0 ? read : undefined;
    },
  };
}

/** As many numbers in [0, 1) as the default has: betas. */
export function shares(...standard: number[]): Row {
  const example = standard.join(",");
  return {
    wanted: `${["no", "one", "two", "three"][standard.length]} numbers in [0, 1), such as (${example})`,
    standard,
    read: (value) =>
      Array.isArray(value) && value.length === standard.length &&
        value.every((b) => finite(b) && b >= 0 && b < 1)
        ? value
        : undefined,
  };
}

/** Two numbers, 0 or more. */
export function numbers(...standard: [number, number]): Row {
  return {
    wanted: `two numbers, 0 or more, such as (${standard.join(",")})`,
    standard,
    read: (value) =>
      Array.isArray(value) && value.length === 2 && value.every((x) => finite(x) && x >= 0)
        ? value
        : undefined,
  };
}

/** Two numbers, the first one smaller. */
export function range(low: number, high: number): Row {
  return {
    wanted: `two numbers, the smaller one first, such as (${low},${high})`,
    standard: [low, high],
    read: (value) => {
      const [a, b] = Array.isArray(value) && value.length === 2 ? value : [];
      return finite(a) && finite(b) && a > 0 && a < b ? [a, b] : undefined;
    },
  };
}

export function flag(standard = false): Row {
  return {
    wanted: "True or False",
    standard,
    read: (value) => typeof value === "boolean" ? value : undefined,
  };
}

/** True, False or None. */
const choice: Row = {
  wanted: "True, False or None",
  standard: null,
  read: (value) => typeof value === "boolean" || value === null ? value : undefined,
};

/** Ways to compute that give the same numbers: taken by the optimizers that have them, and without effect. */
const COMPUTING = {
  foreach: choice,
  fused: choice,
  capturable: flag(),
  differentiable: flag(),
  /** Of the weights' shards, of which there are none. */
  fsdp_in_use: flag(),
  /** Steps between two lines of D-Adaptation's. */
  log_every: whole(0),
  use_triton: flag(),
  /** bitsandbytes' one way since 0.46, and those ways before that were not others. */
  block_wise: only(true),
  percentile_clipping: only(100),
  args: only(null),
  /** Of weights in 16 bits, which are float32 while they step here. */
  kahan_sum: flag(true),
  stochastic_rounding: flag(true),
  /** Of gradients in 16 bits. */
  factored_fp32: flag(true),
  /** --fused_backward_pass says it. */
  fused_back_pass: flag(),
} satisfies Rows;

/** Rows of arguments without effect. */
export const computing = (...names: readonly (keyof typeof COMPUTING)[]): Rows =>
  Object.fromEntries(names.map((name) => [name, COMPUTING[name]]));

/** The rows of torch.optim's classes, which all can go uphill. */
export const torchRows = (rows: Rows): Rows => ({
  ...rows,
  maximize: flag(),
  ...computing("foreach", "fused", "capturable", "differentiable"),
});

/** Reads the list for an optimizer called `name`. Throws UsageError for what does not fit and for unknown names. */
export function readArguments(name: string, rows: Rows, list: readonly string[] | null): Arguments {
  const args = Object.fromEntries(Object.entries(rows).map(([key, row]) => [key, row.standard]));
  const given = keyValues("--optimizer_args", list);
  const shown = Object.keys(rows).filter((key) => !(key in COMPUTING));
  refuseUnknownKeys("--optimizer_args", name, Object.keys(given), Object.keys(rows), shown);
  for (const [key, value] of Object.entries(given)) {
    const row = rows[key];
    const read = row.read(value);
    if (read === undefined) throw new UsageError(`--optimizer_args ${key} must be ${row.wanted}`);
    args[key] = read;
  }
  return args;
}
