/** Help texts, made from the same rows that the parser reads. */

import type { Command } from "./command.ts";
import type { CommandEntry } from "./commands/index.ts";
import type { AnyFlag, Value } from "./flag.ts";

const WIDTH = 100;

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
    "easel --version prints the version.",
  ].join("\n");
}

export function commandHelp(entry: CommandEntry, command: Command): string {
  const args = (command.positionals ?? []).map((name) => ` ${name}`).join("");
  const lines = [
    `usage: easel ${entry.name}${args}${command.families.length ? " [FLAGS]" : ""}`,
    "",
    `${entry.summary}.`,
  ];
  if (command.about) lines.push("", ...command.about.split("\n"));
  const notYet: string[] = [];
  for (const { title, flags } of command.families) {
    const rows: string[] = [];
    for (const [name, row] of Object.entries(flags)) {
      if (row.support.kind === "not yet") notYet.push(`--${name}`);
      else rows.push(...flagLines(name, row));
    }
    if (rows.length) lines.push("", `${title}:`, ...rows);
  }
  if (notYet.length) {
    lines.push(
      "",
      "Known, but not supported yet:",
      ...wrap(notYet.join(" "), WIDTH - 2).map((l) => `  ${l}`),
    );
  }
  return lines.join("\n");
}

function flagLines(name: string, row: AnyFlag): string[] {
  const head = `  --${name}${metavar(row)}`;
  const standard = defaultText(row.default);
  let text = row.help + (standard ? ` (default ${standard})` : "");
  if (row.support.kind === "no effect") text += "; has no effect here";
  const indent = 34;
  const body = wrap(text, WIDTH - indent);
  if (head.length + 2 <= indent) {
    return [
      head.padEnd(indent) + body[0],
      ...body.slice(1).map((l) => " ".repeat(indent) + l),
    ];
  }
  return [head, ...body.map((l) => " ".repeat(indent) + l)];
}

function metavar(row: AnyFlag): string {
  if (row.type === "flag") return "";
  if (row.choices && row.choices.join("|").length <= 40) return ` ${row.choices.join("|")}`;
  const word = { str: "TEXT", int: "N", float: "X", int_or_float: "N|SHARE", Path: "PATH" }[row.type];
  return row.nargs === null
    ? ` ${word}`
    : row.nargs === "*"
    ? ` [${word} ...]`
    : ` ${Array(row.nargs).fill(word).join(" ")}`;
}

/** As it would be typed; nothing for unset flags. */
function defaultText(value: Value): string {
  if (value === null || value === false || value === "") return "";
  if (typeof value === "object" && "steps" in value) return String(value.steps);
  return String(value);
}

function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines[lines.length - 1];
    if (line && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line ? `${line} ${word}` : word;
  }
  return lines;
}
