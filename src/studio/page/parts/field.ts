import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { html } from "./html.ts";

interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  /** One line about what is wrong with the value. */
  error?: string | null;
  /** The label stands beside it, as with a box to tick. */
  beside?: boolean;
  /** Draws the input with these, which tie it to label, hint and error. */
  children: (ties: FieldTies) => ComponentChildren;
}

export interface FieldTies {
  id: string;
  "aria-describedby"?: string;
  "aria-invalid"?: "true";
}

/** A labelled input: html`<${Field} label=…>${(ties) => html`<input ...${ties} value=… />`}<//>`. */
export function Field({ label, hint, error, beside = false, children }: FieldProps) {
  const id = useId(), hintId = `${id}-hint`, errorId = `${id}-error`;
  const described = [hint ? hintId : "", error ? errorId : ""].filter(Boolean).join(" ");
  const ties: FieldTies = {
    id,
    "aria-describedby": described || undefined,
    "aria-invalid": error ? "true" : undefined,
  };
  return html`
    <div class=${`field ${beside ? "beside" : ""}`}>
      <label for=${id}>${label}</label>
      ${children(ties)}
      ${hint && html`<p class="hint" id=${hintId}>${hint}</p>`}
      ${error && html`<p class="error" id=${errorId}>${error}</p>`}
    </div>
  `;
}
