/** `#/new`: what there is to do; `#/new/COMMAND`: its form; `#/new/COMMAND/VALUES`: with values from another view, as JSON. */

import { useEffect, useState } from "preact/hooks";
import type { Form } from "../../form/form.ts";
import { Button, ErrorLine, Field, type FieldTies, html, ViewHead } from "../parts/mod.ts";
import { go, href } from "../router.ts";
import { useLoaded } from "../server.ts";
import { frame } from "../words/frame.ts";
import { newJob } from "../words/new_job.ts";
import { useWords } from "../words/mod.ts";
import { EMPTY, lastCommand, type Reading, setWorking, type Texts, workingDraft } from "./new_job/draft.ts";
import { Editor } from "./new_job/editor.ts";
import { PasteDialog } from "./new_job/paste_dialog.ts";
import { Presets } from "./new_job/presets.ts";
import { valueOf } from "../value_of.ts";

interface Commands {
  readonly commands: readonly { readonly name: string; readonly summary: string }[];
}

/** What `plan` and the studio itself do is on this page already. */
const HERE = ["plan", "studio", "completions", "man"];

export function NewJob({ rest }: { rest: readonly string[] }) {
  const [command = "", values] = rest, names = useWords(frame), words = useWords(newJob);
  const [pasting, setPasting] = useState(false), [round, setRound] = useState(0);
  const { data } = useLoaded<Commands>("/api/studio");
  const shown = data?.commands.filter(({ name }) => !HERE.includes(name)) ?? [];
  useEffect(() => {
    if (values === undefined) return;
    setWorking(command, { ...EMPTY, values: given(values) });
    location.replace(href("new", command));
  }, [command, values]);
  const read = ({ command: named, draft }: Reading) => {
    setPasting(false);
    setWorking(named, draft);
    setRound(round + 1); // a form of the same command is drawn anew
    go("new", named);
  };
  const choose = (event: Event) => {
    const chosen = valueOf(event);
    setWorking(chosen, workingDraft(command));
    go("new", chosen);
  };
  return html`
    <${ViewHead} title=${command || names.new}>
      ${command && html`
        <select aria-label=${words.command} value=${command} onChange=${choose}>
          ${shown.map(({ name }) => html`<option key=${name} value=${name}>${name}</option>`)}
        </select>
      `}
      <${Button} icon="upload" onClick=${() => setPasting(true)}>${words.paste}<//>
    <//>
    ${command && values === undefined
      ? html`<${Loaded} key=${`${command} ${round}`} command=${command} />`
      : html`<${Beginning} commands=${shown} />`}
    ${pasting &&
      html`<${PasteDialog} command=${
        command || (lastCommand() ?? "train_network")
      } onRead=${read} onClose=${() => setPasting(false)} />`}
  `;
}

/** Of the address; what is no such thing is nothing. */
function given(text: string): Record<string, Texts> {
  try {
    const entries = Object.entries(JSON.parse(text)).filter(([, value]) =>
      typeof value === "string" || value === true ||
      Array.isArray(value) && value.every((item) => typeof item === "string")
    );
    return Object.fromEntries(entries) as Record<string, Texts>;
  } catch {
    return {};
  }
}

function Loaded({ command }: { command: string }) {
  const { data, error, reload } = useLoaded<Form>(`/api/form/${encodeURIComponent(command)}`);
  if (!data) return html`<${ErrorLine} text=${error} retry=${reload} />`;
  return html`<${Editor} form=${data} />`;
}

function Beginning({ commands }: { commands: Commands["commands"] }) {
  const words = useWords(newJob), [search, setSearch] = useState("");
  const found = commands.filter(({ name, summary }) =>
    `${name} ${summary}`.toLowerCase().includes(search.toLowerCase())
  );
  const use = (preset: { command: string; values: Readonly<Record<string, Texts>> }) => {
    setWorking(preset.command, { ...EMPTY, values: preset.values });
    go("new", preset.command);
  };
  return html`
    <div class="stack">
      <section class="card stack">
        <h2>${words.presets}</h2>
        <p class="hint">${words.presetsHint}</p>
        <${Presets} onUse=${use} />
      </section>
      <section class="card stack">
        <h2>${words.commands}</h2>
        <${Field} label=${words.what}>${(ties: FieldTies) =>
          html`
            <input ...${ties} type="search" value=${search}
              onInput=${(event: Event) => setSearch(valueOf(event))} />
          `}<//>
        <ul class="command-list">${found.map(({ name, summary }) =>
          html`<li key=${name}><a href=${
            href("new", name)
          }><b>${name}</b><span lang="en">${summary}</span></a></li>`
        )}</ul>
      </section>
    </div>
  `;
}
