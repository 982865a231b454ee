/**
 * bitsandbytes' optimizers. Those called 8bit keep their states in 8 bits, block by block (arXiv 2110.02861, numbers as
 * in graph/ops/quantized.ts); small parameters keep 32. What is called Paged may have its states paged out by a GPU's
 * driver there, which changes no number; so may 32bit.
 */
import { type Arguments, computing, flag, only, type Rows, whole } from "../arguments.ts";
import type { Optimizer, Rule } from "../optimizer.ts";

type Map8 = "signed" | "unsigned";

export interface Formula {
  /** The class without bits, and the file of bitsandbytes.optim that it is in. */
  readonly name: string;
  readonly file: string;
  /** Whether there are paged ones too. */
  readonly paged?: boolean;
  readonly args: Rows;
  /** The one number of optim_bits that a class takes beside the plain ones', which changes nothing. */
  readonly bits?: Readonly<Record<string, number>>;
  /** What stands for a state's numbers in 8 bits, by state. */
  readonly maps: Readonly<Record<string, Map8>>;
  /** `eight` where large parameters have states of 8 bits. */
  rule(args: Arguments, eight: boolean): Rule;
}

/** The classes of one formula: NAME, NAME8bit, NAME32bit and the paged ones. */
export function classesOf(formula: Formula): Optimizer[] {
  const kinds = formula.paged ? ["", "Paged"] : [""];
  return kinds.flatMap((kind) => ["", "8bit", "32bit"].map((bits) => classOf(formula, kind, bits)));
}

function classOf(formula: Formula, kind: string, bits: string): Optimizer {
  const name = `${kind}${formula.name}${bits}`, path = `bitsandbytes.optim.${name}`;
  return {
    // the plain names are torch.optim's and lion_pytorch's
    names: kind + bits === "" ? [path] : [name, path],
    recorded: `bitsandbytes.optim.${formula.file}.${name}`,
    args: { ...formula.args, ...stateRows, ...optimBits(formula, bits) },
    rule: (args) => withBits(formula, args, bits === "8bit" || args.optim_bits === 8),
  };
}

/** Of the plain classes it says how states are kept. */
function optimBits({ bits = {} }: Formula, kind: string): Rows {
  return kind === "" ? { optim_bits: only(32, 8) } : kind in bits ? { optim_bits: only(bits[kind]) } : {};
}

/** What all of them take about their states. */
export const stateRows: Rows = {
  min_8bit_size: whole(4096),
  is_paged: flag(),
  ...computing("block_wise", "percentile_clipping", "args"),
};

/** The formula's rule, with its states in 8 bits where `eight`. */
export function withBits(
  { rule, maps }: Pick<Formula, "rule" | "maps">,
  args: Arguments,
  eight: boolean,
): Rule {
  const made = rule(args, eight);
  // one number alone is no chain, which alone reads 8 bits
  return eight ? { ...made, eightBit: { smallest: Math.max(args.min_8bit_size, 2), maps } } : made;
}
