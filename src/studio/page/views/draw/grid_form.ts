/** What an X/Y grid changes: filled so that one press draws the epochs of a LoRA at several strengths. */

import { useState } from "preact/hooks";
import type { Axis, AxisKind } from "../../../draw/shown.ts";
import type { Choices } from "../../../draw/shown.ts";
import { Button, Field, type FieldTies, html, Name } from "../../parts/mod.ts";
import { draw } from "../../words/draw.ts";
import { fill, useWords } from "../../words/mod.ts";
import { axisOf, epochsOf, KINDS, typed, type TypedAxis } from "./axes.ts";
import type { Form } from "./form.ts";
import { isTicked, valueOf } from "../../value_of.ts";

interface Props {
  form: Form;
  choices: Choices & { readonly samplers: readonly string[] };
  busy: boolean;
  onDraw: (x: Axis, y: Axis) => void;
}

export function GridForm({ form, choices, busy, onDraw }: Props) {
  const words = useWords(draw);
  const [axes, set] = useState<readonly [TypedAxis, TypedAxis]>(() => {
    const epochs = epochsOf(choices.loras, form.loras[0]?.path);
    return epochs.length > 0 ? [typed("lora", epochs), typed("strength")] : [typed("steps"), typed("scale")];
  });
  const [x, y] = axes.map(axisOf), pictures = (x.axis?.values.length ?? 0) * (y.axis?.values.length ?? 0);
  const change = (at: number, next: TypedAxis) => set(at === 0 ? [next, axes[1]] : [axes[0], next]);
  return html`
    <fieldset class="stack card draw-grid-form">
      <legend class="unseen">${words.grid}</legend>
      ${axes.map((axis, at) =>
        html`<${AxisForm} key=${at} name=${"XY"[at]} axis=${axis} choices=${choices} set=${(
          next: TypedAxis,
        ) => change(at, next)} />`
      )}
      <div><${Button} kind="primary" icon="brush" busy=${busy} disabled=${pictures === 0} onClick=${() =>
        onDraw(x.axis!, y.axis!)}>${fill(words.drawGrid, { n: pictures })}<//></div>
    </fieldset>
  `;
}

interface AxisProps {
  name: string;
  axis: TypedAxis;
  choices: Props["choices"];
  set: (axis: TypedAxis) => void;
}

function AxisForm({ name, axis, choices, set }: AxisProps) {
  const words = useWords(draw), { wrong, axis: found } = axisOf(axis);
  const titles: Record<AxisKind, string> = {
    ...{ lora: words.kindLora, strength: words.kindStrength, steps: words.kindSteps },
    ...{ scale: words.kindScale, sampler: words.kindSampler, seed: words.kindSeed },
  };
  const choose = (kind: AxisKind) =>
    set(
      typed(
        kind,
        kind === "lora" ? epochsOf(choices.loras, undefined) : kind === "sampler" ? ["euler_a", "ddim"] : [],
      ),
    );
  const error = wrong !== undefined
    ? fill(words.wrongNumber, { text: wrong.slice(0, 40) })
    : found
    ? null
    : words.nothingChosen;
  const listed = axis.kind === "lora"
    ? choices.loras.map(({ path, name }) => ({ value: path, text: name }))
    : choices.samplers.map((sampler) => ({ value: sampler, text: sampler }));
  const tick = (value: string, on: boolean) =>
    set({ ...axis, chosen: on ? [...axis.chosen, value] : axis.chosen.filter((other) => other !== value) });
  return html`
    <div class="stack">
      <${Field} label=${fill(words.axis, { axis: name })}>${(ties: FieldTies) =>
        html`
          <select ...${ties} value=${axis.kind} onChange=${(event: Event) =>
            choose(valueOf(event) as AxisKind)}>
            ${KINDS.map((kind) => html`<option key=${kind} value=${kind}>${titles[kind]}</option>`)}
          </select>
        `}<//>
      ${axis.kind === "lora" || axis.kind === "sampler"
        ? html`
          <fieldset>
            <legend class="unseen">${fill(axis.kind === "lora" ? words.axisLoras : words.axisSamplers, {
              axis: name,
            })}</legend>
            <div class="draw-ticks">
              ${listed.map(({ value, text }) =>
                html`
                  <label key=${value}><input type="checkbox" checked=${axis.chosen.includes(value)}
                    onChange=${(event: Event) =>
                      tick(
                        value,
                        isTicked(event),
                      )} /> <${Name} text=${text} /></label>
                `
              )}
            </div>
            ${error && html`<p class="error">${error}</p>`}
          </fieldset>
        `
        : html`
          <${Field} label=${fill(words.values, { axis: name })} error=${error}>${(ties: FieldTies) =>
            html`
              <input ...${ties} type="text" inputmode="decimal" value=${axis.text} onInput=${(event: Event) =>
                set({ ...axis, text: valueOf(event) })} />
            `}<//>
        `}
    </div>
  `;
}
