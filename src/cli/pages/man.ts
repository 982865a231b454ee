/** The manual page (man(7) macros) from the same tables as the help. */

import type { CommandEntry } from "../command.ts";
import {
  ENVIRONMENT,
  EXIT_STATUSES,
  flagText,
  loadCommands,
  type LoadedCommand,
  metavar,
  notYetFlags,
  shellLines,
  usage,
} from "./describe.ts";
import { needsOf, needText } from "../../options/given/required.ts";
import { VERSION } from "../screen/version.ts";

/** easel.1, whole. */
export async function manPage(entries: readonly CommandEntry[]): Promise<string> {
  const commands = await loadCommands(entries);
  const seen = new Map<string, string>();
  return [
    `.TH EASEL 1 "" "easel ${VERSION}" "User Commands"`,
    ".ad l", // a line may hold nothing but half an address, which cannot be spread
    ".SH NAME",
    "easel \\- train and run Stable Diffusion models",
    ".SH SYNOPSIS",
    ".B easel",
    ".I COMMAND",
    "[\\fIFLAGS\\fR]",
    ".SH DESCRIPTION",
    text(
      "easel trains LoRAs and whole models and draws pictures, with the commands, flags, dataset folders and files of " +
        "sd-scripts. Dashes work in place of underscores in flags, --flag=value in place of --flag value. " +
        "Results go to standard output, everything about the work to standard error.",
    ),
    ".SH COMMANDS",
    ...commands.flatMap((loaded) => section(loaded, seen)),
    ".SH EXIT STATUS",
    ...EXIT_STATUSES.flatMap(([status, meaning]) => [".TP", `.B ${status}`, text(meaning)]),
    ".SH ENVIRONMENT",
    ...ENVIRONMENT.flatMap(([name, meaning]) => [".TP", `.B ${text(name)}`, text(meaning)]),
    ".SH EXAMPLES",
    ".nf",
    ...commands.flatMap(({ command }) => command.examples ?? []).flatMap((line) => shellLines(line, 74)).map(
      text,
    ),
    ".fi",
  ].join("\n");
}

function section(loaded: LoadedCommand, seen: Map<string, string>): string[] {
  const { entry, command } = loaded;
  const lines = [`.SS ${text(usage(loaded))}`, text(`${entry.summary}.`)];
  if (command.about) lines.push(...command.about.split("\n").flatMap((line) => [".PP", text(line)]));
  const named = (name: string) => `--${name}`;
  const required = needsOf(command);
  if (required.length) {
    const needs = required.map((need) => needText(need, named));
    lines.push(".PP", text(`Required: ${needs.join(", ")}.`));
  }
  if (command.usual) lines.push(".PP", text(`Usually given: ${command.usual.map(named).join(", ")}.`));
  const flags = command.groups.flatMap(({ title, rows }) => {
    const shown = Object.entries(rows).filter(([, row]) => row.support.kind !== "not yet");
    if (shown.length === 0) return [];
    return [
      ".PP",
      text(`${title}:`),
      ...shown.flatMap(([name, row]) => [
        ".TP",
        `.BR \\-\\-${text(name)}${metavar(row) ? ` " ${text(metavar(row))}"` : ""}`,
        text(flagText(row)),
      ]),
    ];
  });
  if (flags.length === 0) return lines;
  const notYet = notYetFlags(command);
  if (notYet.length) {
    flags.push(".PP", text(`Known, but not supported yet: ${notYet.map((name) => `--${name}`).join(" ")}`));
  }
  const before = seen.get(flags.join("\n"));
  if (before !== undefined) return [...lines, ".PP", text(`The flags are those of ${before}.`)];
  seen.set(flags.join("\n"), entry.name);
  return [...lines, ...flags];
}

/** A line that roff sets as it is: backslashes, hyphens to copy, quotes, and no request at its start. */
function text(line: string): string {
  const escaped = line.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll('"', "\\(dq").replaceAll(
    "'",
    "\\(aq",
  )
    .replaceAll("`", "\\(ga").replaceAll("^", "\\(ha").replaceAll("~", "\\(ti");
  // addresses may be broken behind their slashes
  const broken = escaped.replace(/\S{40,}/g, (word) => word.replaceAll("/", "/\\:"));
  return /^[.]/.test(broken) ? `\\&${broken}` : broken;
}
