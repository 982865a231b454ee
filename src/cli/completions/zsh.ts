/** Completion for zsh, as a function file for fpath; it also works when sourced after compinit. */

import type { CompletedCommand, CompletedFlag, Completes } from "./completed.ts";

export function zshScript(commands: readonly CompletedCommand[]): string {
  return `#compdef easel
# zsh completion for easel; made by: easel completions zsh
_easel_commands() {
  local -a commands=(
${commands.map((c) => `    ${quoted(`${c.name}:${c.summary}`)}`).join("\n")}
    'help:Lists the commands, or the flags of a command'
  )
  _describe command commands
}
_easel_run() {
  case $words[1] in
    help) _arguments '1:command:_easel_commands' ;;
    plan)
      if (( CURRENT == 2 )); then
        local -a planned=(${commands.filter((c) => c.plans).map((c) => c.name).join(" ")})
        _describe command planned
      else
        shift words
        (( CURRENT-- ))
        _easel_run
      fi
      ;;
${commands.filter((c) => c.name !== "plan").map(commandCase).join("\n")}
  esac
}
_easel() {
  if (( CURRENT == 2 )); then
    if [[ $words[2] == -* ]]; then _arguments '--help[Lists the commands]' '--version[Prints the version]'
    else _easel_commands; fi
  else
    shift words
    (( CURRENT-- ))
    _easel_run
  fi
}
if [[ $funcstack[1] == _easel ]]; then _easel "$@"; else compdef _easel easel; fi`;
}

function commandCase({ name, flags, argument }: CompletedCommand): string {
  const specs = [...flags.map(flagSpec), "'--help[Shows the flags]'"];
  if (argument) specs.push(quoted(`*:${argument.name}:${action(argument.completes)}`));
  return `    ${name}) _arguments \\\n${specs.map((spec) => `      ${spec}`).join(" \\\n")} ;;`;
}

function flagSpec({ name, help, metavar, values, completes }: CompletedFlag): string {
  const text = `[${help.replace(/[\\[\]]/g, "\\$&")}]`;
  if (values === 0) return quoted(`*--${name}${text}`);
  if (values === Infinity) return quoted(`*--${name}${text}:*-*:${metavar}:${action(completes)}`);
  const each = `:${metavar}:${action(completes)}`.repeat(values);
  return quoted(`*--${name}${values === 1 ? "=" : ""}${text}${each}`);
}

function action(completes: Completes): string {
  switch (completes.kind) {
    case "words":
      return `(${completes.words.join(" ")})`;
    case "folder":
      return "_files -/";
    case "files":
      return completes.endings.length ? `_files -g "*.(${completes.endings.join("|")})(-.)"` : "_files";
    default:
      return " ";
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
