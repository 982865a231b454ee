/** Completion for fish 3 and newer. */

import type { CompletedCommand, CompletedFlag, Completes } from "./completed.ts";

export function fishScript(commands: readonly CompletedCommand[]): string {
  const names = commands.map((c) => c.name);
  const lines = [
    "# fish completion for easel; made by: easel completions fish",
    "function __easel_after -d 'Whether the last flag is one of the arguments'",
    "  for word in (commandline -opc)[-1..1]",
    "    if string match -q -- '--*' $word; contains -- $word $argv; return; end",
    "  end",
    "  return 1",
    "end",
    "complete -c easel -f",
    ...commands.map((c) => `complete -c easel -n __fish_use_subcommand -a ${c.name} -d ${quoted(c.summary)}`),
    "complete -c easel -n __fish_use_subcommand -a help -d 'Lists the commands, or the flags of a command'",
    "complete -c easel -n __fish_use_subcommand -l version -d 'Prints the version'",
    `complete -c easel -n '__fish_seen_subcommand_from help' -a ${quoted(names.join(" "))}`,
    `complete -c easel -n '__fish_seen_subcommand_from plan; and not __fish_seen_subcommand_from ${
      planned(commands).join(" ")
    }' -a ${quoted(planned(commands).join(" "))}`,
  ];
  for (const { name, flags, argument } of commands) {
    const when = `-n '__fish_seen_subcommand_from ${name}; and not __fish_seen_subcommand_from help'`;
    lines.push(...flags.map((flag) => `complete -c easel ${when} ${flagPart(flag)}`));
    for (
      const list of flags.filter((flag) => flag.values === Infinity && flag.completes.kind !== "unknown")
    ) {
      // fish knows of one value for a flag: here are the further ones
      const inList = `-n '__fish_seen_subcommand_from ${name}; and __easel_after --${list.name}'`;
      lines.push(`complete -c easel ${inList} ${values(list.completes)}`);
    }
    if (argument) lines.push(`complete -c easel ${when} ${values(argument.completes)}`);
  }
  return lines.join("\n");
}

const planned = (commands: readonly CompletedCommand[]) => commands.filter((c) => c.plans).map((c) => c.name);

function flagPart({ name, help, values: count, completes }: CompletedFlag): string {
  const value = count === 0 ? "" : completes.kind === "unknown" ? " -x" : ` -r ${values(completes)}`;
  return `-l ${name} -d ${quoted(help)}${value}`;
}

function values(completes: Completes): string {
  switch (completes.kind) {
    case "words":
      return `-f -a ${quoted(completes.words.join(" "))}`;
    case "folder":
      return "-f -a '(__fish_complete_directories)'";
    case "files":
      if (completes.endings.length === 0) return "-F";
      return `-f -a '(${completes.endings.map((ending) => `__fish_complete_suffix .${ending}`).join("; ")})'`;
    default:
      return "-f";
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
