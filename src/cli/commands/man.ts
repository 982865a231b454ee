/** easel man: the manual page. */

import { command, type CommandEntry } from "../command.ts";
import { print } from "../screen/output.ts";

export const man = (commands: readonly CommandEntry[]) =>
  command({
    groups: [],
    about: "In the format of man: easel man > easel.1, then man ./easel.1.",
    examples: ["easel man > easel.1"],
    async run() {
      const { manPage } = await import("../pages/man.ts");
      print(await manPage(commands));
    },
  });
