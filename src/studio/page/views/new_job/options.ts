/** All options of a command: what it needs, what most people give, then the groups of its help. */

import { useState } from "preact/hooks";
import type { Form, FormField } from "../../../form/form.ts";
import { Button, Field, type FieldTies, html } from "../../parts/mod.ts";
import { newJob } from "../../words/new_job.ts";
import { fill, useWords } from "../../words/mod.ts";
import { type Editing, problemOf } from "./draft.ts";
import { OptionField } from "./option_field.ts";
import { valueOf } from "../../value_of.ts";

interface OptionsProps {
  form: Form;
  editing: Editing;
}

export function Options({ form, editing }: OptionsProps) {
  const words = useWords(newJob), [search, setSearch] = useState(""), [onlySet, setOnlySet] = useState(false);
  const all = new Map(
    form.groups.flatMap(({ fields }) => fields.map((field) => [field.name, field] as const)),
  );
  const needed = form.needed.map(({ name }) => name),
    usual = form.usual.filter((name) => !needed.includes(name));
  const isSet = (name: string) => Object.hasOwn(editing.draft.values, name);
  const wanted = (field: FormField | undefined) =>
    field !== undefined && (!onlySet || isSet(field.name)) && fits(field, search) &&
    (field.support !== "not yet" || isSet(field.name) || search !== "");
  const top = (title: string, names: readonly string[]) => ({
    title,
    fields: names.map((name) => all.get(name)!).filter(wanted),
    open: true,
  });
  const groups = form.groups.map(({ title, fields }) => ({
    title,
    fields: fields.filter((field) =>
      wanted(field) && !needed.includes(field.name) && !usual.includes(field.name)
    ),
    open: search !== "" || onlySet,
  }));
  const shown = [top(words.required, needed), top(words.usual, usual), ...groups].filter(({ fields }) =>
    fields.length > 0
  );
  const filter = (event: Event) => setSearch(valueOf(event));
  return html`
    <div class="stack">
      <div class="option-tools">
        <${Field} label=${words.search}>${(ties: FieldTies) =>
          html`<input ...${ties} type="search" value=${search} onInput=${filter} />`}<//>
        <${Button} pressed=${onlySet} onClick=${() => setOnlySet(!onlySet)}>${words.onlySet}<//>
      </div>
      ${form.positionals.length > 0 && !search &&
        html`<${Arguments} names=${form.positionals} editing=${editing} />`}
      ${shown.map(({ title, fields, open }, i) =>
        html`
          <${Section} key=${`${title}${i}`} title=${title} fields=${fields} open=${open} form=${form}
            editing=${editing} />
        `
      )}
      ${shown.length === 0 && (search || onlySet) && html`<p class="muted">${words.nothingFound}</p>`}
      <${Unknown} editing=${editing} />
    </div>
  `;
}

/** By name, with dashes too, and by what it does. */
function fits({ name, help }: FormField, search: string): boolean {
  const text = `${name} ${help}`.toLowerCase();
  return search.toLowerCase().replace(/^--/, "").split(/\s+/).every((word) =>
    text.includes(word) || text.includes(word.replaceAll("-", "_"))
  );
}

interface SectionProps extends OptionsProps {
  title: string;
  fields: readonly FormField[];
  open: boolean;
}

/** What is closed is not drawn: a training has three hundred options. */
function Section({ title, fields, open, form, editing }: SectionProps) {
  const words = useWords(newJob), [opened, setOpened] = useState(open), shown = open || opened;
  const given = fields.filter(({ name }) => Object.hasOwn(editing.draft.values, name)).length;
  const instead = (name: string) => form.needed.find((need) => need.name === name)?.inPlaceOf;
  const problem = (name: string) => {
    const found = problemOf(editing, name);
    return found ? found.missing ? words.missing : found.message : null;
  };
  const wrong = fields.filter(({ name }) => problem(name) !== null).length;
  const toggle = (event: Event) => setOpened((event.currentTarget as HTMLDetailsElement).open);
  return html`
    <details class="card options" open=${shown} onToggle=${toggle}>
      <summary><h2>${title}</h2>
        ${given > 0 && html`<span class="badge accent">${fill(words.given, { n: given })}</span>`}
        ${wrong > 0 && html`<span class="badge bad">${fill(words.wrong, { n: wrong })}</span>`}
      </summary>
      ${shown && html`<div class="option-grid">${
        fields.map((field) =>
          html`
            <${OptionField} key=${field.name} field=${field} value=${editing.draft.values[field.name]}
              error=${problem(field.name)} inPlaceOf=${instead(field.name)}
              onChange=${(value: never) => editing.set(field.name, value)} />
          `
        )
      }</div>`}
    </details>
  `;
}

/** Arguments that are no flags, named in capitals as in the help; the last may take several. */
function Arguments({ names, editing }: { names: readonly string[]; editing: Editing }) {
  const words = useWords(newJob), { draft } = editing;
  const set = (i: number, texts: readonly string[]) => {
    const last = names.length - 1, all = [...draft.positionals];
    while (all.length < i) all.push("");
    all.splice(i, i === last ? Infinity : 1, ...texts);
    while (all.at(-1) === "") all.pop();
    editing.change({ ...draft, positionals: all });
  };
  return html`
    <section class="card option-grid">${names.map((written, i) => {
      const many = written.endsWith("..."), name = written.replace("...", "");
      const texts = many ? draft.positionals.slice(i) : draft.positionals.slice(i, i + 1);
      const problem = problemOf(editing, name);
      const error = problem?.missing ? words.missing : problem?.message;
      const typed = (event: Event) => set(i, valueOf(event).split(many ? "\n" : /$^/));
      return html`<${Field} key=${name} label=${name} hint=${
        many ? words.oneALine : undefined
      } error=${error}>${(ties: FieldTies) =>
        html`
          <textarea ...${ties} rows=${Math.max(1, texts.length)} spellcheck=${false} value=${texts.join("\n")}
            onInput=${typed}></textarea>
        `}<//>`;
    })}</section>
  `;
}

function Unknown({ editing }: { editing: Editing }) {
  const words = useWords(newJob), { draft } = editing, names = Object.keys(draft.unknown);
  if (names.length === 0) return null;
  const remove = (name: string) => {
    const { [name]: _, ...unknown } = draft.unknown;
    editing.change({ ...draft, unknown });
  };
  return html`
    <details class="card options" open=${names.length < 12}>
      <summary><h2>${words.unknown}</h2><span class="badge warn">${names.length}</span></summary>
      <p class="hint">${words.unknownHint}</p>
      <ul class="unknown-list">${names.map((name) =>
        html`<li key=${name}><code><bdi>${name}</bdi> = <bdi>${draft.unknown[name]}</bdi></code>
          <${Button} kind="quiet" icon="close" label=${fill(words.removeUnknown, { name })} onClick=${() =>
          remove(name)} /></li>`
      )}</ul>
      <${Button} onClick=${() => editing.change({ ...draft, unknown: {} })}>${words.removeAll}<//>
    </details>
  `;
}
