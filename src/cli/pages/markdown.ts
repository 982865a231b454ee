/** docs/cli.md from the tables: `deno task docs` writes it, a test finds out when it is stale. */

import { COMMANDS } from "../commands/index.ts";
import {
  choicesText,
  defaultText,
  ENVIRONMENT,
  EXIT_STATUSES,
  loadCommands,
  type LoadedCommand,
  metavar,
  notYetFlags,
  shellLines,
  usage,
} from "./describe.ts";
import type { AnyOption, Group } from "../../options/mod.ts";
import { needsOf, needText } from "../../options/given/required.ts";

/** The whole page. */
export async function commandLinePage(): Promise<string> {
  const commands = await loadCommands(COMMANDS);
  const seen = new Map<string, string>(); // flags of a command as text -> the command that showed them
  return [
    "<!-- Made from the rows of options in src by `deno task docs`; edit those. -->",
    "",
    "# Command line",
    "",
    "    easel COMMAND [FLAGS]",
    "",
    "Flags are spelled as in sd-scripts; dashes work in place of underscores, `--flag=value` in place of",
    "`--flag value`, and any beginning that fits one flag alone. Of a flag given twice the last counts; a flag that",
    "takes a list takes everything up to the next flag. Flags marked *no effect* are accepted because they change",
    "nothing here, and easel says so; flags that are not supported yet are refused by name.",
    "",
    "Whole command lines of sd-scripts work behind `easel`: `easel accelerate launch train_network.py ...`,",
    "`easel python gen_img.py ...`. What accelerate is told about threads, precision and the CPU is the default of",
    "the script's own flags; several processes or GPUs are refused.",
    "",
    "| command | |",
    "| --- | --- |",
    ...commands.map(({ entry }) => `| [${entry.name}](#${entry.name}) | ${cell(entry.summary)} |`),
    "",
    "Exit status:",
    "",
    ...EXIT_STATUSES.map(([status, meaning]) => `- ${status}: ${meaning}`),
    "",
    "Environment:",
    "",
    ...ENVIRONMENT.map(([name, meaning]) => `- \`${name}\`: ${meaning}`),
    "",
    ...commands.flatMap((loaded) => section(loaded, seen)),
  ].join("\n");
}

function section(loaded: LoadedCommand, seen: Map<string, string>): string[] {
  const { entry, command } = loaded;
  const lines = [`## ${entry.name}`, "", `    ${usage(loaded)}`, "", `${entry.summary}.`, ""];
  if (command.about) lines.push(...command.about.split("\n"), "");
  if (command.examples) {
    lines.push(...command.examples.flatMap((line) => shellLines(line, 100)).map((line) => `    ${line}`), "");
  }
  const code = (name: string) => `\`--${name}\``;
  const required = needsOf(command);
  if (required.length) {
    lines.push(`Required: ${required.map((need) => needText(need, code)).join(", ")}.`, "");
  }
  if (command.usual) lines.push(`Usually given: ${command.usual.map(code).join(", ")}.`, "");
  const flags = [...command.groups.flatMap(table), ...notYetLines(loaded)];
  const before = seen.get(flags.join("\n"));
  if (before !== undefined && flags.length) {
    return [...lines, `The flags are those of [${before}](#${before}).`, ""];
  }
  seen.set(flags.join("\n"), entry.name);
  return [...lines, ...flags];
}

function table({ title, rows }: Group): string[] {
  const shown = Object.entries(rows).filter(([, row]) => row.support.kind !== "not yet");
  if (shown.length === 0) return [];
  return [
    `### ${title}`,
    "",
    "| flag | value | default | |",
    "| --- | --- | --- | --- |",
    ...shown.map(([name, row]) =>
      `| \`--${name}\` | ${cell(metavar(row))} | ${cell(defaultText(row.default))} | ${meaning(row)} |`
    ),
    "",
  ];
}

function meaning(row: AnyOption): string {
  const idle = row.support.kind === "no effect" ? ` *No effect: ${cell(row.support.why)}.*` : "";
  const origin = row.origin === "easel"
    ? " *(easel)*"
    : row.origin === "0.9.1"
    ? ""
    : ` *(sd-scripts ${row.origin})*`;
  return `${cell(row.help + choicesText(row))}${origin}${idle}`;
}

function notYetLines({ command }: LoadedCommand): string[] {
  const names = notYetFlags(command);
  if (names.length === 0) return [];
  return ["### Known, but not supported yet", "", names.map((name) => `\`--${name}\``).join(" "), ""];
}

/** Text that may not end a cell or begin markup. */
function cell(text: string): string {
  return text.replace(/[|*_[\]]/g, "\\$&").replaceAll("<", "&lt;");
}
