/** The form: what is drawn, and with what. */

import type { Choices } from "../../../draw/shown.ts";
import { Button, Field, html } from "../../parts/mod.ts";
import type { FieldTies } from "../../parts/mod.ts";
import { draw } from "../../words/draw.ts";
import { useWords } from "../../words/mod.ts";
import type { Form, SeedKind, SetForm } from "./form.ts";
import { Loras } from "./loras.ts";
import { valueOf } from "../../value_of.ts";

interface Props {
  form: Form;
  set: SetForm;
  choices: Choices & { readonly samplers: readonly string[] };
  onDraw: () => void;
}

export function SettingsForm({ form, set, choices, onDraw }: Props) {
  const words = useWords(draw);
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    onDraw();
  };
  const number = (name: keyof Form, label: string, limits: Record<string, string | number>) =>
    html`
      <${Field} label=${label}>${(ties: FieldTies) =>
        html`
          <input ...${ties} type="number" ...${limits} value=${form[name]} onInput=${(event: Event) =>
            set({ [name]: valueOf(event) })} />
        `}<//>
    `;
  const text = (name: "prompt" | "negativePrompt", label: string, rows: number, hint?: string) =>
    html`
      <${Field} label=${label} hint=${hint}>${(ties: FieldTies) =>
        html`
          <textarea ...${ties} rows=${rows} dir="auto" value=${form[name]} onKeyDown=${onKey}
            onInput=${(
              event: Event,
            ) => set({ [name]: valueOf(event) })} />
        `}<//>
    `;
  const modelKnown = choices.models.some(({ path }) => path === form.model);
  return html`
    ${text("prompt", words.prompt, 4, words.promptHint)}
    ${text("negativePrompt", words.negative, 2)}
    <${Field} label=${words.model}>${(ties: FieldTies) =>
      html`
        <select ...${ties} value=${modelKnown ? form.model : ""} onChange=${(event: Event) =>
          set({ model: valueOf(event) })}>
          ${!modelKnown && html`<option value="">${words.noModel}</option>`}
          ${choices.models.map(({ path, name, family }) =>
            html`<option key=${path} value=${path}>${family ? `${name} (${family})` : name}</option>`
          )}
        </select>
      `}<//>
    <${Loras} form=${form} set=${set} choices=${choices} />
    <div class="draw-row">
      ${number("width", words.width, { min: 64, step: 8, placeholder: words.ownSize })}
      <${Button} kind="quiet" icon="refresh" label=${words.swap} onClick=${() =>
        set({ width: form.height, height: form.width })} />
      ${number("height", words.height, { min: 64, step: 8, placeholder: words.ownSize })}
    </div>
    <div class="draw-row">
      <${Field} label=${words.sampler}>${(ties: FieldTies) =>
        html`
          <select ...${ties} value=${form.sampler} onChange=${(event: Event) =>
            set({ sampler: valueOf(event) })}>
            ${choices.samplers.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
          </select>
        `}<//>
      ${number("steps", words.steps, { min: 1, max: 1000 })}
      ${number("scale", words.scale, { min: 0, step: 0.5 })}
    </div>
    <${Seed} form=${form} set=${set} />
    <div class="draw-row">
      ${number("batch", words.batch, { min: 1, max: 64 })}
      ${number("count", words.count, { min: 1, max: 1000 })}
    </div>
    <details class="draw-more">
      <summary>${words.more}</summary>
      <div class="stack">
        <div class="draw-row">
          <${Field} label=${words.clipSkip}>${(ties: FieldTies) =>
            html`
              <input ...${ties} type="number" min="1" max="24" placeholder=${words.ofModel} value=${form
                .clipSkip}
                onInput=${(event: Event) => set({ clipSkip: valueOf(event) })} />
            `}<//>
          <${Field} label=${words.precision}>${(ties: FieldTies) =>
            html`
              <select ...${ties} value=${form.precision} onChange=${(event: Event) =>
                set({ precision: valueOf(event) })}>
                <option value="">${words.float32}</option>
                ${["fp16", "bf16"].map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
              </select>
            `}<//>
        </div>
        <${Field} label=${words.folder}>${(ties: FieldTies) =>
          html`
            <input ...${ties} type="text" spellcheck=${false} value=${form.folder} onChange=${(
              event: Event,
            ) => set({ folder: valueOf(event) })} />
          `}<//>
      </div>
    </details>
  `;
}

function Seed({ form, set }: Pick<Props, "form" | "set">) {
  const words = useWords(draw), kinds: readonly SeedKind[] = ["random", "fixed", "previous"];
  const shown = form.seedKind === "fixed" ? form.seed : form.lastSeed;
  return html`
    <div class="draw-row">
      <${Field} label=${words.seedKind}>${(ties: FieldTies) =>
        html`
          <select ...${ties} value=${form.seedKind} onChange=${(event: Event) =>
            set({ seedKind: valueOf(event) as SeedKind, ...(form.lastSeed ? { seed: form.lastSeed } : {}) })}>
            ${kinds.map((kind) =>
              html`
                <option key=${kind} value=${kind} disabled=${kind === "previous" &&
                  form.lastSeed === ""}>${words[
                    kind
                  ]}</option>
              `
            )}
          </select>
        `}<//>
      <${Field} label=${words.seed}>${(ties: FieldTies) =>
        html`
          <input ...${ties} type="number" min="0" value=${shown} readonly=${form.seedKind !== "fixed"}
            onInput=${(event: Event) => set({ seed: valueOf(event) })} />
        `}<//>
    </div>
  `;
}
