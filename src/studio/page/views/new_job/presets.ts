/** Where people begin: a model, what is trained, how much memory there is. */

import { useState } from "preact/hooks";
import type { FormPreset } from "../../../form/presets.ts";
import { Button, ErrorLine, Field, type FieldTies, html } from "../../parts/mod.ts";
import { useLoaded } from "../../server.ts";
import { newJob } from "../../words/new_job.ts";
import { useWords } from "../../words/mod.ts";
import { valueOf } from "../../value_of.ts";

type Part = "family" | "method" | "memory";
const PARTS: readonly Part[] = ["family", "method", "memory"];

export function Presets({ onUse }: { onUse: (preset: FormPreset) => void }) {
  const words = useWords(newJob), { data, error, reload } = useLoaded<readonly FormPreset[]>("/api/presets");
  const [wanted, setWanted] = useState<Partial<Record<Part, string>>>({});
  if (!data) return html`<${ErrorLine} text=${error} retry=${reload} />`;
  // each choice is among what the ones before it leave; what is not there any more falls to the first that is
  let left = data;
  const choices = PARTS.map((part) => {
    const values = [...new Set(left.map((preset) => preset[part]))];
    const chosen = values.includes(wanted[part] ?? "") ? wanted[part]! : values[0];
    left = left.filter((preset) => preset[part] === chosen);
    return { part, values, chosen };
  });
  return html`
    <div class="preset-row">
      ${choices.map(({ part, values, chosen }) =>
        html`<${Field} key=${part} label=${words[part]}>${(ties: FieldTies) =>
          html`
            <select ...${ties} value=${chosen} onChange=${(event: Event) =>
              setWanted({ ...wanted, [part]: valueOf(event) })}>
              ${values.map((value) => html`<option key=${value} value=${value}>${value}</option>`)}
            </select>
          `}<//>`
      )}
      <${Button} onClick=${() => onUse(left[0])}>${words.usePreset}<//>
    </div>
  `;
}
