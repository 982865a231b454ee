/** Completion for bash 4 and newer, without the bash-completion package. */

import type { CompletedCommand, Completes } from "./completed.ts";

export function bashScript(commands: readonly CompletedCommand[]): string {
  const names = commands.map((c) => c.name);
  return `# bash completion for easel; made by: easel completions bash
_easel_files() { # ENDINGS (a|b, or nothing for any): folders and files
  compopt -o filenames 2>/dev/null
  local IFS=$'\\n'
  if [ -n "$1" ]; then
    COMPREPLY=($(compgen -d -- "$cur"; shopt -s extglob; compgen -f -X "!*.@($1)" -- "$cur"))
  else
    COMPREPLY=($(compgen -f -- "$cur"))
  fi
}
_easel_folders() {
  compopt -o filenames 2>/dev/null
  local IFS=$'\\n'
  COMPREPLY=($(compgen -d -- "$cur"))
}
_easel_words() { COMPREPLY=($(compgen -W "$1" -- "$cur")); }
_easel() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command= flag= since=0 i word flags
  COMPREPLY=()
  # "=" is a word of its own: --flag = value
  if [ "$cur" = "=" ]; then cur=; elif [ "$prev" = "=" ]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case $word in
      --*) flag=\${word//-/_} flag=\${flag#__} since=0 ;;
      =) ;;
      *)
        if [ -z "$command" ] || { [ "$command" = plan ] || [ "$command" = help ]; }; then
          [ -z "$flag" ] && command=$word
        else since=$((since + 1)); fi
        ;;
    esac
  done
  case $command in
    "") if [[ $cur == -* ]]; then _easel_words "--help --version"; else _easel_words "${
    names.join(" ")
  } help"; fi; return ;;
    help) _easel_words "${names.join(" ")}"; return ;;
    plan) _easel_words "${commands.filter((c) => c.plans).map((c) => c.name).join(" ")}"; return ;;
  esac
  [[ $cur == -* ]] || case $command:$flag:$since in
${commands.flatMap(valueCases).join("\n")}
  esac
  case $command in
${
    commands.map((c) => `    ${c.name}) flags="${c.flags.map((f) => `--${f.name}`).join(" ")} --help" ;;`)
      .join("\n")
  }
    *) return ;;
  esac
  if [[ $cur == -* ]]; then
    # the user's own spelling: dashes where dashes were begun
    [[ \${cur#--} == *-* ]] && flags=\${flags//_/-}
    _easel_words "$flags"
    return
  fi
  case $command in
${
    commands.filter((c) => c.argument).map((c) => `    ${c.name}) ${action(c.argument!.completes)} ;;`).join(
      "\n",
    )
  }
  esac
}
complete -F _easel easel`;
}

/** "train_network:vae:0) ..." for each flag whose values can be completed, alike ones together. */
function valueCases(command: CompletedCommand): string[] {
  const byAction = new Map<string, string[]>();
  for (const { name, values, completes } of command.flags) {
    if (values === 0) continue;
    const counts = values === Infinity ? ["*"] : Array.from({ length: values }, (_, i) => String(i));
    const text = action(completes);
    byAction.set(text, [...byAction.get(text) ?? [], ...counts.map((n) => `${command.name}:${name}:${n}`)]);
  }
  return [...byAction].map(([text, patterns]) => `    ${patterns.join("|")}) ${text}; return ;;`);
}

function action(completes: Completes): string {
  switch (completes.kind) {
    case "words":
      return `_easel_words "${completes.words.join(" ")}"`;
    case "files":
      return `_easel_files "${completes.endings.join("|")}"`;
    case "folder":
      return "_easel_folders";
    default:
      return ":";
  }
}
