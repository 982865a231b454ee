/** easel completions SHELL. */

import { UsageError } from "../../base/errors.ts";
import { listed } from "../../base/phrases.ts";
import { command, type CommandEntry } from "../command.ts";
import { print } from "../screen/output.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

export const completions = (commands: readonly CommandEntry[]) =>
  command({
    groups: [],
    positionals: ["SHELL"],
    completes: SHELLS,
    about: [
      "SHELL is bash, zsh or fish. Commands, flags, their choices and files of the right kind are completed.",
      'bash: a line in ~/.bashrc: eval "$(easel completions bash)"',
      "zsh: easel completions zsh > ~/.zsh/_easel, with fpath=(~/.zsh $fpath) before compinit in ~/.zshrc",
      "fish: easel completions fish > ~/.config/fish/completions/easel.fish",
    ].join("\n"),
    examples: ['eval "$(easel completions bash)"', "easel completions zsh > _easel"],
    check: ({ positionals: [shell] }) => {
      if (!(SHELLS as readonly string[]).includes(shell)) {
        throw new UsageError(`${shell}: there are completions for ${listed(SHELLS)}`);
      }
    },
    async run({ positionals: [shell] }) {
      const { completionScript } = await import("../completions/mod.ts");
      print(await completionScript(commands, shell as typeof SHELLS[number]));
    },
  });
