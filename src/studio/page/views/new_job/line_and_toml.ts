/** The same form as the command line that does it and as TOML, each to be edited and copied. */

import { useState } from "preact/hooks";
import { Button, ErrorLine, html, Tabs, tell } from "../../parts/mod.ts";
import { newJob } from "../../words/new_job.ts";
import { useWords } from "../../words/mod.ts";
import { parts } from "../../words/parts.ts";
import type { Editing } from "./draft.ts";
import { valueOf } from "../../value_of.ts";

export function LineAndToml({ editing }: { editing: Editing }) {
  const words = useWords(newJob), [view, setView] = useState<"line" | "toml">("line");
  const tabs = [{ name: "line", title: words.line }, { name: "toml", title: "TOML" }];
  return html`
    <section class="card" aria-label=${words.views}>
      <${Tabs} label=${words.views} tabs=${tabs} chosen=${view} onChoose=${setView}>
        <${TextView} key=${view} view=${view} label=${tabs.find(({ name }) => name === view)!
          .title} editing=${editing} />
        <//>
        </section>
  `;
}

/** While it is edited it shows what was typed; the form follows. */
function TextView({ view, label, editing }: { view: "line" | "toml"; label: string; editing: Editing }) {
  const words = useWords(newJob), shared = useWords(parts), [typed, setTyped] = useState<string | null>(null);
  const text = typed ?? editing.reading?.[view] ?? "", error = editing.errors[view];
  const edit = (event: Event) => {
    const value = valueOf(event);
    setTyped(value);
    editing.edit(view, value);
  };
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    tell({ kind: "done", text: shared.copied });
  };
  return html`
    <div class="stack">
      <textarea class="mono" aria-label=${label} spellcheck=${false} value=${text} onInput=${edit}
        rows=${Math.min(18, Math.max(5, text.split("\n").length + 1))}
        aria-invalid=${error ? "true" : undefined} onBlur=${() => error || setTyped(null)}></textarea>
      <${ErrorLine} text=${error} />
      <div class="row">
        <${Button} icon="copy" onClick=${copy}>${words.copyLine}<//></div>
    </div>
  `;
}
