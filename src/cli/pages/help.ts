/** Help texts, made from the same rows that the parser reads. */

import type { Command, CommandEntry } from "../command.ts";
import type { AnyOption } from "../../options/mod.ts";
import { firstFlags, flagText, metavar, notYetFlags, shellLines, usage, wrap } from "./describe.ts";

/** Where what a flag does begins. */
const INDENT = 34;

/** As wide as the terminal, within reason; 100 in a pipe. */
function screenWidth(): number {
  try {
    if (Deno.stdout.isTerminal()) return Math.max(70, Math.min(120, Deno.consoleSize().columns - 1));
  } catch { /* no size */ }
  return 100;
}

export function programHelp(commands: readonly CommandEntry[], version: string): string {
  const width = Math.max(...commands.map((c) => c.name.length));
  return [
    `easel ${version}: trains and runs Stable Diffusion models`,
    "",
    "usage: easel COMMAND [FLAGS]",
    "",
    ...commands.map((c) => `  ${c.name.padEnd(width)}  ${c.summary}`),
    "",
    "easel help COMMAND lists the flags of a command; they are spelled as in sd-scripts, dashes work too.",
    "Command lines of sd-scripts work behind easel: easel accelerate launch train_network.py ...",
    "easel --version prints the version.",
  ].join("\n");
}

export function commandHelp(entry: CommandEntry, command: Command, screen = screenWidth()): string {
  const lines = [
    ...wrap(usage({ entry, command }), screen - 7).map((line, i) => (i ? "       " : "usage: ") + line),
    "",
    ...wrap(`${entry.summary}.`, screen),
  ];
  if (command.about) lines.push("", ...command.about.split("\n").flatMap((line) => wrap(line, screen)));
  if (command.examples) {
    const shown = command.examples.flatMap((line) => shellLines(line, screen - 2));
    lines.push("", "Examples:", ...shown.map((line) => `  ${line}`));
  }
  for (const { title, lines: rows } of firstFlags(command)) {
    lines.push("", `${title}:`, ...rows.flatMap(({ name, row, more }) => flagLines(name, row, screen, more)));
  }
  for (const { title, rows } of command.groups) {
    const shown = Object.entries(rows).filter(([, row]) => row.support.kind !== "not yet");
    if (shown.length) {
      lines.push(
        "",
        `${title}:`,
        ...shown.flatMap(([name, row]) => flagLines(name, row, screen)),
      );
    }
  }
  const notYet = notYetFlags(command).map((name) => `--${name}`);
  if (notYet.length) {
    lines.push(
      "",
      "Known, but not supported yet:",
      ...wrap(notYet.join(" "), screen - 2).map((l) => `  ${l}`),
    );
  }
  return lines.join("\n");
}

function flagLines(name: string, row: AnyOption, screen: number, more = ""): string[] {
  const head = `  --${name} ${metavar(row)}`.trimEnd();
  const body = wrap(`${flagText(row)}${more}`, screen - INDENT);
  const indented = (l: string) => " ".repeat(INDENT) + l;
  if (head.length + 2 <= INDENT) return [head.padEnd(INDENT) + body[0], ...body.slice(1).map(indented)];
  return [head, ...body.map(indented)];
}
