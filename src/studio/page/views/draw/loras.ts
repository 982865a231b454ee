/** The LoRAs of the form: several, each with its strength. */

import type { Choices } from "../../../draw/shown.ts";
import { Button, html } from "../../parts/mod.ts";
import { stemOf } from "../../path_names.ts";
import { draw } from "../../words/draw.ts";
import { fill, useWords } from "../../words/mod.ts";
import { type Form, type FormLora, type SetForm } from "./form.ts";
import { valueOf } from "../../value_of.ts";

interface Props {
  form: Form;
  set: SetForm;
  choices: Choices;
}

export function Loras({ form: { loras, model }, set, choices }: Props) {
  const words = useWords(draw), family = choices.models.find(({ path }) => path === model)?.family;
  const change = (at: number, next: Partial<FormLora>) =>
    set({ loras: loras.map((lora, i) => i === at ? { ...lora, ...next } : lora) });
  const next = choices.loras.find(({ path }) => loras.every((lora) => lora.path !== path)) ??
    choices.loras[0];
  const row = ({ path, strength }: FormLora, i: number) => {
    const name = stemOf(path), known = choices.loras.find((lora) => lora.path === path);
    const problem = !known
      ? fill(words.notFound, { name })
      : family && known.family && known.family !== family
      ? fill(words.otherFamily, { name, family: known.family })
      : null;
    return html`
      <div class="draw-lora" key=${i}>
        <select aria-label=${fill(words.lora, { n: i + 1 })} value=${path} aria-invalid=${problem
          ? "true"
          : undefined} onChange=${(event: Event) => change(i, { path: valueOf(event) })}>
          ${!known && html`<option value=${path}>${name}</option>`}
          ${choices.loras.map((lora) =>
            html`<option key=${lora.path} value=${lora.path}>${lora.name}</option>`
          )}
        </select>
        <input type="number" step="0.05" min="-10" max="10" aria-label=${fill(words.strength, { name })}
          value=${strength} onInput=${(event: Event) => change(i, { strength: valueOf(event) })} />
        <${Button} kind="quiet" icon="close" label=${fill(words.removeLora, { name })} onClick=${() =>
          set({ loras: loras.filter((_, other) => other !== i) })} />
        ${problem && html`<p class="error">${problem}</p>`}
      </div>
    `;
  };
  return html`
    <fieldset class="stack">
      <legend>${words.loras}</legend>
      ${loras.map(row)}
      <div><${Button} icon="plus" disabled=${!next} onClick=${() =>
        set({ loras: [...loras, { path: next.path, strength: "0.8" }] })}>${words.addLora}<//></div>
    </fieldset>
  `;
}
