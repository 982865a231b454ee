/** The input of one option, made from its row. */

import type { FormField } from "../../../form/form.ts";
import { Button, Field, type FieldTies, html } from "../../parts/mod.ts";
import { PathField } from "../../parts/paths/path_field.ts";
import { newJob } from "../../words/new_job.ts";
import { fill, useWords } from "../../words/mod.ts";
import type { Texts } from "./draft.ts";
import { isTicked, valueOf } from "../../value_of.ts";

interface OptionFieldProps {
  field: FormField;
  value: Texts | undefined;
  error: string | null;
  /** Flags that it stands in place of. */
  inPlaceOf?: readonly string[];
  onChange: (value: Texts | undefined) => void;
}

export function OptionField({ field, value, error, inPlaceOf = [], onChange }: OptionFieldProps) {
  const words = useWords(newJob), { name, type, support, standard } = field;
  const more = [
    ...standard === null || standard === false || String(standard) === ""
      ? []
      : [fill(words.standard, { value: String(standard) })],
    ...inPlaceOf.length ? [fill(words.inPlaceOf, { names: inPlaceOf.join(", ") })] : [],
    ...field.nargs !== null && type !== "flag" ? [words.oneALine] : [],
    ...support === "no effect" ? [words.noEffect] : support === "not yet" ? [words.notYet] : [],
  ];
  const hint = html`<span lang="en">${field.help}</span>${more.map((text) => ` · ${text}`).join("")}`;
  const reset = value !== undefined && html`
    <${Button} kind="quiet" icon="undo" label=${fill(words.reset, { name })} onClick=${() =>
      onChange(undefined)} />
  `;
  return html`
    <div class=${`option ${value === undefined ? "" : "set"}`} data-option=${name}>
      <${Field} label=${name} hint=${hint} error=${error} beside=${type === "flag"}>
        ${(ties: FieldTies) => html`<${Input} ...${{ ties, field, value, onChange }} />`}
      <//>
      ${reset}
    </div>
  `;
}

type InputProps = Pick<OptionFieldProps, "field" | "value" | "onChange"> & { ties: FieldTies };

const typed = (event: Event) => valueOf(event);

function Input(props: InputProps) {
  const { ties, field, value, onChange } = props;
  if (field.type === "flag") {
    const tick = (event: Event) => onChange(isTicked(event) || undefined);
    return html`<input ...${ties} type="checkbox" checked=${value === true} onChange=${tick} />`;
  }
  if (field.nargs !== null) return html`<${Lines} ...${props} />`;
  const text = typeof value === "string" ? value : "",
    set = (text: string) => onChange(text === "" ? undefined : text);
  if (field.choices && !field.open) return html`<${Choice} ...${props} />`;
  if (field.leadsTo) {
    return html`
      <${PathField} ties=${ties} value=${text} kind=${field.leadsTo}
        placeholder=${String(field.standard ?? "")} onChange=${set} />
    `;
  }
  const list = field.choices ? `${ties.id}-list` : undefined;
  return html`
    <input ...${ties} type=${field.secret
      ? "password"
      : "text"} value=${text} list=${list} spellcheck=${false}
      autocomplete="off" inputmode=${{ int: "numeric", float: "decimal" }[field.type as string]}
      placeholder=${String(field.standard ?? "")} onInput=${(event: Event) => set(typed(event))} />
    ${list &&
      html`<datalist id=${list}>${
        field.choices!.map((choice) => html`<option key=${choice} value=${choice} />`)
      }</datalist>`}
  `;
}

/** A value that is none of the choices is shown too, with what is wrong with it below. */
function Choice({ ties, field, value, onChange }: InputProps) {
  const words = useWords(newJob), text = typeof value === "string" ? value : "";
  const strange = text !== "" && !field.choices!.includes(text) ? [text] : [];
  const none = field.standard === null || field.standard === "" ? words.unset : String(field.standard);
  const change = (event: Event) => onChange(typed(event) || undefined);
  return html`
    <select ...${ties} value=${text} onChange=${change}>
      <option value="">${none}</option>
      ${[...field.choices!, ...strange].map((choice) =>
        html`<option key=${choice} value=${choice}>${choice}</option>`
      )}
    </select>
  `;
}

/** A value each line. */
function Lines({ ties, field, value, onChange }: InputProps) {
  const lines = Array.isArray(value) ? value : [];
  const change = (event: Event) => {
    const text = typed(event);
    onChange(text === "" ? undefined : text.split("\n"));
  };
  return html`
    <textarea ...${ties} rows=${Math.max(1, lines.length)} spellcheck=${false} value=${lines.join("\n")}
      placeholder=${Array.isArray(field.standard)
        ? field.standard.join("\n")
        : ""} onInput=${change}></textarea>
  `;
}
