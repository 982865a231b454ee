/** easel studio [FOLDER...]: the table of commands for the studio's forms, and the link for the user. */

import { UsageError } from "../../base/errors.ts";
import { counted, listed } from "../../base/phrases.ts";
import { ROOT, UNPACKED } from "../../base/root.ts";
import { removeMadeFolders } from "../../options/paths.ts";
import { automationOptions } from "../../options/shared.ts";
import { SHORTEST_TOKEN, studioOptions } from "../../studio/options.ts";
import type { Catalogue } from "../../studio/studio.ts";
import { parseArgs } from "../../options/given/parse.ts";
import { prepare } from "../front/run_command.ts";
import { command, type CommandEntry } from "../command.ts";
import { print } from "../screen/output.ts";

export const studio = (commands: readonly CommandEntry[]) =>
  command({
    groups: [studioOptions, automationOptions],
    positionals: ["[FOLDER...]"],
    completes: "folder",
    about: [
      "Prints a link to a page on this machine: prepare, start, watch and judge trainings and pictures.",
      "The page sees the folders that are named, the current one where none is, and nothing else.",
      "Jobs go on when it ends (Ctrl-C), and the next one finds them. docs/studio.md shows it all.",
    ].join("\n"),
    examples: ["easel studio", "easel studio ~/loras ~/pictures --port 8080 --no_open"],
    stopping: "the page ends; jobs that run go on",
    check({ values: { listen, token, open, noOpen } }) {
      if (token !== null && token.length < SHORTEST_TOKEN) {
        throw new UsageError(`--token is too short to be safe; give at least ${SHORTEST_TOKEN} characters`);
      }
      if (listen !== null && !isLoopback(listen) && token === null) {
        throw new UsageError(`--listen ${listen} lets others in; give a --token of your own with it`);
      }
      if (open && noOpen) throw new UsageError(`${listed(["--open", "--no_open"])} exclude each other`);
    },
    async run({ values, positionals }, context) {
      const { pageFolder } = await import("../../studio/bundle_page.ts");
      const { openServer } = await import("../../studio/server/open_server.ts");
      const { openBrowser } = await import("../../studio/open_browser.ts");
      const { link, home, finished } = openServer({
        config: values,
        folders: positionals.length ? positionals : ["."],
        catalogue: catalogueOf(commands),
        launch: launchWords(),
        page: await pageFolder(),
        signal: context.signal,
        report: (line) => context.warn(line),
      });
      context.emit({ event: "studio", link, home });
      if (!values.json) print(link);
      if (!values.noOpen && !openBrowser(link, values.open) && values.open) {
        context.warn("no browser could be started; open the link by hand");
      }
      const left = await finished;
      if (left > 0) context.log(`${counted(left, "job")} go on; easel studio on the same folder shows them`);
    },
  });

function isLoopback(address: string): boolean {
  return /^(localhost|127(\.\d+){3}|::1)$/.test(address);
}

export function catalogueOf(commands: readonly CommandEntry[]): Catalogue {
  return {
    names: commands.map(({ name, summary }) => ({ name, summary })),
    async load(name) {
      const entry = commands.find((entry) => entry.name === name);
      if (!entry) throw new UsageError(`${name} is not a command`);
      const loaded = await entry.load();
      const { groups, positionals = [], required = [], usual = [], about = "", plan } = loaded;
      const check = (words: readonly string[]) => {
        try {
          const { warnings, notes } = prepare(loaded, parseArgs(words, groups, positionals), {}, name);
          return [...warnings, ...notes];
        } finally {
          removeMadeFolders();
        }
      };
      const { summary } = entry, plans = plan !== undefined;
      return { name, summary, groups, positionals, required, usual, about, plans, check };
    },
  };
}

/** What starts this easel as another process. */
function launchWords(): string[] {
  if (UNPACKED) return [Deno.env.get("EASEL_PROGRAM") ?? Deno.execPath()];
  return [
    Deno.execPath(),
    "run",
    "--quiet",
    "-A",
    "--no-prompt",
    "--config",
    `${ROOT}/deno.json`,
    `${ROOT}/main.ts`,
  ];
}
