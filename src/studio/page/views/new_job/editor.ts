/** One command's form with its other views, what is wrong, what it would take, and the start. */

import { useEffect, useState } from "preact/hooks";
import type { Form } from "../../../form/form.ts";
import { Button, ErrorLine, html, tell, tellError } from "../../parts/mod.ts";
import { folderOf } from "../../path_names.ts";
import { go, href } from "../../router.ts";
import { post } from "../../server.ts";
import { newJob } from "../../words/new_job.ts";
import { fill, useWords } from "../../words/mod.ts";
import { addSecrets, type Editing, isUntouched, type Problem, setWorking, useDraft } from "./draft.ts";
import { LineAndToml } from "./line_and_toml.ts";
import { Options } from "./options.ts";
import { PlanCard } from "./plan_card.ts";
import { Presets } from "./presets.ts";

export function Editor({ form }: { form: Form }) {
  const words = useWords(newJob), editing = useDraft(form.name, (command) => go("new", command));
  const folder = editing.draft.values.train_data_dir;
  useEffect(() => addSecrets(form), [form]);
  const usePreset = (
    preset: { command: string; values: Readonly<Record<string, string | boolean | readonly string[]>> },
  ) => {
    const draft = { ...editing.draft, values: { ...editing.draft.values, ...preset.values } };
    tell({ kind: "done", text: words.presetUsed });
    if (preset.command === form.name) return editing.change(draft);
    setWorking(preset.command, draft);
    go("new", preset.command);
  };
  return html`
    <div class="new-job">
      <div class="stack">
        ${form.about && html`<p class="muted" lang="en">${form.about}</p>`}
        <details class="card options"><summary><h2>${words.presets}</h2></summary>
          <p class="hint">${words.presetsHint}</p>
          <${Presets} onUse=${usePreset} />
        </details>
        <${ErrorLine} text=${editing.errors.draft} retry=${() => editing.change(editing.draft)} />
        ${typeof folder === "string" && folder !== "" && html`
          <p><a href=${href("dataset", folder)}>${words.pictures}</a></p>
        `}
        <${Options} form=${form} editing=${editing} />
      </div>
      <div class="stack beside">
        <${Verdict} form=${form} editing=${editing} />
        <${LineAndToml} editing=${editing} />
        ${form.plans && html`<${PlanCard} command=${form.name} editing=${editing} />`}
      </div>
    </div>
  `;
}

function Verdict({ form, editing }: { form: Form; editing: Editing }) {
  const words = useWords(newJob), { reading, settled } = editing, [busy, setBusy] = useState(false);
  const problems = reading?.problems ?? [], right = settled && problems.length === 0;
  const start = async () => {
    setBusy(true);
    try {
      await post("/api/jobs", { command: form.name, args: reading!.args });
      tell({ kind: "done", text: words.queued });
      go("queue");
    } catch (error) {
      tellError(error);
      setBusy(false);
    }
  };
  return html`
    <section class="card stack" aria-label=${words.problems}>
      <div class="row">
        ${form.queues
          ? html`
            <${Button} kind="primary" icon="play" busy=${busy} disabled=${!right}
              onClick=${start}>${words.start}<//>
          `
          : html`<p class="muted">${words.noQueue}</p>`}
        <span role="status" class="muted">${right
          ? words.allRight
          : reading && problems.length && !isUntouched(editing.draft)
          ? `${words.problems}: ${problems.length}`
          : ""}</span>
      </div>
      ${problems.length > 0 &&
        html`<ul class=${`problem-list ${isUntouched(editing.draft) ? "untouched" : ""}`}>${
          problems.map((problem) =>
            html`<${ProblemLine} key=${problem.message} problem=${problem} editing=${editing} />`
          )
        }</ul>`}
      ${reading && reading.notes.length > 0 && html`
        <details>
          <summary>${words.notes} (${reading.notes.length})</summary>
          <ul class="problem-list">${reading.notes.map((note) =>
            html`<li key=${note} class="hint" lang="en">${note}</li>`
          )}</ul>
        </details>
      `}
    </section>
  `;
}

/** Leads to the field; a path outside of the studio's folders can be let in here. */
function ProblemLine({ problem, editing }: { problem: Problem; editing: Editing }) {
  const words = useWords(newJob), [field] = problem.fields, { outside } = problem;
  const show = () => {
    const input = document.querySelector(
      `[data-option="${CSS.escape(field)}"] :is(input, select, textarea)`,
    ) as HTMLElement | null;
    input?.closest("details")?.setAttribute("open", "");
    input?.focus();
  };
  const parent = folderOf(outside ?? "") || "/";
  const add = async () => {
    try {
      await post("/api/folders", { path: parent });
      editing.change(editing.draft);
    } catch (error) {
      tellError(error);
    }
  };
  return html`
    <li lang="en">
      ${field
        ? html`<button type="button" class="problem" onClick=${show}>${problem.message}</button>`
        : problem.message}
      ${outside &&
        html`<${Button} icon="folder" onClick=${add}>${fill(words.addFolder, { path: parent })}<//>`}
    </li>
  `;
}
