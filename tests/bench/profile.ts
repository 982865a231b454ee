/** A program's time by op, then by op and shapes. */

import type { Program, Values } from "../../src/runtime/mod.ts";
import { fact } from "./facts.ts";
import { ceiling, logs, runs } from "./options.ts";
import { rateText, type Work, workOf } from "./programs/work.ts";

interface Sum {
  ms: number;
  count: number;
  flop: number;
  bytes: number;
}

/** Of each kind of instruction the least milliseconds of all its appearances together, and how many they are. */
async function kinds(
  program: Program,
  inputs: Record<string, Values>,
): Promise<Map<string, { ms: number; count: number }>> {
  const found = new Map<string, { ms: number; count: number }>();
  for (let k = 0; k < (runs < 20 ? 1 : 3); k++) {
    const now = new Map<string, { ms: number; count: number }>();
    for (const { instruction, seconds } of await program.profile(inputs)) {
      const at = now.get(instruction) ?? { ms: 0, count: 0 };
      now.set(instruction, { ms: at.ms + seconds * 1e3, count: at.count + 1 });
    }
    for (const [line, at] of now) {
      found.set(line, { ms: Math.min(at.ms, found.get(line)?.ms ?? Infinity), count: at.count });
    }
  }
  return found;
}

/**
 * Prints the time by op as facts, its longest on a line TOP, and writes all of it into the folder of --logs. Launches
 * come one by one, so small instructions show the gaps between them, too: the sum is to be compared with a graph's
 * time.
 */
export async function profile(
  name: string,
  program: Program,
  inputs: Record<string, Values>,
  top = 5,
): Promise<void> {
  const ops = new Map<string, Sum>(), lines: { ms: number; text: string }[] = [];
  for (const [line, { ms, count }] of await kinds(program, inputs)) {
    const one: Work = workOf(line), all = { flop: count * one.flop, bytes: count * one.bytes };
    const sum = ops.get(one.op) ?? { ms: 0, count: 0, flop: 0, bytes: 0 };
    ops.set(one.op, {
      ms: sum.ms + ms,
      count: sum.count + count,
      flop: sum.flop + all.flop,
      bytes: sum.bytes + all.bytes,
    });
    lines.push({ ms, text: `${ms.toFixed(3)} ms ${count}x ${rateText(ms, all, ceiling)}  ${line}` });
  }
  const sorted = [...ops].sort(([, a], [, b]) => b.ms - a.ms);
  const total = sorted.reduce((sum, [, { ms }]) => sum + ms, 0);
  fact(`${name}.profile`, total, `ms ${program.tables.instructionCount} instructions`);
  const texts = sorted.map(([op, sum]) => {
    const rate = rateText(sum.ms, sum, ceiling);
    fact(`${name}.op.${op}`, sum.ms, `ms ${sum.count}x ${rate}`);
    return `${op} ${sum.ms.toFixed(2)} (${sum.count}) ${rate}`;
  });
  console.log(`TOP ${name} ms: ${texts.slice(0, top).join(", ")}`);
  if (!logs) return;
  lines.sort((a, b) => b.ms - a.ms);
  Deno.writeTextFileSync(
    `${logs}/profile-${name}.txt`,
    [...texts, ...lines.map(({ text }) => text), ""].join("\n"),
  );
}
